//! What the process of a job does for itself: it takes its limits before it sees the first byte of the input, reads
//! the input from standard input, answers on standard output, and ends when the server does.

use std::io::{self, Read};

use anyhow::Context;

use super::frame::Answer;

/// Seen on two busy cores: with 19, what needs 0.3 s of processor time takes 8 s, and the wall clock would end it.
const NICE: i32 = 5;

/// What one job may use.
#[derive(Clone, Copy, Debug)]
pub struct JobLimits {
    pub memory_bytes: u64,
    /// Of all threads together.
    pub cpu_s: u64,
}

/// The input. From here on the process ends with the server, which keeps the pipe open as long as it waits.
pub(crate) fn read_input() -> anyhow::Result<Vec<u8>> {
    let input = read_whole().context("the input cannot be read")?;
    end_with_the_server()?;
    Ok(input)
}

/// Writes the answer; `key` names the build that made it.
pub(crate) fn answer(key: &str, answer: &Answer) -> anyhow::Result<()> {
    answer.write(key, &mut io::stdout().lock()).context("the answer cannot be written")
}

fn read_whole() -> io::Result<Vec<u8>> {
    let mut input = io::stdin().lock();
    let mut length = [0; 8];
    input.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let mut whole = Vec::new();
    input.take(length).read_to_end(&mut whole)?;
    if whole.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(whole)
}

fn end_with_the_server() -> io::Result<()> {
    std::thread::Builder::new().stack_size(64 << 10).spawn(|| {
        let mut byte = [0];
        while matches!(io::stdin().read(&mut byte), Ok(1)) {}
        std::process::exit(1);
    })?;
    Ok(())
}

/// Requests come first; and when the node runs out of memory, this process is killed, not the server. Neither is
/// needed to be safe, so neither may fail.
pub(crate) fn lower_priority() {
    #[cfg(unix)]
    let _ = rustix::process::nice(NICE);
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

#[cfg(unix)]
pub(crate) fn set_limits(limits: JobLimits) -> anyhow::Result<()> {
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
pub(crate) fn set_limits(_: JobLimits) -> anyhow::Result<()> {
    Ok(())
}
