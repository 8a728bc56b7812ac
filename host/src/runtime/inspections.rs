//! Bounds how many uploads are inspected. Invariant: a few run at a time, since validating takes a whole core, and those
//! that wait, each of them in memory, are bounded as well.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinError;

const RUNNING_MAX: usize = 2;
const WAITING_MAX: usize = 16;

pub(super) struct Inspections {
    slots: Arc<Semaphore>,
    /// Slots and places to wait for one.
    places: Arc<Semaphore>,
}

impl Default for Inspections {
    fn default() -> Self {
        Inspections {
            slots: Arc::new(Semaphore::new(RUNNING_MAX)),
            places: Arc::new(Semaphore::new(RUNNING_MAX + WAITING_MAX)),
        }
    }
}

impl Inspections {
    /// Runs `work` on a thread for blocking work when there is a slot; `None` when too many wait for one.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<Result<T, JoinError>> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        let slots = self.slots.clone();
        // Both permits go with the work: a client that hangs up frees neither while its upload is in memory.
        let task = tokio::spawn(async move {
            let slot = slots.acquire_owned().await;
            tokio::task::spawn_blocking(move || {
                let _permits = (place, slot);
                work()
            })
            .await
        });
        Some(task.await.and_then(|done| done))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Condvar, Mutex};

    use super::*;

    #[tokio::test]
    async fn a_few_run_some_wait_and_the_others_are_sent_away() {
        let inspections = Arc::new(Inspections::default());
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let start = || {
            let (running, most, gate) = (running.clone(), most.clone(), gate.clone());
            let work = move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let open = gate.0.lock().unwrap();
                drop(gate.1.wait_while(open, |open| !*open).unwrap());
                running.fetch_sub(1, Ordering::SeqCst);
            };
            let inspections = inspections.clone();
            tokio::spawn(async move { inspections.run(work).await })
        };
        let admitted: Vec<_> = (0..RUNNING_MAX + WAITING_MAX).map(|_| start()).collect();
        while inspections.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(inspections.run(|| ()).await.is_none(), "there is no place left");
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        for work in admitted {
            assert!(work.await.unwrap().is_some_and(|done| done.is_ok()));
        }
        assert!(most.load(Ordering::SeqCst) <= RUNNING_MAX);
        assert!(inspections.run(|| ()).await.is_some(), "places are free again");
    }
}
