//! The process that compiles one component: it takes its limits before it sees the first byte, reads the component
//! from standard input, and answers on standard output. It ends when the server does.

use std::io::{self, Read};

use anyhow::Context;
use rayon::ThreadPoolBuilder;
use wasmtime::OutOfMemory;

use super::frame::Answer;
use crate::runtime::engine;

/// More cores do not shorten a compilation by much, and each thread has memory of its own.
const THREADS_MAX: usize = 4;

/// Cranelift is not deeply recursive; the main thread has as much.
const STACK_BYTES: usize = 8 << 20;

/// Seen on two busy cores: with 19, what needs 0.3 s of processor time takes 8 s, and its deadline would be the load's.
const NICE: i32 = 5;

/// What one compilation may use.
#[derive(Clone, Copy, Debug)]
pub struct CompileLimits {
    pub memory_bytes: u64,
    /// Of all threads together.
    pub cpu_s: u64,
}

/// Compiles the component on standard input.
pub fn run(limits: CompileLimits) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    lower_priority();
    ThreadPoolBuilder::new()
        .num_threads(cores.min(THREADS_MAX))
        .stack_size(STACK_BYTES)
        .build_global()
        .context("the compiler's threads cannot be started")?;
    let engine = engine::for_compiling()?;
    let key = engine::key(&engine);
    set_limits(limits)?;
    let component = read_component().context("the component cannot be read")?;
    end_with_the_server()?;
    let answer = match engine.precompile_component(&component) {
        Ok(artifact) => Answer::Artifact(artifact),
        Err(error) if error.is::<OutOfMemory>() => Answer::OutOfMemory,
        Err(error) => Answer::Unusable(format!("{error:#}")),
    };
    answer.write(&key, &mut io::stdout().lock()).context("the answer cannot be written")
}

fn read_component() -> io::Result<Vec<u8>> {
    let mut input = io::stdin().lock();
    let mut length = [0; 8];
    input.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let mut component = Vec::new();
    input.take(length).read_to_end(&mut component)?;
    if component.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(component)
}

/// The server keeps our input open as long as it waits for us.
fn end_with_the_server() -> io::Result<()> {
    std::thread::Builder::new().stack_size(64 << 10).spawn(|| {
        let mut byte = [0];
        while matches!(io::stdin().read(&mut byte), Ok(1)) {}
        std::process::exit(1);
    })?;
    Ok(())
}

/// Requests come first; and when the node runs out of memory, this process goes, not the server. Neither is
/// needed to be safe, so neither may fail.
fn lower_priority() {
    #[cfg(unix)]
    let _ = rustix::process::nice(NICE);
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

#[cfg(unix)]
fn set_limits(limits: CompileLimits) -> anyhow::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};

    /// Address space beside what is used: the program itself, stacks, what the allocator sets aside for each thread.
    #[cfg(target_os = "linux")]
    const ADDRESS_SPACE_MORE_BYTES: u64 = 1 << 30;
    /// Standard input, output and error, and what a panic reads about itself.
    const FILES_MAX: u64 = 8;

    let set = |resource, current, maximum| {
        let limit = Rlimit { current: Some(current), maximum: Some(maximum) };
        setrlimit(resource, limit).with_context(|| format!("the limit {resource:?} cannot be set"))
    };
    let memory = limits.memory_bytes;
    // Linux counts private writable memory here; where only the heap counts, the address space is the bound.
    set(Resource::Data, memory, memory)?;
    #[cfg(target_os = "linux")]
    {
        let space = memory.saturating_add(ADDRESS_SPACE_MORE_BYTES);
        set(Resource::As, space, space)?;
    }
    // The first one is told by its own signal, the second is SIGKILL.
    set(Resource::Cpu, limits.cpu_s, limits.cpu_s.saturating_add(1))?;
    set(Resource::Core, 0, 0)?;
    set(Resource::Fsize, 0, 0)?;
    set(Resource::Nofile, FILES_MAX, FILES_MAX)
}

/// The server still bounds the time.
#[cfg(not(unix))]
fn set_limits(_: CompileLimits) -> anyhow::Result<()> {
    Ok(())
}
