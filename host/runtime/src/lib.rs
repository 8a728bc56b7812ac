//! Runs plugins: the only crate that names wasmtime. It knows no SQL and no HTTP.
//!
//! In reading order: `event` is what plugins get and return, `limits` what one call may use. `inspect` reads an
//! upload, and `validate` limits the cost of that; `compile` and `cache` create and keep its artifact, in a child
//! process (`child`) and a folder of the node; `settings` checks an installation's settings against the plugin's
//! schema; `probe` finds out whether the node can run plugins at all; `turns` queues work that does not run on guest threads. `prepared` is a component ready to call, by its
//! `hook_table`; each WIT version is a folder (`v0_1`, `v0_2`) with a file for each hook; `imports` has a file for each
//! import; `guest` is the store of one call; `failure` explains why a call returned no answer. Guests run on
//! `threads`, timed by `ticker`.
//!
//! Invariants: a fresh instance in a fresh store for each call; guest code runs on guest threads only; no guest and
//! no file can make the host panic.

mod answer;
#[macro_use]
mod convert;
mod cache;
mod call;
mod child;
mod compile;
pub mod distinct;
mod engine;
mod error;
pub mod event;
pub mod excerpt;
mod failure;
mod guest;
mod hook;
mod hook_table;
mod imports;
mod inspect;
mod inspect_error;
pub mod invalid;
pub mod limits;
mod manifest;
pub mod place;
mod prepared;
mod probe;
mod processor;
mod queue;
mod settings;
mod size;
mod threads;
mod ticker;
mod turns;
mod v0_1;
mod v0_2;
mod validate;
mod versions;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use quick_cache::sync::DefaultLifecycle;
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinError;
use uuid::Uuid;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, OutOfMemory};

pub use self::call::Call;
pub use self::child::JobLimits;
pub use self::compile::worker::run as compile_standard_input;
pub use self::compile::{CompilePriority, CompileRequest, CompilerConfig, CompilerProgram};
pub use self::error::{Busy, CallError, CompileError};
pub use self::guest::log::{Level, LogLine};
pub use self::inspect_error::InspectError;
pub use self::manifest::Manifest;
pub use self::prepared::{CallReport, Prepared, Used, WarmGuest};
pub use self::probe::ProbeError;
pub use self::queue::{Caps, Share};
pub use self::settings::worker::run as check_settings_of_standard_input;
pub use self::settings::{SchemaError, SettingsError, fill_defaults};
pub use self::threads::Lane;
use self::{
    cache::Cache, compile::Compiler, compile::line::Queued, guest::Guest, settings::SettingsChecks,
    threads::GuestThreads, ticker::Ticker, turns::Turns,
};

/// Approximate bytes of compiled code kept in memory; the least recently used is evicted first.
const PREPARED_BYTES_MAX: u64 = 512 << 20;

/// Approximate number of components kept in memory.
const PREPARED_COUNT: usize = 512;

/// Concurrent artifact loads.
const LOADS_MAX: usize = 4;

/// Concurrent inspections, and those that may queue, each with its upload in memory.
const INSPECTIONS_MAX: usize = 2;
const INSPECTION_CAPS: Caps = Caps {
    running_per_organization: 1,
    running_per_installation: 1,
    waiting: 32,
    waiting_per_organization: 24,
    waiting_per_installation: 24,
};

/// Threads for calls that nobody waits for.
const BACKGROUND_THREADS: usize = 2;
const BACKGROUND_CAPS: Caps = Caps {
    running_per_organization: 1,
    running_per_installation: 1,
    waiting: 256,
    waiting_per_organization: 64,
    waiting_per_installation: 64,
};

/// Configuration of the runtime.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Concurrent plugin calls.
    pub guest_threads: usize,
    /// Limits on running and queued calls.
    pub caps: Caps,
    /// The folder of compiled artifacts, created with mode 0700.
    pub cache_dir: PathBuf,
    /// Its size limit in bytes; the least recently used artifacts are evicted first.
    pub cache_max_bytes: u64,
    pub compiler: CompilerConfig,
}

/// The runtime of one process. Clones share it.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    engine: Engine,
    linker: Linker<Guest>,
    ticker: Arc<Ticker>,
    threads: GuestThreads,
    background: GuestThreads,
    compiler: Arc<Compiler>,
    cache: Cache,
    settings: SettingsChecks,
    loads: Semaphore,
    inspections: Arc<Turns>,
    prepared: PreparedCache,
}

