//! From a component to an artifact, once a digest however many ask at once. Cranelift cannot be interrupted, so who
//! waits gives up after a time, while the work goes on in its slot; there are few slots.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use wasmtime::Engine;

use super::error::CompileError;
use super::prepared::Prepared;

/// Compilations at the same time. Each uses all cores already.
const SLOTS: usize = 1;

type Outcome = Result<Arc<Prepared>, CompileError>;

/// The compilations that run now, by digest.
pub(super) struct Compiler {
    running: Mutex<HashMap<String, watch::Receiver<Option<Outcome>>>>,
    slots: Arc<Semaphore>,
    timeout: Duration,
}

impl Compiler {
    pub(super) fn new(timeout: Duration) -> Self {
        Compiler { running: Mutex::default(), slots: Arc::new(Semaphore::new(SLOTS)), timeout }
    }

    /// Waits for the outcome of `work` for `digest`, which is started unless it runs already. It goes on when the
    /// caller stops waiting.
    pub(super) async fn once(
        self: &Arc<Self>,
        digest: &str,
        work: impl FnOnce() -> Outcome + Send + 'static,
    ) -> Outcome {
        let mut receiver = self.join(digest, work);
        let outcome = receiver.wait_for(Option::is_some).await;
        let gone = || CompileError::Host { reason: "the compilation was broken off".into() };
        outcome.map_err(|_| gone())?.clone().ok_or_else(gone)?
    }

    fn join(
        self: &Arc<Self>,
        digest: &str,
        work: impl FnOnce() -> Outcome + Send + 'static,
    ) -> watch::Receiver<Option<Outcome>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(receiver) = running.get(digest) {
            return receiver.clone();
        }
        let (sender, receiver) = watch::channel(None);
        running.insert(digest.to_owned(), receiver.clone());
        let (compiler, digest) = (self.clone(), digest.to_owned());
        tokio::spawn(async move {
            let outcome = compiler.work(work).await;
            compiler.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&digest);
            let _ = sender.send(Some(outcome));
        });
        receiver
    }

    async fn work(&self, work: impl FnOnce() -> Outcome + Send + 'static) -> Outcome {
        let slots = self.slots.clone();
        let work = async move {
            let slot = slots.acquire_owned().await;
            let work = move || {
                let _slot = slot;
                work()
            };
            tokio::task::spawn_blocking(work).await
        };
        match tokio::time::timeout(self.timeout, work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(failed)) => Err(CompileError::Host { reason: failed.to_string() }),
            Err(_) => Err(CompileError::TimedOut { limit_s: self.timeout.as_secs() }),
        }
    }
}

/// Compiles. Bytes in, bytes out, so that it can be done in another process.
pub(super) fn compile(engine: &Engine, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    engine
        .precompile_component(component)
        .map_err(|error| CompileError::Unusable { reason: format!("{error:#}") })
}
