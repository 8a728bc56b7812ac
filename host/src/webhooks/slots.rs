//! The slots of a node's delivery attempts, shared out by how an endpoint has done so far.
//!
//! Invariant: endpoints that failed, endpoints that are new and attempts that take long never use the slots of
//! endpoints that work, however many there are.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::webhook::Standing;

/// An attempt that takes longer leaves its slot to others, as long as there are slots for slow attempts.
pub const SLOW_AFTER: Duration = Duration::from_secs(1);

pub struct Slots {
    proven: Arc<Semaphore>,
    new: Arc<Semaphore>,
    failing: Arc<Semaphore>,
    /// For attempts of any standing that take long.
    slow: Arc<Semaphore>,
}

/// One attempt at a time may use it.
pub struct Slot {
    permit: OwnedSemaphorePermit,
    /// `None` after it was exchanged for a slot for slow attempts.
    standing: Option<Standing>,
}

impl Slots {
    /// A quarter of `count` for new endpoints, a quarter for failing ones, the rest for the others; and four times
    /// `count` for slow attempts, which cost little more than an open socket.
    pub fn new(count: usize) -> Slots {
        let quarter = (count / 4).max(1);
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits));
        Slots {
            proven: semaphore(count.saturating_sub(2 * quarter).max(1)),
            new: semaphore(quarter),
            failing: semaphore(quarter),
            slow: semaphore(count.max(1).saturating_mul(4).min(Semaphore::MAX_PERMITS)),
        }
    }

    fn of(&self, standing: Standing) -> &Arc<Semaphore> {
        match standing {
            Standing::Proven => &self.proven,
            Standing::New => &self.new,
            Standing::Failing => &self.failing,
        }
    }

    /// The most free slots that any standing has.
    pub fn free_max(&self) -> usize {
        let free = |semaphore: &Arc<Semaphore>| semaphore.available_permits();
        free(&self.proven).max(free(&self.new)).max(free(&self.failing))
    }

    pub fn try_acquire(&self, standing: Standing) -> Option<Slot> {
        let permit = self.of(standing).clone().try_acquire_owned().ok()?;
        Some(Slot { permit, standing: Some(standing) })
    }

    /// Waits for a slot; first come, first served. `None` does not happen, since the semaphores are never closed.
    pub async fn acquire(&self, standing: Standing) -> Option<Slot> {
        let permit = self.of(standing).clone().acquire_owned().await.ok()?;
        Some(Slot { permit, standing: Some(standing) })
    }
}

impl Slot {
    pub fn is_of(&self, standing: Standing) -> bool {
        self.standing == Some(standing)
    }

    /// Takes a slot for slow attempts instead, if there is one. Returns whether the old slot is free now.
    pub fn give_way(&mut self, slots: &Slots) -> bool {
        let Ok(permit) = slots.slow.clone().try_acquire_owned() else { return false };
        self.permit = permit;
        self.standing = None;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_and_new_endpoints_leave_the_slots_of_the_others() {
        let slots = Slots::new(8);
        let mut held = Vec::new();
        for standing in [Standing::Failing, Standing::New] {
            while let Some(slot) = slots.try_acquire(standing) {
                held.push(slot);
            }
        }
        assert_eq!((held.len(), slots.free_max()), (4, 4));
        while let Some(slot) = slots.try_acquire(Standing::Proven) {
            held.push(slot);
        }
        assert_eq!((held.len(), slots.free_max()), (8, 0));
    }

    #[test]
    fn a_slow_attempt_gives_way_while_there_is_room() {
        let slots = Slots::new(4);
        let mut held: Vec<Slot> = Vec::new();
        for _ in 0..16 {
            let mut slot = slots.try_acquire(Standing::New).expect("the one slot is free again");
            assert!(slot.give_way(&slots) && !slot.is_of(Standing::New));
            held.push(slot);
        }
        let mut last = slots.try_acquire(Standing::New).expect("a slot");
        assert!(!last.give_way(&slots) && last.is_of(Standing::New));
        assert!(slots.try_acquire(Standing::New).is_none());
        drop(last);
        assert!(slots.try_acquire(Standing::New).is_some());
    }

    #[test]
    fn every_standing_has_a_slot_however_few_there_are() {
        for count in 0..4 {
            let slots = Slots::new(count);
            for standing in [Standing::Proven, Standing::New, Standing::Failing] {
                assert!(slots.try_acquire(standing).is_some(), "{count}, {standing:?}");
            }
        }
    }
}