impl Runtime {
    /// Starts the engine and its threads.
    pub fn new(config: RuntimeConfig) -> anyhow::Result<Runtime> {
        let engine = engine::new(config.guest_threads + BACKGROUND_THREADS)?;
        let mut linker = Linker::new(&engine);
        imports::link(&mut linker)
            .map_err(anyhow::Error::from)
            .context("the imports of plugins cannot be linked")?;
        let ticker =
            Ticker::start(&engine).context("the thread for deadlines cannot be started")?;
        let cache = Cache::open(&config.cache_dir, engine::key(&engine), config.cache_max_bytes);
        Ok(Runtime(Arc::new(Inner {
            linker,
            ticker: Arc::new(ticker),
            threads: GuestThreads::start(Lane::Live, config.guest_threads, config.caps)?,
            background: GuestThreads::start(Lane::Background, BACKGROUND_THREADS, BACKGROUND_CAPS)?,
            settings: SettingsChecks::new(config.compiler.program.clone()),
            compiler: Arc::new(Compiler::new(engine.clone(), config.compiler)),
            cache,
            loads: Semaphore::new(LOADS_MAX),
            inspections: Turns::new(INSPECTIONS_MAX, INSPECTION_CAPS),
            prepared: prepared_cache()?,
            engine,
        })))
    }

    /// Inspects an upload without compiling or running it.
    pub fn inspect(bytes: &[u8]) -> Result<Manifest, InspectError> {
        inspect::inspect(bytes)
    }

    /// Checks that the schema can validate settings. Runs in another process.
    pub async fn check_schema(
        &self,
        organization: Uuid,
        schema: &Value,
    ) -> Result<(), SettingsError> {
        self.0.settings.check_schema(organization, schema).await
    }

    /// Checks that settings, with the schema's defaults filled in, match the schema. Runs in another process.
    pub async fn check_settings(
        &self,
        organization: Uuid,
        schema: &Value,
        settings: &Value,
    ) -> Result<(), SettingsError> {
        self.0.settings.check_settings(organization, schema, settings).await
    }

    /// Runs `work`, which inspects an upload, on the blocking pool: a few at a time, since each takes a whole core,
    /// in round-robin order of the organizations.
    pub async fn inspection<T: Send + 'static>(
        &self,
        organization: Uuid,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Result<T, JoinError>, Busy> {
        let share = Share { organization, installations: Vec::new() };
        let turn = self.0.inspections.acquire(share).await?;
        // The work owns the turn: a client that disconnects releases no slot while its upload is in memory.
        let work = move || {
            let _turn = turn;
            work()
        };
        Ok(tokio::task::spawn_blocking(work).await)
    }

    /// The component of this digest (SHA-256 in hex), if it is in memory.
    pub fn loaded(&self, digest: &str) -> Option<Arc<Prepared>> {
        self.0.prepared.get(digest)
    }

    /// The component of this digest: from memory, from the node's cache folder, or compiled from what `fetch`
    /// returns. `fetch` is called only then. Concurrent requests for one digest share the work.
    pub async fn prepare(
        &self,
        digest: &str,
        request: CompileRequest,
        fetch: impl Future<Output = Result<Bytes, CompileError>> + Send + 'static,
    ) -> Result<Arc<Prepared>, CompileError> {
        if let Some(prepared) = self.loaded(digest) {
            return Ok(prepared);
        }
        let (inner, kept_as) = (self.0.clone(), digest.to_owned());
        let queued = Queued::new(request);
        let work = inner.make_ready(kept_as, queued.clone(), fetch);
        self.0.compiler.once(digest, request, queued, work).await
    }

    /// Like `prepare`, for a component that is in memory already.
    pub async fn compile(
        &self,
        digest: &str,
        component: Bytes,
    ) -> Result<Arc<Prepared>, CompileError> {
        let request = own_request(component.len());
        self.prepare(digest, request, async { Ok(component) }).await
    }

    /// How often this node failed in a row to compile the component, for reasons of its own.
    pub fn failed_attempts(&self, digest: &str) -> u32 {
        self.0.compiler.failures().attempts(digest)
    }

