//! The queue of compilations: live requests before uploads before background work; within a class the organizations
//! take turns.
//!
//! Invariant: each class has its own bounded places; where there are two slots or more, one is never given to a large
//! component, so that a small one does not wait for it to be compiled.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::error::CompileError;

/// Smaller components usually compile in less than a second.
const SMALL_BYTES_MAX: u64 = 1 << 20;

/// Who waits for a compilation, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CompilePriority {
    /// A request that calls an installed plugin, or a start that makes installed plugins ready.
    Live,
    Upload,
    /// Nobody waits.
    Background,
}

/// A compilation to queue for.
#[derive(Clone, Copy, Debug)]
pub struct CompileRequest {
    pub priority: CompilePriority,
    pub organization: Uuid,
    pub component_bytes: u64,
}

/// A request whose priority rises if a more urgent one needs the same component.
pub(crate) struct Queued {
    priority: AtomicU8,
    organization: Uuid,
    is_small: bool,
}

impl Queued {
    pub(crate) fn new(request: CompileRequest) -> Arc<Queued> {
        Arc::new(Queued {
            priority: AtomicU8::new(request.priority as u8),
            organization: request.organization,
            is_small: request.component_bytes < SMALL_BYTES_MAX,
        })
    }

    fn priority(&self) -> u8 {
        self.priority.load(Ordering::Relaxed)
    }

    fn is(&self, priority: CompilePriority) -> bool {
        self.priority() == priority as u8
    }
}

pub(super) struct Line {
    slots: usize,
    /// Of each class.
    waiting_max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    running: Vec<Arc<Queued>>,
    /// When each organization that waits got its latest turn.
    served: HashMap<Uuid, u64>,
    /// Counts arrivals and turns.
    now: u64,
}

struct Waiting {
    queued: Arc<Queued>,
    arrived: u64,
    sender: oneshot::Sender<Slot>,
}

/// The right to compile; dropping it releases it.
pub(super) struct Slot {
    line: Arc<Line>,
    queued: Arc<Queued>,
}

impl Line {
    pub(super) fn new(slots: usize, waiting_max: usize) -> Arc<Line> {
        Arc::new(Line { slots: slots.max(1), waiting_max, state: Mutex::default() })
    }

    /// Waits for a slot; returns `Busy` if too many wait.
    pub(super) async fn acquire(
        self: &Arc<Self>,
        queued: Arc<Queued>,
    ) -> Result<Slot, CompileError> {
        let (sender, receiver) = oneshot::channel();
        self.lock().push(queued, sender, self.slots, self.waiting_max)?;
        self.give();
        let gone = |_| CompileError::Host { reason: "the queue has ended".into() };
        receiver.await.map_err(gone)
    }

    /// Raises the priority of a request that may be waiting.
    pub(super) fn raise(self: &Arc<Self>, queued: &Queued, priority: CompilePriority) {
        queued.priority.fetch_min(priority as u8, Ordering::Relaxed);
        self.give();
    }

