//! The environment that a guest can observe. Equal records give equal answers.

use chrono::{DateTime, Utc};

pub(crate) struct Record {
    pub(crate) now: DateTime<Utc>,
    pub(crate) seed: u64,
    pub(crate) deadline_ms: u32,
}