    /// What keeps this node from compiling some plugins or from keeping what it compiled, in words fit for anyone.
    pub fn trouble(&self) -> Option<String> {
        match self.0.compiler.failures().node_faults() {
            0 if self.0.cache.is_writable() => None,
            0 => Some("compiled plugins cannot be written to the data folder".to_owned()),
            1 => Some("1 plugin could not be compiled on this node yet".to_owned()),
            n => Some(format!("{n} plugins could not be compiled on this node yet")),
        }
    }

    /// Tries to write to the cache folder again if the last write failed.
    pub async fn retry_cache(&self) {
        if self.0.cache.is_writable() {
            return;
        }
        let inner = self.0.clone();
        let retried = tokio::task::spawn_blocking(move || inner.cache.retry_write()).await;
        if let Ok(Err(error)) = retried {
            tracing::warn!(
                error = format!("{error:#}"),
                "compiled plugins still cannot be written to the data folder"
            );
        }
    }

    /// Finds out whether this node can run plugins: compiles, loads and runs a component of our own. If it can, what
    /// failed before because of the node may be retried at once.
    pub async fn probe(&self) -> Result<(), ProbeError> {
        let request = own_request(probe::COMPONENT.len());
        let component = async { Ok(Bytes::from_static(probe::COMPONENT)) };
        let artifact = self.0.compiler.compile(Queued::new(request), component).await;
        let artifact = artifact.map_err(|error| ProbeError::compile(&error))?;
        let inner = self.0.clone();
        let loaded = self.0.in_background(move || inner.deserialize(&artifact)).await;
        let component =
            loaded.and_then(|loaded| loaded).map_err(|error| ProbeError::load(&error))?;
        let engine = self.0.engine.clone();
        let share = Share { organization: Uuid::nil(), installations: Vec::new() };
        let ran = self.run(share, move || (probe::run(&engine, &component), ())).await;
        ran.map_err(|busy| ProbeError::run(busy.to_string()))??;
        self.0.compiler.failures().forget_node_faults();
        Ok(())
    }

    /// The digests of the artifacts of this engine in the cache folder that were not loaded for `idle`.
    pub async fn compiled(&self, idle: Duration) -> Vec<String> {
        let inner = self.0.clone();
        let listed = tokio::task::spawn_blocking(move || inner.cache.digests(idle)).await;
        match listed {
            Ok(Ok(digests)) => digests,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the cache folder of compiled plugins cannot be listed");
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }

    /// Deletes the artifact of this digest, from memory and from the cache folder. Calls in progress keep it.
    pub async fn forget(&self, digest: String) {
        self.0.prepared.remove(&digest);
        let inner = self.0.clone();
        let _ = tokio::task::spawn_blocking(move || inner.cache.forget(&digest)).await;
    }

    /// The number of running and of queued jobs.
    pub fn load(&self) -> (usize, usize) {
        self.0.threads.load()
    }

    /// Runs `job` on a guest thread: one hop for a whole chain of calls. Returns `Busy` if the queue is full. `job`
    /// returns its result, and values that are dropped only after the result was sent, such as a [`Used`] instance.
    pub async fn run<T: Send + 'static, L>(
        &self,
        share: Share,
        job: impl FnOnce() -> (T, L) + Send + 'static,
    ) -> Result<T, Busy> {
        self.run_in(Lane::Live, share, job).await
    }

    /// Like `run`, on the threads of that lane.
    pub async fn run_in<T: Send + 'static, L>(
        &self,
        lane: Lane,
        share: Share,
        job: impl FnOnce() -> (T, L) + Send + 'static,
    ) -> Result<T, Busy> {
        let threads = match lane {
            Lane::Live => &self.0.threads,
            Lane::Background => &self.0.background,
        };
        threads.run(share, job).await
    }
}

impl Inner {
    async fn make_ready(
        self: Arc<Self>,
        digest: String,
        queued: Arc<Queued>,
        fetch: impl Future<Output = Result<Bytes, CompileError>>,
    ) -> Result<Arc<Prepared>, CompileError> {
        // Checks again: another request may have finished it meanwhile.
        if let Some(prepared) = self.prepared.get(&digest) {
            return Ok(prepared);
        }
        let (inner, name) = (self.clone(), digest.clone());
        let loaded = self.in_background(move || inner.load(&name)).await??;
        if let Some(prepared) = loaded {
            return Ok(prepared);
        }
        let artifact = self.compiler.compile(queued, fetch).await?;
        let inner = self.clone();
        self.in_background(move || inner.load_new(&digest, &artifact)).await?
    }

