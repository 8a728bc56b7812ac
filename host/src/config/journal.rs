//! How much of the journal of plugins is kept.

use clap::Args;

/// What is more or older is deleted, a few minutes later.
#[derive(Args, Clone, Debug)]
pub struct JournalConfig {
    /// How many days the journal of plugins keeps what they were asked and did.
    #[arg(long, env = "REPAIROPS_JOURNAL_DAYS", default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=3_650))]
    pub journal_days: i64,

    /// How many inputs of plugins the journal keeps of one organization, each with all of its runs; 0 records nothing.
    #[arg(long, env = "REPAIROPS_JOURNAL_INPUTS_MAX", default_value_t = 100_000, value_parser = clap::value_parser!(i64).range(0..))]
    pub journal_inputs_max: i64,
}

impl JournalConfig {
    /// Nothing is recorded if nothing is kept.
    pub fn is_on(&self) -> bool {
        self.journal_inputs_max > 0
    }
}

impl Default for JournalConfig {
    fn default() -> Self {
        JournalConfig { journal_days: 30, journal_inputs_max: 100_000 }
    }
}
