//! How components are compiled, and within which limits.

use std::path::PathBuf;
use std::time::Duration;

/// Who compiles, how much at a time, within which limits.
#[derive(Clone, Debug)]
pub struct CompilerConfig {
    pub program: CompilerProgram,
    /// Compilations at the same time.
    pub slots: usize,
    /// How many more may wait for their turn.
    pub waiting_max: usize,
    /// Memory of one compilation.
    pub memory_bytes: u64,
    /// Processor time of one compilation, all its threads together.
    pub cpu_s: u64,
    /// Wall-clock time of one compilation, from the start of its process.
    pub timeout: Duration,
    /// What a component may become, in bytes. It is loaded into the server.
    pub artifact_bytes_max: u64,
}

#[derive(Clone, Debug)]
pub enum CompilerProgram {
    /// A `repairops` program of this very build; it is started as `repairops compile-component`.
    Child(PathBuf),
    /// This process. Memory and processor time are not limited, and what takes too long goes on, and keeps its slot: for
    /// benches and tools that compile what they trust.
    InProcess,
}

impl CompilerConfig {
    /// The usual limits.
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
    /// The program that runs now, which has to be `repairops`.
    pub fn current() -> std::io::Result<CompilerProgram> {
        if cfg!(target_os = "linux") {
            // Stays this very program when the file is replaced by an upgrade.
            return Ok(CompilerProgram::Child("/proc/self/exe".into()));
        }
        std::env::current_exe().map(CompilerProgram::Child)
    }
}
