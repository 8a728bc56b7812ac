//! The process side of a job: sets its own limits, reads the input from standard input, answers on standard output,
//! and exits when the server does.
//!
//! Invariant: the limits are set before the first byte of input is read.

use std::io::{self, Read};

use anyhow::Context;

use super::frame::Answer;

/// Measured on two busy cores: with 19, work of 0.3 s of processor time takes 8 s and hits the wall-clock limit.
const NICE: i32 = 5;

/// Limits of one job.
#[derive(Clone, Copy, Debug)]
pub struct JobLimits {
    pub memory_bytes: u64,
    /// Processor time of all threads together.
    pub cpu_s: u64,
}

/// Reads the input. From here on the process exits when the server closes the pipe.
pub(crate) fn read_input() -> anyhow::Result<Vec<u8>> {
    let input = read_whole().context("the input cannot be read")?;
    end_with_the_server()?;
    Ok(input)
}

/// Writes the answer; `key` names the build that produced it.
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

/// Lowers the scheduling priority and makes this process the first victim of the OOM killer. Neither is needed for
/// safety, so failures are ignored.
pub(crate) fn lower_priority() {
    #[cfg(unix)]
    let _ = rustix::process::nice(NICE);
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

#[cfg(unix)]
pub(crate) fn set_limits(limits: JobLimits) -> anyhow::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};

    /// Address space beyond the memory limit: the program itself, stacks, the allocator's reserve for each thread.
    #[cfg(target_os = "linux")]
    const ADDRESS_SPACE_MORE_BYTES: u64 = 1 << 30;
    /// Standard input, output and error, and what a backtrace reads.
    const FILES_MAX: u64 = 8;

    let set = |resource, current, maximum| {
        let limit = Rlimit { current: Some(current), maximum: Some(maximum) };
        setrlimit(resource, limit).with_context(|| format!("the limit {resource:?} cannot be set"))
    };
    let memory = limits.memory_bytes;
    // Linux counts private writable memory here; where only the heap counts, the address space is the limit.
    set(Resource::Data, memory, memory)?;
    #[cfg(target_os = "linux")]
    {
        let space = memory.saturating_add(ADDRESS_SPACE_MORE_BYTES);
        set(Resource::As, space, space)?;
    }
    // The soft limit sends SIGXCPU, the hard limit SIGKILL.
    set(Resource::Cpu, limits.cpu_s, limits.cpu_s.saturating_add(1))?;
    set(Resource::Core, 0, 0)?;
    set(Resource::Fsize, 0, 0)?;
    set(Resource::Nofile, FILES_MAX, FILES_MAX)
}

/// Limits the wall-clock time only, which the server does.
#[cfg(not(unix))]
pub(crate) fn set_limits(_: JobLimits) -> anyhow::Result<()> {
    Ok(())
}
