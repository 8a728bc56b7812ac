//! Times of requests, and how many of them failed.

use std::time::{Duration, Instant};

/// The time of each request that succeeded, and how many did not.
#[derive(Clone, Default)]
pub struct Samples {
    pub times: Vec<Duration>,
    pub failed: usize,
    pub last_error: Option<String>,
}

impl Samples {
    pub fn add<T>(&mut self, started: Instant, done: &anyhow::Result<T>) {
        match done {
            Ok(_) => self.times.push(started.elapsed()),
            Err(error) => self.fail(format!("{error:#}")),
        }
    }

    pub fn fail(&mut self, error: String) {
        self.failed += 1;
        self.last_error = Some(error);
    }

    pub fn append(&mut self, other: &Samples) {
        self.times.extend(&other.times);
        self.failed += other.failed;
        self.last_error = other.last_error.clone().or(self.last_error.take());
    }

    /// The time that this share of the requests took at most, in milliseconds.
    pub fn at(&mut self, share: f64) -> f64 {
        self.times.sort_unstable();
        let index = (self.times.len().saturating_sub(1) as f64 * share) as usize;
        self.times.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }

    /// Cells of a table: how many, failed, p50, p99 and maximum in ms.
    pub fn row(&mut self) -> String {
        let (count, failed) = (self.times.len(), self.failed);
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| self.at(share));
        format!("{count} | {failed} | {p50:.1} | {p99:.1} | {max:.1}")
    }
}
