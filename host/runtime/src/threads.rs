//! The threads that guests run on. They are plain threads: the synchronous functions of WASI block, which panics on a
//! tokio worker. Who comes when all are busy waits in a queue of limited length; who finds it full is told so.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::error::Busy;
use super::queue::{Caps, Queue, Share};

/// More than guests may use (`engine.rs`), for the host's part of a call.
const STACK_BYTES: usize = 4 << 20;

/// How far guests stand back behind the rest of the server.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of guest threads and the queue before them. Dropping it ends the threads when they are idle.
pub(super) struct GuestThreads(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    queue: Queue<Job>,
    ended: bool,
}

impl GuestThreads {
    pub(super) fn start(threads: usize, caps: Caps) -> anyhow::Result<GuestThreads> {
        anyhow::ensure!(threads > 0, "there has to be at least one thread for plugins");
        let state = Mutex::new(State { queue: Queue::new(caps), ended: false });
        let started = GuestThreads(Arc::new(Shared { state, changed: Condvar::new() }));
        for index in 0..threads {
            let shared = started.0.clone();
            thread::Builder::new()
                .name(format!("guest-{index}"))
                .stack_size(STACK_BYTES)
                .spawn(move || work(&shared))
                .context("the threads for plugins cannot be started")?;
        }
        Ok(started)
    }

    /// How many jobs run and wait.
    pub(super) fn load(&self) -> (usize, usize) {
        self.0.lock().queue.load()
    }

    /// Runs `job` on a guest thread. Its place belongs to the job: a caller that goes away frees nothing that is
    /// still in use; one that goes away before its turn is passed over. A panic of the job is the caller's.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        share: Share,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (sender, receiver) = oneshot::channel();
        // WASI blocks on the runtime that it finds here; it would start one of its own otherwise.
        let tokio = Handle::current();
        let job = move || {
            if sender.is_closed() {
                return;
            }
            let _entered = tokio.enter();
            let _ = sender.send(catch_unwind(AssertUnwindSafe(job)));
        };
        self.0.lock().queue.push(share, Box::new(job))?;
        self.0.changed.notify_one();
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
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    /// No job runs while the lock is held, so nothing leaves the queue half-changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One guest thread: a job at a time, until the end.
fn work(shared: &Shared) {
    // On Linux a thread has a priority of its own: what loops gives way to what answers requests.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICE);
    let mut state = shared.lock();
    loop {
        if let Some((share, job)) = state.queue.pop() {
            drop(state);
            job();
            state = shared.lock();
            state.queue.done(&share);
            // What this job held back may be for another thread.
            if state.queue.load().1 > 0 {
                shared.changed.notify_all();
            }
        } else if state.ended {
            return;
        } else {
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
