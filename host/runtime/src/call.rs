//! What one call of a plugin is given.

use chrono::{DateTime, Utc};

use crate::limits::Limits;

/// One call of a plugin: what it may use and what it can learn. The same record gives the same answer.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The installation's settings, a JSON object.
    pub settings: &'a str,
    pub limits: &'a Limits,
    /// What the guest's clocks show.
    pub now: DateTime<Utc>,
    /// What the guest's random numbers follow from.
    pub seed: u64,
}
