//! Compiles a component in another process and tells faults of the component from faults of the node.

use std::path::Path;
use std::time::Instant;

use super::{CompilerConfig, MemoryShare};
use crate::child::{self, Job, JobError, JobLimits};
use crate::error::CompileError;

/// Dropping the future kills the process.
pub(super) async fn compile(
    program: &Path,
    config: &CompilerConfig,
    memory: MemoryShare,
    key: &str,
    component: &[u8],
) -> Result<Vec<u8>, CompileError> {
    let started = Instant::now();
    let job = Job {
        program,
        command: "compile-component",
        limits: JobLimits { memory_bytes: memory.bytes, cpu_s: config.cpu_s },
        timeout: config.timeout,
        answer_bytes_max: config.artifact_bytes_max,
        key,
    };
    let result = child::run(&job, component).await.map_err(|error| match error {
        JobError::Memory { limit_bytes } if memory.is_lowered => CompileError::Host {
            reason: format!(
                "compiling it needs more than the {limit_bytes} bytes of memory that the container of this node leaves \
                 for it"
            ),
        },
        error => CompileError::from(error),
    });
    tracing::info!(
        component_bytes = component.len(),
        artifact_bytes = result.as_ref().map_or(0, Vec::len),
        duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        error = result.as_ref().err().map(ToString::to_string),
        "compilation"
    );
    result
}

impl From<JobError> for CompileError {
    fn from(error: JobError) -> Self {
        let unusable = |reason: String| CompileError::Unusable { reason };
        match error {
            JobError::Refused { reason } => unusable(reason),
            JobError::Memory { limit_bytes } => CompileError::Memory { limit_bytes },
            JobError::Cpu { limit_s } => CompileError::Cpu { limit_s },
            JobError::TimedOut { limit_s } => CompileError::TimedOut { limit_s },
            JobError::AnswerTooLarge { limit_bytes } => unusable(format!(
                "its compiled code is larger than the {limit_bytes} bytes that are allowed"
            )),
            JobError::TooDeep => unusable("it is nested too deeply to compile".into()),
            JobError::Crashed { how } => unusable(format!("the compiler crashed ({how})")),
            JobError::Host { reason } => CompileError::Host { reason },
        }
    }
}
