//! The threads that guests run on. They are plain threads: the synchronous functions of WASI block, which panics on a
//! tokio worker. Who comes when all are busy waits in a queue of limited length; who finds it full is told so.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use anyhow::Context;
use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

use super::error::Busy;

/// More than guests may use (`engine.rs`), for the host's part of a call.
const STACK_BYTES: usize = 4 << 20;

/// A fixed number of guest threads and the queue before them.
pub(super) struct GuestThreads {
    pool: ThreadPool,
    permits: Arc<Semaphore>,
    waiting_max: usize,
}

impl GuestThreads {
    pub(super) fn start(threads: usize, waiting_max: usize) -> anyhow::Result<GuestThreads> {
        anyhow::ensure!(threads > 0, "there has to be at least one thread for plugins");
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("guest-{index}"))
            .stack_size(STACK_BYTES)
            .build()
            .context("the threads for plugins cannot be started")?;
        let permits = threads.saturating_add(waiting_max).min(Semaphore::MAX_PERMITS);
        Ok(GuestThreads { pool, permits: Arc::new(Semaphore::new(permits)), waiting_max })
    }

    /// Runs `job` on a guest thread. The permit belongs to the job: a caller that goes away frees nothing that is
    /// still in use. A panic of the job is the caller's.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let busy = Busy { waiting_max: self.waiting_max };
        let permit = self.permits.clone().try_acquire_owned().map_err(|_| busy)?;
        let (sender, receiver) = oneshot::channel();
        // WASI blocks on the runtime that it finds here; it would start one of its own otherwise.
        let tokio = Handle::current();
        self.pool.spawn_fifo(move || {
            let _entered = tokio.enter();
            let result = catch_unwind(AssertUnwindSafe(job));
            drop(permit);
            let _ = sender.send(result);
        });
        match receiver.await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(panic)) => resume_unwind(panic),
            // The pool ends with the runtime, and the runtime outlives its callers.
            Err(_) => Err(busy),
        }
    }
}
