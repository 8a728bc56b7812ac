//! Runs periodic work beside the requests, such as a sweep or a flush.
//!
//! Invariant: a round that has begun is finished; no round begins after the cancellation.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// Runs a round at once and then every `period`, until `stop` is cancelled.
pub async fn every<F: Future<Output = ()>>(
    period: Duration,
    stop: CancellationToken,
    round: impl Fn() -> F,
) {
    let mut ticks = interval(period);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        round().await;
    }
}

/// Ticks at once and then every `period`; an overlong round delays the next one.
pub fn interval(period: Duration) -> Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn run<F: Future>(test: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let limited = tokio::time::timeout(10 * SECOND, test);
            limited.await.expect("it ends")
        })
    }

    #[test]
    fn it_runs_at_once_and_again_until_it_is_cancelled() {
        let stop = CancellationToken::new();
        let rounds = Cell::new(0);
        run(every(SECOND / 1000, stop.clone(), || async {
            rounds.set(rounds.get() + 1);
            if rounds.get() == 3 {
                stop.cancel();
            }
        }));
        assert_eq!(rounds.get(), 3);
    }

    #[test]
    fn a_round_that_has_begun_is_finished() {
        let stop = CancellationToken::new();
        let is_finished = Cell::new(false);
        run(every(3600 * SECOND, stop.clone(), || async {
            stop.cancel();
            tokio::time::sleep(SECOND / 50).await;
            is_finished.set(true);
        }));
        assert!(is_finished.get());
    }

    #[test]
    fn a_cancelled_job_does_not_begin() {
        let stop = CancellationToken::new();
        stop.cancel();
        let rounds = Cell::new(0);
        run(every(SECOND, stop, || async { rounds.set(1) }));
        assert_eq!(rounds.get(), 0);
    }
}