    /// Reads and copies up to hundreds of megabytes, so it runs on the blocking pool, a few at a time.
    async fn in_background<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CompileError> {
        let _load = self.loads.acquire().await;
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| CompileError::Host { reason: error.to_string() })
    }

    /// Loads from the cache folder. An artifact that only this node cannot load now is kept.
    fn load(&self, digest: &str) -> Result<Option<Arc<Prepared>>, CompileError> {
        if !is_digest(digest) {
            return Ok(None);
        }
        let Some(artifact) = self.cache.load(digest) else { return Ok(None) };
        match self.load_native(&artifact) {
            Ok(prepared) => Ok(Some(self.keep(digest, prepared))),
            Err(error) if error.is_components_fault() => {
                tracing::warn!(digest, %error, "a compiled plugin cannot be loaded; compiling it again");
                self.cache.forget(digest);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Loads a new artifact and stores it in the cache folder.
    fn load_new(&self, digest: &str, artifact: &[u8]) -> Result<Arc<Prepared>, CompileError> {
        let prepared = self.load_native(artifact)?;
        if is_digest(digest)
            && let Err(error) = self.cache.store(digest, artifact)
        {
            tracing::warn!(digest, %error, "a compiled plugin cannot be stored in the cache folder");
        }
        Ok(self.keep(digest, prepared))
    }

    fn load_native(&self, artifact: &[u8]) -> Result<Prepared, CompileError> {
        let component = self.deserialize(artifact)?;
        Prepared::new(&component, &self.linker, self.ticker.clone(), artifact.len() as u64)
    }

    /// Loads native code.
    fn deserialize(&self, artifact: &[u8]) -> Result<Component, CompileError> {
        // SAFETY: the artifact comes from our own compiler: either straight from it (from this process, or over a
        // pipe from a process of this program that this one started), or from a file whose MAC, made with the
        // folder's private key, was verified over these very bytes in memory.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(&self.engine, artifact) };
        component.map_err(|error| {
            let reason = format!("{error:#}");
            match is_nodes_fault(&error) {
                true => CompileError::Host { reason },
                false => CompileError::Unusable { reason },
            }
        })
    }

    fn keep(&self, digest: &str, prepared: Prepared) -> Arc<Prepared> {
        let prepared = Arc::new(prepared);
        self.prepared.insert(digest.to_owned(), prepared.clone());
        prepared
    }
}

/// Whether the operating system refused something: memory, or to make it executable. Else the component needs more
/// than the engine's pool gives to one.
fn is_nodes_fault(error: &wasmtime::Error) -> bool {
    #[cfg(unix)]
    if error.chain().any(|cause| cause.is::<rustix::io::Errno>()) {
        return true;
    }
    error.is::<OutOfMemory>() || error.chain().any(|cause| cause.is::<std::io::Error>())
}

/// The request of work of this node or of a tool.
fn own_request(component_bytes: usize) -> CompileRequest {
    CompileRequest {
        priority: CompilePriority::Live,
        organization: Uuid::nil(),
        component_bytes: component_bytes as u64,
    }
}

/// Only digests become file names.
fn is_digest(text: &str) -> bool {
    text.len() == 64
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

type PreparedCache = quick_cache::sync::Cache<String, Arc<Prepared>, ArtifactBytes>;

/// Uses one shard: moka divides the capacity among shards, and an artifact must fit into its own.
fn prepared_cache() -> anyhow::Result<PreparedCache> {
    let options = OptionsBuilder::new()
        .shards(1)
        .estimated_items_capacity(PREPARED_COUNT)
        .weight_capacity(PREPARED_BYTES_MAX)
        .build()
        .context("the cache of prepared plugins cannot be created")?;
    let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
    Ok(PreparedCache::with_options(options, ArtifactBytes, hasher, lifecycle))
}

#[derive(Clone)]
struct ArtifactBytes;

impl Weighter<String, Arc<Prepared>> for ArtifactBytes {
    fn weight(&self, _: &String, prepared: &Arc<Prepared>) -> u64 {
        prepared.artifact_bytes().max(1)
    }
}
