//! Compiles components to artifacts: once for concurrent requests of one digest, a few at a time, behind a bounded
//! queue. Cranelift cannot be interrupted and may need any amount of memory, so it runs in a child process (`child`
//! starts it, `worker` is its code). `failures` delays retries.
//!
//! Invariant: at most one compilation of a digest runs at a time, and the queue is bounded.

mod child;
mod config;
mod failures;
pub(super) mod worker;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use wasmtime::Engine;

pub use self::config::{CompilerConfig, CompilerProgram};
use self::failures::Failures;
use super::engine;
use super::error::CompileError;
use super::prepared::Prepared;

type Outcome = Result<Arc<Prepared>, CompileError>;
type Receiver = watch::Receiver<Option<Outcome>>;

pub(super) struct Compiler {
    engine: Engine,
    config: CompilerConfig,
    /// Work in progress, by digest.
    running: Mutex<HashMap<String, Receiver>>,
    failures: Failures,
    slots: Arc<Semaphore>,
    /// Slots and queue places.
    places: Semaphore,
}

impl Compiler {
    pub(super) fn new(engine: Engine, config: CompilerConfig) -> Self {
        let slots = config.slots.max(1);
        Compiler {
            engine,
            running: Mutex::default(),
            failures: Failures::default(),
            slots: Arc::new(Semaphore::new(slots)),
            places: Semaphore::new(slots.saturating_add(config.waiting_max)),
            config,
        }
    }

    /// Waits for the outcome of `work` for `digest`. Starts it unless it is running or failed recently. It continues
    /// when the caller stops waiting.
    pub(super) async fn once(
        self: &Arc<Self>,
        digest: &str,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> Outcome {
        if let Some(error) = self.failures.recent(digest) {
            return Err(error);
        }
        let mut receiver = self.join(digest, work);
        let outcome = receiver.wait_for(Option::is_some).await;
        let gone = || CompileError::Host { reason: "the compilation was aborted".into() };
        outcome.map_err(|_| gone())?.clone().ok_or_else(gone)?
    }

    fn join(
        self: &Arc<Self>,
        digest: &str,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> Receiver {
        let mut running = self.running();
        if let Some(receiver) = running.get(digest) {
            return receiver.clone();
        }
        let (sender, receiver) = watch::channel(None);
        running.insert(digest.to_owned(), receiver.clone());
        let entry = Entry { compiler: self.clone(), digest: digest.to_owned() };
        tokio::spawn(async move {
            let outcome = work.await;
            entry.compiler.failures.record(&entry.digest, outcome.as_ref().err());
            drop(entry);
            let _ = sender.send(Some(outcome));
        });
        receiver
    }

    /// Compiles what `fetch` returns. `fetch` is called only when a slot is free, because a queue of components would
    /// take gigabytes. Returns `Busy` if the queue is full.
    pub(super) async fn compile(
        &self,
        fetch: impl Future<Output = Result<Bytes, CompileError>>,
    ) -> Result<Vec<u8>, CompileError> {
        let busy = CompileError::Busy { waiting_max: self.config.waiting_max };
        let _place = self.places.try_acquire().map_err(|_| busy)?;
        let slot = self.slots.clone().acquire_owned().await;
        let slot = slot.map_err(|error| CompileError::Host { reason: error.to_string() })?;
        let component = fetch.await?;
        match &self.config.program {
            CompilerProgram::Child(program) => {
                let key = engine::key(&self.engine);
                child::compile(program, &self.config, &key, &component).await
            }
            CompilerProgram::InProcess => self.compile_here(slot, component).await,
        }
    }

    /// The caller times out; the work continues and keeps its slot.
    async fn compile_here(
        &self,
        slot: OwnedSemaphorePermit,
        component: Bytes,
    ) -> Result<Vec<u8>, CompileError> {
        let engine = self.engine.clone();
        let work = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            precompile(&engine, &component)
        });
        match tokio::time::timeout(self.config.timeout, work).await {
            Ok(Ok(artifact)) => artifact,
            Ok(Err(failed)) => Err(CompileError::Host { reason: failed.to_string() }),
            Err(_) => Err(CompileError::TimedOut { limit_s: self.config.timeout.as_secs() }),
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, Receiver>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks a digest as in progress; dropping it (also on a panic) removes the mark.
struct Entry {
    compiler: Arc<Compiler>,
    digest: String,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.compiler.running().remove(&self.digest);
    }
}

fn precompile(engine: &Engine, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    engine
        .precompile_component(component)
        .map_err(|error| CompileError::Unusable { reason: format!("{error:#}") })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    fn compiler(waiting_max: usize) -> Arc<Compiler> {
        let config =
            CompilerConfig { waiting_max, ..CompilerConfig::new(CompilerProgram::InProcess) };
        Arc::new(Compiler::new(engine::for_compiling().unwrap(), config))
    }

    fn failing() -> CompileError {
        CompileError::Unusable { reason: "of a test".into() }
    }

    #[tokio::test]
    async fn works_once_for_all_who_ask_at_once_and_remembers_a_failure() {
        let (compiler, runs) = (compiler(4), Arc::new(AtomicUsize::new(0)));
        let ask = || {
            let runs = runs.clone();
            compiler.once("a", async move {
                runs.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
                Err(failing())
            })
        };
        let (one, two) = tokio::join!(ask(), ask());
        assert_eq!(one.err(), Some(failing()));
        assert_eq!(two.err(), Some(failing()));
        assert_eq!(ask().await.err(), Some(failing()));
        assert_eq!(runs.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_panic_leaves_nothing_behind() {
        let compiler = compiler(4);
        let broken = compiler.once("a", async { panic!("of a test") }).await;
        assert!(matches!(broken.err(), Some(CompileError::Host { .. })));
        assert_eq!(compiler.once("a", async { Err(failing()) }).await.err(), Some(failing()));
    }

    #[tokio::test]
    async fn more_than_the_queue_holds_are_sent_away_and_components_are_fetched_in_their_turn() {
        let compiler = compiler(1);
        let (release, released) = watch::channel(false);
        let fetched = Arc::new(AtomicUsize::new(0));
        let fetch = || {
            let (mut released, fetched) = (released.clone(), fetched.clone());
            async move {
                fetched.fetch_add(1, Ordering::Relaxed);
                let _ = released.wait_for(|released| *released).await;
                Err(failing())
            }
        };
        let waiting = async {
            tokio::task::yield_now().await;
            assert_eq!(fetched.load(Ordering::Relaxed), 1);
            let third = compiler.compile(fetch()).await;
            assert_eq!(third.err(), Some(CompileError::Busy { waiting_max: 1 }));
            release.send(true).unwrap();
        };
        let (one, two, ()) =
            tokio::join!(compiler.compile(fetch()), compiler.compile(fetch()), waiting);
        assert_eq!((one.err(), two.err()), (Some(failing()), Some(failing())));
    }
}
