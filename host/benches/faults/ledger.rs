//! What clients were told: every acknowledged write, and those that were not.

use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    Created,
    /// One piece of stock for it.
    Parts,
    Moved(&'static str),
    Paid,
}

pub struct Write {
    pub ticket: String,
    /// What its creation was sent with: no other ticket has it.
    pub token: String,
    pub what: What,
    /// The version that the response showed.
    pub version: i64,
    pub started: Instant,
    pub acknowledged: Instant,
}

#[derive(Default)]
pub struct Ledger {
    pub acknowledged: Vec<Write>,
    /// Repeated for so long that the client gave up: they may be there or not.
    pub given_up: Vec<String>,
    /// Responses that no repetition changes.
    pub refused: Vec<String>,
}

impl Ledger {
    pub fn append(&mut self, mut other: Ledger) {
        self.acknowledged.append(&mut other.acknowledged);
        self.given_up.append(&mut other.given_up);
        self.refused.append(&mut other.refused);
    }

    /// The longest time in which no client had a write acknowledged.
    pub fn longest_pause(&self) -> Duration {
        let mut times: Vec<Instant> =
            self.acknowledged.iter().map(|write| write.acknowledged).collect();
        times.sort_unstable();
        let pauses = times.windows(2).map(|pair| pair[1] - pair[0]);
        pauses.max().unwrap_or_default()
    }

    /// The longest time from the first try of a write to its acknowledgement; of a write that was under way at a death,
    /// from that death.
    pub fn longest_wait(&self, deaths: &[Instant]) -> Duration {
        let wait = |write: &Write| {
            let death = deaths.iter().filter(|death| **death <= write.acknowledged).max();
            let since = death.map_or(write.started, |death| write.started.max(*death));
            write.acknowledged - since
        };
        self.acknowledged.iter().map(wait).max().unwrap_or_default()
    }
}
