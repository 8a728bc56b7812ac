//! Runs a job on untrusted input in another process of this program, under limits of memory and processor time:
//! starts the process, sends the input, limits the answer and the wall-clock time, and maps the exit status to an
//! error (`inside` is the other end, `frame` the wire format).
//!
//! Invariant: a job costs this process no more memory than the bytes of its input and its answer.

mod frame;
pub(super) mod inside;

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

pub(super) use self::frame::Answer;
use self::frame::HEADER_BYTES;
pub use self::inside::JobLimits;

/// How much of the process's standard error is kept for the log.
const STDERR_BYTES_MAX: usize = 8 << 10;

/// What to start, and with which limits.
pub(super) struct Job<'a> {
    pub program: &'a Path,
    /// The subcommand of `repairops`.
    pub command: &'static str,
    pub limits: JobLimits,
    /// Wall-clock time from the start of the process.
    pub timeout: Duration,
    pub answer_bytes_max: u64,
    /// The key that the answer must carry: same build, same settings.
    pub key: &'a str,
}

/// Why a job returned no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum JobError {
    /// The job rejected its input.
    #[error("{reason}")]
    Refused { reason: String },
    #[error("it needs more than {limit_bytes} bytes of memory")]
    Memory { limit_bytes: u64 },
    #[error("it needs more than {limit_s} s of processor time")]
    Cpu { limit_s: u64 },
    #[error("it took longer than {limit_s} s")]
    TimedOut { limit_s: u64 },
    #[error("its answer has more than {limit_bytes} bytes")]
    AnswerTooLarge { limit_bytes: u64 },
    #[error("it is nested too deeply")]
    TooDeep,
    #[error("the process crashed ({how})")]
    Crashed { how: String },
    /// Not caused by the input.
    #[error("{reason}")]
    Host { reason: String },
}

/// The output and the exit status of the process.
struct Ended {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: String,
}

/// Runs the job. Dropping the future kills the process.
pub(super) async fn run(job: &Job<'_>, input: &[u8]) -> Result<Vec<u8>, JobError> {
    let mut child =
        start(job).map_err(|error| host(format!("the process cannot be started: {error}")))?;
    let talked = tokio::time::timeout(job.timeout, talk(&mut child, job, input)).await;
    let result = match talked {
        Ok(Ok(ended)) => {
            if !ended.stderr.is_empty() {
                let stderr = ended.stderr.trim_end();
                tracing::warn!(command = job.command, status = %ended.status, stderr, "a job wrote to standard error");
            }
            read_answer(ended, job)
        }
        Ok(Err(Broken::TooLarge)) => {
            Err(JobError::AnswerTooLarge { limit_bytes: job.answer_bytes_max })
        }
        Ok(Err(Broken::Io(error))) => Err(host(format!("the pipe to the process broke: {error}"))),
        Err(_) => Err(JobError::TimedOut { limit_s: job.timeout.as_secs() }),
    };
    // A no-op unless the process timed out.
    let _ = child.kill().await;
    result
}

fn start(job: &Job<'_>) -> io::Result<Child> {
    let mut command = Command::new(job.program);
    command
        .arg(job.command)
        .args(["--memory-bytes", &job.limits.memory_bytes.to_string()])
        .args(["--cpu-s", &job.limits.cpu_s.to_string()])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    // Ctrl-C in the server's terminal signals the server alone, which then ends its jobs.
    command.arg0(OsStr::new("repairops")).process_group(0).current_dir("/");
    command.spawn()
}

enum Broken {
    TooLarge,
    Io(io::Error),
}

async fn talk(child: &mut Child, job: &Job<'_>, input: &[u8]) -> Result<Ended, Broken> {
    let (Some(mut stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(Broken::Io(io::ErrorKind::BrokenPipe.into()));
    };
    let send = async {
        // If the process exits before it has read everything, its exit status explains why.
        let length = (input.len() as u64).to_le_bytes();
        if stdin.write_all(&length).await.is_ok() {
            let _ = stdin.write_all(input).await;
        }
        Ok(())
    };
    let answer = async {
        let bytes_max = job.answer_bytes_max.saturating_add(HEADER_BYTES as u64);
        let mut bytes = Vec::new();
        let read = stdout.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).await;
        match read {
            Ok(read) if read as u64 > bytes_max => Err(Broken::TooLarge),
            Ok(_) => Ok(bytes),
            Err(error) => Err(Broken::Io(error)),
        }
    };
    let complaints = async { read_some(stderr).await.map_err(Broken::Io) };
    let ((), stdout, stderr) = tokio::try_join!(send, answer, complaints)?;
    let status = child.wait().await.map_err(Broken::Io)?;
    // The job exits when its input closes, so the pipe stays open until here.
    drop(stdin);
    Ok(Ended { status, stdout, stderr })
}

