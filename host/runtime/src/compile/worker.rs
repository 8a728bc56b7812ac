//! The process that compiles one component.

use anyhow::Context;
use rayon::ThreadPoolBuilder;
use wasmtime::OutOfMemory;

use crate::child::{Answer, JobLimits, inside};
use crate::engine;

/// More cores barely shorten a compilation, and each thread needs memory of its own.
const THREADS_MAX: usize = 4;

/// As much as the main thread; Cranelift does not recurse deeply.
const STACK_BYTES: usize = 8 << 20;

/// Compiles the component on standard input.
pub fn run(limits: JobLimits) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    inside::lower_priority();
    ThreadPoolBuilder::new()
        .num_threads(cores.min(THREADS_MAX))
        .stack_size(STACK_BYTES)
        .build_global()
        .context("the compiler's threads cannot be started")?;
    let engine = engine::for_compiling()?;
    let key = engine::key(&engine);
    inside::set_limits(limits)?;
    let component = inside::read_input()?;
    let answer = match engine.precompile_component(&component) {
        Ok(artifact) => Answer::Done(artifact),
        Err(error) if error.is::<OutOfMemory>() => Answer::OutOfMemory,
        Err(error) => Answer::Refused(format!("{error:#}")),
    };
    inside::answer(&key, &answer)
}