    /// Gives out the free slots.
    fn give(self: &Arc<Self>) {
        loop {
            let Some(next) = self.lock().pop(self.slots) else { return };
            let slot = Slot { line: self.clone(), queued: next.queued };
            // Dropping the slot of a caller that is gone gives it to the next one, one level deeper; the length of
            // the queue limits the depth.
            drop(next.sender.send(slot));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(
        &mut self,
        queued: Arc<Queued>,
        sender: oneshot::Sender<Slot>,
        slots: usize,
        waiting_max: usize,
    ) -> Result<(), CompileError> {
        self.waiting.retain(|waiting| !waiting.sender.is_closed());
        if !self.may_run(&queued, slots) {
            let of_class =
                self.waiting.iter().filter(|other| other.queued.priority() == queued.priority());
            let of_organization = of_class
                .clone()
                .filter(|other| other.queued.organization == queued.organization)
                .count();
            // One organization alone does not fill the places.
            if of_class.count() >= waiting_max || of_organization >= waiting_max.div_ceil(2) {
                return Err(CompileError::Busy { waiting_max });
            }
        }
        self.now += 1;
        self.waiting.push(Waiting { queued, arrived: self.now, sender });
        Ok(())
    }

    fn pop(&mut self, slots: usize) -> Option<Waiting> {
        let (index, _) = self
            .waiting
            .iter()
            .enumerate()
            .filter(|(_, waiting)| self.may_run(&waiting.queued, slots))
            .min_by_key(|(_, waiting)| {
                let Waiting { queued, arrived, .. } = waiting;
                let served = self.served.get(&queued.organization).copied().unwrap_or(0);
                (queued.priority(), served, *arrived)
            })?;
        let next = self.waiting.remove(index);
        self.now += 1;
        self.served.insert(next.queued.organization, self.now);
        let State { served, waiting, .. } = self;
        served.retain(|id, _| waiting.iter().any(|other| other.queued.organization == *id));
        self.running.push(next.queued.clone());
        Some(next)
    }

    fn may_run(&self, queued: &Queued, slots: usize) -> bool {
        // All slots but one, and at least one.
        let most = slots.saturating_sub(1).max(1);
        let large = || self.running.iter().filter(|running| !running.is_small).count();
        let uploads = || {
            let same = |running: &&Arc<Queued>| {
                running.organization == queued.organization && running.is(CompilePriority::Upload)
            };
            self.running.iter().filter(same).count()
        };
        self.running.len() < slots
            && (queued.is_small || large() < most)
            && (!queued.is(CompilePriority::Upload) || uploads() < most)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.line.lock();
        if let Some(index) =
            state.running.iter().position(|running| Arc::ptr_eq(running, &self.queued))
        {
            state.running.swap_remove(index);
        }
        drop(state);
        self.line.give();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::CompilePriority::{Background, Live, Upload};
    use super::*;

    const LARGE: u64 = 10 << 20;
    const SMALL: u64 = 60 << 10;

    type Acquiring = Pin<Box<dyn Future<Output = Result<Slot, CompileError>>>>;

    fn queued(priority: CompilePriority, organization: u128, component_bytes: u64) -> Arc<Queued> {
        let organization = Uuid::from_u128(organization);
        Queued::new(CompileRequest { priority, organization, component_bytes })
    }

    fn acquire(line: &Arc<Line>, queued: Arc<Queued>) -> Acquiring {
        let line = line.clone();
        let mut acquiring: Acquiring = Box::pin(async move { line.acquire(queued).await });
        // It stands in the queue from its first poll on.
        if let Poll::Ready(done) = poll(&mut acquiring) {
            return Box::pin(std::future::ready(done));
        }
        acquiring
    }

    fn poll(acquiring: &mut Acquiring) -> Poll<Result<Slot, CompileError>> {
        acquiring.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    fn slot(acquiring: &mut Acquiring) -> Option<Slot> {
        match poll(acquiring) {
            Poll::Ready(done) => Some(done.expect("there is room")),
            Poll::Pending => None,
        }
    }

    /// The order in which these get the only slot, after one that has it already.
    fn order(waiting: &[(&'static str, Arc<Queued>)]) -> Vec<&'static str> {
        let line = Line::new(1, 9);
        let mut held = slot(&mut acquire(&line, queued(Upload, 99, SMALL)));
        let mut waiting: Vec<_> =
            waiting.iter().map(|(name, queued)| (*name, acquire(&line, queued.clone()))).collect();
        let mut order = Vec::new();
        while !waiting.is_empty() {
            drop(held.take());
            let mut ready = waiting.iter_mut().enumerate();
            let (index, got) = ready
                .find_map(|(index, (_, acquiring))| Some((index, slot(acquiring)?)))
                .expect("one has it");
            held = Some(got);
            order.push(waiting.remove(index).0);
        }
        order
    }

    #[test]
    fn live_requests_go_before_uploads_and_those_before_background_work() {
        let served = order(&[
            ("background", queued(Background, 1, SMALL)),
            ("upload", queued(Upload, 2, SMALL)),
            ("another upload", queued(Upload, 3, SMALL)),
            ("live", queued(Live, 4, LARGE)),
        ]);
        assert_eq!(served, ["live", "upload", "another upload", "background"]);
    }

    #[test]
    fn organizations_take_turns() {
        let served = order(&[
            ("a1", queued(Upload, 1, SMALL)),
            ("a2", queued(Upload, 1, SMALL)),
            ("a3", queued(Upload, 1, SMALL)),
            ("b1", queued(Upload, 2, SMALL)),
        ]);
        assert_eq!(served, ["a1", "b1", "a2", "a3"]);
    }

    #[test]
    fn what_a_request_comes_to_wait_for_moves_forward() {
        let line = Line::new(1, 9);
        let held = slot(&mut acquire(&line, queued(Live, 9, LARGE)));
        let needed = queued(Background, 1, SMALL);
        let mut upload = acquire(&line, queued(Upload, 2, SMALL));
        let mut background = acquire(&line, needed.clone());
        line.raise(&needed, Live);
        drop(held);
        assert!(slot(&mut upload).is_none());
        assert!(slot(&mut background).is_some());
    }

    #[test]
    fn a_small_component_does_not_wait_for_large_ones() {
        let line = Line::new(2, 9);
        let first = slot(&mut acquire(&line, queued(Upload, 1, LARGE)));
        assert!(first.is_some());
        let mut large = acquire(&line, queued(Live, 2, LARGE));
        assert!(slot(&mut large).is_none(), "the second slot is for small ones");
        assert!(slot(&mut acquire(&line, queued(Live, 3, SMALL))).is_some());
        drop(first);
        assert!(slot(&mut large).is_some());
    }

    #[test]
    fn uploads_of_one_organization_leave_a_slot_to_others() {
        let line = Line::new(2, 9);
        let first = slot(&mut acquire(&line, queued(Upload, 1, SMALL)));
        let mut second = acquire(&line, queued(Upload, 1, SMALL));
        assert!(slot(&mut second).is_none());
        assert!(slot(&mut acquire(&line, queued(Upload, 2, SMALL))).is_some());
        drop(first);
        assert!(slot(&mut second).is_some());
    }

    #[test]
    fn a_class_or_an_organization_that_is_full_keeps_only_its_own_out() {
        let line = Line::new(1, 4);
        let is_busy = |acquiring: &mut Acquiring| {
            matches!(poll(acquiring), Poll::Ready(Err(CompileError::Busy { waiting_max: 4 })))
        };
        let _held = slot(&mut acquire(&line, queued(Upload, 1, SMALL)));
        let mut waiting = Vec::new();
        for organization in [1, 1, 2, 2] {
            waiting.push(acquire(&line, queued(Upload, organization, SMALL)));
            let full = organization == 1 && waiting.len() == 2;
            if full {
                assert!(is_busy(&mut acquire(&line, queued(Upload, 1, SMALL))));
            }
        }
        assert!(is_busy(&mut acquire(&line, queued(Upload, 3, SMALL))));
        let mut live = acquire(&line, queued(Live, 1, SMALL));
        assert!(poll(&mut live).is_pending());
        // Callers that went away leave their places.
        waiting.clear();
        assert!(poll(&mut acquire(&line, queued(Upload, 3, SMALL))).is_pending());
    }

    #[test]
    fn nothing_is_left_behind() {
        let line = Line::new(2, 9);
        let mut gone =
            (0..9).map(|index| acquire(&line, queued(Live, index, LARGE))).collect::<Vec<_>>();
        let first = slot(&mut gone[0]);
        gone.clear();
        drop(first);
        let state = line.lock();
        assert_eq!((state.waiting.len(), state.running.len()), (0, 0));
        drop(state);
        assert!(slot(&mut acquire(&line, queued(Live, 1, SMALL))).is_some());
        assert!(line.lock().served.is_empty());
    }
}