/// Reads to the end and keeps the beginning.
async fn read_some(mut input: impl AsyncRead + Unpin) -> io::Result<String> {
    let mut kept = Vec::new();
    let mut part = [0; 1024];
    loop {
        match input.read(&mut part).await? {
            0 => return Ok(String::from_utf8_lossy(&kept).into_owned()),
            read => {
                let room = STDERR_BYTES_MAX.saturating_sub(kept.len());
                kept.extend_from_slice(&part[..read.min(room)]);
            }
        }
    }
}

fn read_answer(ended: Ended, job: &Job<'_>) -> Result<Vec<u8>, JobError> {
    let Ended { status, stdout, stderr } = ended;
    if !status.success() {
        return Err(explain_death(status, &stderr, job.limits));
    }
    let Some((its_key, answer)) = Answer::read(stdout) else {
        return Err(host("the program that was started is not repairops".into()));
    };
    if its_key != job.key {
        return Err(host("the program that was started is of another version".into()));
    }
    match answer {
        Answer::Done(bytes) => Ok(bytes),
        Answer::Refused(reason) => Err(JobError::Refused { reason }),
        Answer::OutOfMemory => Err(JobError::Memory { limit_bytes: job.limits.memory_bytes }),
    }
}

/// The standard library's message; there is no stable way to replace it.
const ALLOCATION_FAILED: &str = "memory allocation of ";
const STACK_OVERFLOWED: &str = "has overflowed its stack";
const PANICKED: i32 = 101;

/// Explains the death of a process that returned no answer. A SIGKILL comes neither from us nor from a limit of the
/// process, so the node ran out of memory or an operator sent it.
fn explain_death(status: ExitStatus, stderr: &str, limits: JobLimits) -> JobError {
    if stderr.contains(ALLOCATION_FAILED) {
        return JobError::Memory { limit_bytes: limits.memory_bytes };
    }
    if stderr.contains(STACK_OVERFLOWED) {
        return JobError::TooDeep;
    }
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;

        use rustix::process::Signal;

        let is = |signal: Signal| status.signal() == Some(signal.as_raw());
        if is(Signal::XCPU) {
            return JobError::Cpu { limit_s: limits.cpu_s };
        }
        // Not SIGBUS: a page of the program or of a full memory file system could not be read or written.
        if [Signal::SEGV, Signal::ILL, Signal::FPE, Signal::ABORT].into_iter().any(is) {
            return JobError::Crashed { how: status.to_string() };
        }
    }
    match status.code() {
        Some(PANICKED) => JobError::Crashed { how: "panic".into() },
        _ => host(format!("the process ended early ({status})")),
    }
}

fn host(reason: String) -> JobError {
    JobError::Host { reason }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    const KEY: &str = "0123456789abcdef";
    const LIMITS: JobLimits = JobLimits { memory_bytes: 1 << 30, cpu_s: 60 };

    fn job(program: &str) -> Job<'_> {
        Job {
            program: Path::new(program),
            command: "compile-component",
            limits: LIMITS,
            timeout: Duration::from_secs(60),
            answer_bytes_max: 1 << 20,
            key: KEY,
        }
    }

    fn killed(signal: i32, stderr: &str) -> JobError {
        explain_death(ExitStatus::from_raw(signal), stderr, LIMITS)
    }

    #[test]
    fn tells_what_a_process_died_of() {
        let memory = JobError::Memory { limit_bytes: LIMITS.memory_bytes };
        assert_eq!(killed(6, "memory allocation of 1073741824 bytes failed\n"), memory);
        assert_eq!(killed(24, ""), JobError::Cpu { limit_s: LIMITS.cpu_s });
        assert_eq!(killed(6, "\nthread 'main' has overflowed its stack\n"), JobError::TooDeep);
        let crashed = |error| matches!(error, JobError::Crashed { .. });
        assert!(crashed(killed(11, "")));
        assert!(crashed(killed(101 << 8, "thread 'main' panicked at …")));
        let node = |error| matches!(error, JobError::Host { .. });
        assert!(node(killed(9, "")));
        assert!(node(killed(7, "")));
        assert!(node(killed(15, "")));
        assert!(node(killed(2 << 8, "error: unrecognized subcommand")));
    }

    #[test]
    fn only_the_answer_of_this_build_counts() {
        let answered = |key| {
            let mut stdout = Vec::new();
            Answer::Done(vec![1]).write(key, &mut stdout).unwrap();
            Ended { status: ExitStatus::from_raw(0), stdout, stderr: String::new() }
        };
        assert_eq!(read_answer(answered(KEY), &job("repairops")), Ok(vec![1]));
        let other = read_answer(answered("fedcba9876543210"), &job("repairops"));
        assert!(matches!(other, Err(JobError::Host { .. })));
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_or_another_one_is_the_nodes_fault() {
        for program in ["/nonexistent/repairops", "/bin/true", "/bin/false", "/bin/echo"] {
            let ran = run(&job(program), &[0; 100_000]).await;
            assert!(matches!(ran, Err(JobError::Host { .. })), "{program}: {ran:?}");
        }
    }
}
