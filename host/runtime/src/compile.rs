//! Compiles components to artifacts: once for concurrent requests of one digest, a few at a time, behind a bounded
//! queue (`line`). Cranelift cannot be interrupted and may need any amount of memory, so it runs in a child process
//! (`child` starts it, `worker` is its code). `failures` delays retries.
//!
//! Invariant: at most one compilation of a digest runs at a time, and the queue is bounded.

mod child;
mod config;
mod container;
mod failures;
pub(super) mod line;
pub(super) mod worker;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;
use wasmtime::Engine;

pub use self::config::{CompilerConfig, CompilerProgram};
use self::failures::Failures;
pub use self::line::{CompilePriority, CompileRequest};
use self::line::{Line, Queued, Slot};
use super::engine;
use super::error::CompileError;
use super::prepared::Prepared;

type Outcome = Result<Arc<Prepared>, CompileError>;
type Receiver = watch::Receiver<Option<Outcome>>;

pub(super) struct Compiler {
    engine: Engine,
    config: CompilerConfig,
    memory: MemoryShare,
    /// Work in progress, by digest.
    running: Mutex<HashMap<String, Running>>,
    failures: Failures,
    line: Arc<Line>,
}

/// Memory of one compilation.
#[derive(Clone, Copy)]
struct MemoryShare {
    bytes: u64,
    /// The container leaves less than was configured.
    is_lowered: bool,
}

impl MemoryShare {
    /// All compilations together get half of the container; the server needs the rest.
    fn of(config: &CompilerConfig, container: Option<u64>) -> MemoryShare {
        let slots = u64::try_from(config.slots.max(1)).unwrap_or(u64::MAX);
        let bytes = container.map_or(u64::MAX, |limit| limit / 2 / slots);
        let is_lowered = bytes < config.memory_bytes;
        MemoryShare { bytes: bytes.min(config.memory_bytes), is_lowered }
    }
}

struct Running {
    queued: Arc<Queued>,
    receiver: Receiver,
}

impl Compiler {
    pub(super) fn new(engine: Engine, config: CompilerConfig) -> Self {
        let container = container::memory_limit();
        let memory = MemoryShare::of(&config, container);
        if memory.is_lowered {
            tracing::info!(
                container_bytes = container,
                compile_memory_bytes = memory.bytes,
                "a compilation gets less memory than configured, because of the memory limit of this container"
            );
        }
        Compiler {
            engine,
            memory,
            running: Mutex::default(),
            failures: Failures::default(),
            line: Line::new(config.slots, config.waiting_max),
            config,
        }
    }

    /// Compilations of this node that failed for reasons of its own and are retried.
    pub(super) fn failures(&self) -> &Failures {
        &self.failures
    }

    /// Waits for the outcome of `work` for `digest`, which queues as `queued`. Starts it unless it is running or
    /// failed recently; work that is running becomes as urgent as `request`. It continues when the caller stops
    /// waiting.
    pub(super) async fn once(
        self: &Arc<Self>,
        digest: &str,
        request: CompileRequest,
        queued: Arc<Queued>,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> Outcome {
        if let Some(error) = self.failures.recent(digest) {
            return Err(error);
        }
        let mut receiver = self.join(digest, request, queued, work);
        let outcome = receiver.wait_for(Option::is_some).await;
        let gone = || CompileError::Host { reason: "the compilation was aborted".into() };
        outcome.map_err(|_| gone())?.clone().ok_or_else(gone)?
    }

    fn join(
        self: &Arc<Self>,
        digest: &str,
        request: CompileRequest,
        queued: Arc<Queued>,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> Receiver {
        let mut running = self.running();
        if let Some(known) = running.get(digest) {
            self.line.raise(&known.queued, request.priority);
            return known.receiver.clone();
        }
        let (sender, receiver) = watch::channel(None);
        running.insert(digest.to_owned(), Running { queued, receiver: receiver.clone() });
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
        queued: Arc<Queued>,
        fetch: impl Future<Output = Result<Bytes, CompileError>>,
    ) -> Result<Vec<u8>, CompileError> {
        let slot = self.line.acquire(queued).await?;
        let component = fetch.await?;
        match &self.config.program {
            CompilerProgram::Child(program) => {
                let key = engine::key(&self.engine);
                child::compile(program, &self.config, self.memory, &key, &component).await
            }
            CompilerProgram::InProcess => self.compile_here(slot, component).await,
        }
    }

    /// The caller times out; the work continues and keeps its slot.
    async fn compile_here(&self, slot: Slot, component: Bytes) -> Result<Vec<u8>, CompileError> {
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

    fn running(&self) -> MutexGuard<'_, HashMap<String, Running>> {
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

    const REQUEST: CompileRequest = CompileRequest {
        priority: CompilePriority::Upload,
        organization: uuid::Uuid::nil(),
        component_bytes: 1,
    };

    fn failing() -> CompileError {
        CompileError::Unusable { reason: "of a test".into() }
    }

    #[test]
    fn all_compilations_together_get_half_of_the_container() {
        let mut config = CompilerConfig::new(CompilerProgram::InProcess);
        let share = |config: &CompilerConfig, container| {
            let share = MemoryShare::of(config, container);
            (share.bytes, share.is_lowered)
        };
        assert_eq!(share(&config, None), (2 << 30, false));
        assert_eq!(share(&config, Some(8 << 30)), (2 << 30, false));
        assert_eq!(share(&config, Some(1 << 30)), (512 << 20, true));
        config.slots = 2;
        assert_eq!(share(&config, Some(1 << 30)), (256 << 20, true));
    }

    #[tokio::test]
    async fn works_once_for_all_who_ask_at_once_and_remembers_a_failure() {
        let (compiler, runs) = (compiler(4), Arc::new(AtomicUsize::new(0)));
        let ask = || {
            let runs = runs.clone();
            compiler.once("a", REQUEST, Queued::new(REQUEST), async move {
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
        let broken =
            compiler.once("a", REQUEST, Queued::new(REQUEST), async { panic!("of a test") }).await;
        assert!(matches!(broken.err(), Some(CompileError::Host { .. })));
        assert_eq!(
            compiler.once("a", REQUEST, Queued::new(REQUEST), async { Err(failing()) }).await.err(),
            Some(failing())
        );
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
            let third = compiler.compile(Queued::new(REQUEST), fetch()).await;
            assert_eq!(third.err(), Some(CompileError::Busy { waiting_max: 1 }));
            release.send(true).unwrap();
        };
        let (one, two, ()) = tokio::join!(
            compiler.compile(Queued::new(REQUEST), fetch()),
            compiler.compile(Queued::new(REQUEST), fetch()),
            waiting
        );
        assert_eq!((one.err(), two.err()), (Some(failing()), Some(failing())));
    }
}
