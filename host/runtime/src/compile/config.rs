//! Configuration of compilations: the program, concurrency and limits.

use std::path::PathBuf;
use std::time::Duration;

/// The program, the concurrency and the limits of compilations.
#[derive(Clone, Debug)]
pub struct CompilerConfig {
    pub program: CompilerProgram,
    /// Concurrent compilations.
    pub slots: usize,
    /// How many more may queue.
    pub waiting_max: usize,
    /// Memory of one compilation.
    pub memory_bytes: u64,
    /// Processor time of one compilation, all its threads together.
    pub cpu_s: u64,
    /// Wall-clock time of one compilation, from the start of its process.
    pub timeout: Duration,
    /// Largest artifact in bytes. It is loaded into the server.
    pub artifact_bytes_max: u64,
}

#[derive(Clone, Debug)]
pub enum CompilerProgram {
    /// A `repairops` program of the same build, started as `repairops compile-component`.
    Child(PathBuf),
    /// This process, for benches and tools that compile trusted components. Memory and processor time are not
    /// limited; work that times out continues and keeps its slot.
    InProcess,
}

impl CompilerConfig {
    /// The default limits.
    pub fn new(program: CompilerProgram) -> CompilerConfig {
        CompilerConfig {
            program,
            slots: 1,
            waiting_max: 64,
            memory_bytes: 2 << 30,
            cpu_s: 60,
            timeout: Duration::from_secs(120),
            artifact_bytes_max: 256 << 20,
        }
    }
}

impl CompilerProgram {
    /// The running program, which must be `repairops`.
    pub fn current() -> std::io::Result<CompilerProgram> {
        if cfg!(target_os = "linux") {
            // This link stays valid when an upgrade replaces the file.
            return Ok(CompilerProgram::Child("/proc/self/exe".into()));
        }
        std::env::current_exe().map(CompilerProgram::Child)
    }
}
