//! The environment that a guest can observe. Equal records give equal answers.

use chrono::{DateTime, Utc};

pub(crate) struct Record {
    pub(crate) now: DateTime<Utc>,
    pub(crate) seed: u64,
    /// How long the guest may sleep in all.
    pub(crate) sleep_max_ms: u32,
}
