//! The threads that run guests, and their queue. They are plain threads: the synchronous functions of WASI block,
//! which panics on a tokio worker.
//!
//! Invariant: the queue is bounded; a job that finds it full gets [`Busy`].
//!
//! The thread that became idle last gets the next job, because its caches and its stack are warm.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::error::Busy;
use super::queue::{Caps, Queue, Share};

/// More than the stack of a guest (`engine.rs`), for the host's part of a call.
const STACK_BYTES: usize = 4 << 20;

/// What the threads of a pool are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Requests wait for these calls.
    Live,
    /// Nobody waits: these threads run when a processor has nothing else to do.
    Background,
}

impl Lane {
    /// The scheduling priority of the threads.
    #[cfg(target_os = "linux")]
    fn nice(self) -> i32 {
        match self {
            Lane::Live => 10,
            Lane::Background => 19,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Lane::Live => "guest",
            Lane::Background => "guest-background",
        }
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of guest threads and their queue. Dropping it ends the threads when they are idle.
pub(super) struct GuestThreads(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
}

struct State {
    queue: Queue<Job>,
    /// Parked threads, or threads about to park, the latest last. Removed before they are unparked.
    idle: Vec<Thread>,
    ended: bool,
}

impl GuestThreads {
    pub(super) fn start(lane: Lane, threads: usize, caps: Caps) -> anyhow::Result<GuestThreads> {
        anyhow::ensure!(threads > 0, "at least one thread for plugins is needed");
        let idle = Vec::with_capacity(threads);
        let state = Mutex::new(State { queue: Queue::new(caps), idle, ended: false });
        let started = GuestThreads(Arc::new(Shared { state }));
        for index in 0..threads {
            let shared = started.0.clone();
            thread::Builder::new()
                .name(format!("{}-{index}", lane.name()))
                .stack_size(STACK_BYTES)
                .spawn(move || work(&shared, lane))
                .context("the threads for plugins cannot be started")?;
        }
        Ok(started)
    }

    /// The number of running and of queued jobs.
    pub(super) fn load(&self) -> (usize, usize) {
        self.0.lock().queue.load()
    }

    /// Runs `job` on a guest thread. The job owns its slot: a caller that is dropped releases nothing still in use,
    /// and is skipped if its job has not started. A panic of the job is raised in the caller. `job` returns its
    /// result, and values that are dropped only after the result was sent.
    pub(super) async fn run<T: Send + 'static, L>(
        &self,
        share: Share,
        job: impl FnOnce() -> (T, L) + Send + 'static,
    ) -> Result<T, Busy> {
        let (sender, receiver) = oneshot::channel();
        // WASI blocks on this runtime; without one it would start its own.
        let tokio = Handle::current();
        let job = move || {
            if sender.is_closed() {
                return;
            }
            let _entered = tokio.enter();
            let (result, left) = match catch_unwind(AssertUnwindSafe(job)) {
                Ok((result, left)) => (Ok(result), Some(left)),
                Err(panic) => (Err(panic), None),
            };
            let _ = sender.send(result);
            drop(left);
        };
        let woken = {
            let mut state = self.0.lock();
            state.queue.push(share, Box::new(job))?;
            state.idle.pop()
        };
        if let Some(thread) = woken {
            thread.unpark();
        }
        match receiver.await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(panic)) => resume_unwind(panic),
            // The threads end with the runtime, and the runtime outlives its callers.
            Err(_) => Err(Busy { whose: "server", waiting_max: 0 }),
        }
    }
}

impl Drop for GuestThreads {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.ended = true;
        state.wake_all();
    }
}

impl Shared {
    /// No job runs while the lock is held, so a panic cannot leave the queue half-changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake_all(&mut self) {
        for thread in self.idle.drain(..) {
            thread.unpark();
        }
    }
}

/// One guest thread: runs one job at a time until the end.
fn work(shared: &Shared, lane: Lane) {
    // On Linux each thread has its own priority: guests yield to requests.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(lane.nice());
    #[cfg(not(target_os = "linux"))]
    let _ = lane;
    let mut state = shared.lock();
    loop {
        if let Some((share, job)) = state.queue.pop() {
            drop(state);
            job();
            state = shared.lock();
            state.queue.done(&share);
            // Finishing this job may unblock one for another thread.
            if state.queue.load().1 > 0 {
                state.wake_all();
            }
        } else if state.ended {
            return;
        } else {
            state.idle.push(thread::current());
            state = park(shared, state);
        }
    }
}

/// Parks this thread until it is removed from the idle list.
fn park<'a>(shared: &'a Shared, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    let this = thread::current().id();
    while state.idle.iter().any(|thread| thread.id() == this) {
        drop(state);
        thread::park();
        state = shared.lock();
    }
    state
}
