//! Turns for work that does not run on guest threads: a few at a time, in round-robin order of the organizations,
//! behind a bounded queue.
//!
//! Invariant: every turn is released, even if its caller is dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::error::Busy;
use super::queue::{Caps, Queue, Share};

pub(super) struct Turns {
    slots: usize,
    queue: Mutex<Queue<oneshot::Sender<Turn>>>,
}

/// The right to work; dropping it releases it.
pub(super) struct Turn {
    turns: Arc<Turns>,
    share: Share,
}

impl Turns {
    /// `slots` is the number of concurrent turns.
    pub(super) fn new(slots: usize, caps: Caps) -> Arc<Turns> {
        Arc::new(Turns { slots: slots.max(1), queue: Mutex::new(Queue::new(caps)) })
    }

    /// Waits for a turn; returns `Busy` if the queue is full.
    pub(super) async fn acquire(self: &Arc<Self>, share: Share) -> Result<Turn, Busy> {
        let (sender, receiver) = oneshot::channel();
        self.lock().push(share, sender)?;
        self.give();
        // The sender is dropped only with the queue, which this call holds.
        receiver.await.map_err(|_| Busy { whose: "server", waiting_max: 0 })
    }

    /// Hands out turns while slots are free. A dropped caller releases its turn at once.
    fn give(self: &Arc<Self>) {
        loop {
            let next = {
                let mut queue = self.lock();
                if queue.load().0 >= self.slots {
                    return;
                }
                queue.pop()
            };
            let Some((share, sender)) = next else { return };
            let turn = Turn { turns: self.clone(), share };
            // Dropping the turn here hands out the next one, one level deeper; the queue length limits the depth.
            drop(sender.send(turn));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue<oneshot::Sender<Turn>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.lock().done(&self.share);
        self.turns.give();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use uuid::Uuid;

    use super::*;

    const CAPS: Caps = Caps {
        running_per_organization: 1,
        running_per_installation: 1,
        waiting: 300,
        waiting_per_organization: 200,
        waiting_per_installation: 1,
    };

    fn share(organization: u128) -> Share {
        Share { organization: Uuid::from_u128(organization), installations: Vec::new() }
    }

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn one_organization_waits_for_itself_alone() {
        let turns = Turns::new(2, CAPS);
        let (mut a1, mut a2, mut b1) = (
            pin!(turns.acquire(share(1))),
            pin!(turns.acquire(share(1))),
            pin!(turns.acquire(share(2))),
        );
        let Poll::Ready(Ok(first)) = poll(a1.as_mut()) else { panic!("there is a slot") };
        assert!(poll(a2.as_mut()).is_pending());
        assert!(matches!(poll(b1.as_mut()), Poll::Ready(Ok(_))), "another organization's turn");
        drop(first);
        assert!(matches!(poll(a2.as_mut()), Poll::Ready(Ok(_))));
    }

    #[test]
    fn callers_that_went_away_are_passed_over() {
        let turns = Turns::new(1, CAPS);
        let mut first = Box::pin(turns.acquire(share(1)));
        let Poll::Ready(Ok(turn)) = poll(first.as_mut()) else { panic!("there is a slot") };
        for _ in 0..150 {
            let mut gone = Box::pin(turns.acquire(share(1)));
            assert!(poll(gone.as_mut()).is_pending());
        }
        let mut last = Box::pin(turns.acquire(share(1)));
        assert!(poll(last.as_mut()).is_pending());
        drop(turn);
        assert!(matches!(poll(last.as_mut()), Poll::Ready(Ok(_))));
        assert_eq!(turns.lock().load(), (0, 0), "the turn that was given is given back");
    }
}
