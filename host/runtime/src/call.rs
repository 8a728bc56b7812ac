//! The inputs of one plugin call besides its event.

use chrono::{DateTime, Utc};

use crate::limits::Limits;

/// What one call may use and can observe. Equal records give equal answers.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The settings of the installation, a JSON object.
    pub settings: &'a str,
    pub limits: &'a Limits,
    /// The time that the guest's clocks show.
    pub now: DateTime<Utc>,
    /// The seed of the guest's random numbers.
    pub seed: u64,
}
