//! What a guest can learn of its surroundings. The same record gives the same answer.

use chrono::{DateTime, Utc};

pub(crate) struct Record {
    pub(crate) now: DateTime<Utc>,
    pub(crate) seed: u64,
    pub(crate) deadline_ms: u32,
}
