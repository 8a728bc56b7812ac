//! The server's end of a compilation: starts the process, feeds it, bounds what it may say and how long it may take,
//! and tells from how it ended what happened.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::CompilerConfig;
use super::frame::{Answer, HEADER_BYTES};
use crate::runtime::error::CompileError;

/// How much of the process's standard error is kept for the log.
const STDERR_BYTES_MAX: usize = 8 << 10;

/// What the process said until it ended.
struct Ended {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: String,
}

/// Has the component compiled by another process. Dropping the future kills it.
pub(super) async fn compile(
    program: &Path,
    config: &CompilerConfig,
    key: &str,
    component: &[u8],
) -> Result<Vec<u8>, CompileError> {
    let started = Instant::now();
    let mut child = start(program, config)
        .map_err(|error| host(format!("the compiler cannot be started: {error}")))?;
    let talked = tokio::time::timeout(config.timeout, talk(&mut child, config, component)).await;
    let result = match talked {
        Ok(Ok(ended)) => {
            if !ended.stderr.is_empty() {
                let stderr = ended.stderr.trim_end();
                tracing::warn!(status = %ended.status, stderr, "the compiler complained");
            }
            judge(ended, config, key)
        }
        Ok(Err(Broken::TooLarge)) => Err(CompileError::Unusable {
            reason: format!(
                "it compiles to more than the {} bytes that are allowed",
                config.artifact_bytes_max
            ),
        }),
        Ok(Err(Broken::Io(error))) => {
            Err(host(format!("the compiler cannot be talked to: {error}")))
        }
        Err(_) => Err(CompileError::TimedOut { limit_s: config.timeout.as_secs() }),
    };
    // It has ended already, unless it was broken off.
    let _ = child.kill().await;
    tracing::info!(
        component_bytes = component.len(),
        artifact_bytes = result.as_ref().map_or(0, Vec::len),
        duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        error = result.as_ref().err().map(ToString::to_string),
        "compilation"
    );
    result
}

fn start(program: &Path, config: &CompilerConfig) -> io::Result<Child> {
    let mut command = Command::new(program);
    command
        .arg("compile-component")
        .args(["--memory-bytes", &config.memory_bytes.to_string()])
        .args(["--cpu-s", &config.cpu_s.to_string()])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    // A Ctrl-C in the server's terminal is the server's: it ends the compilation itself.
    command.arg0(OsStr::new("repairops")).process_group(0).current_dir("/");
    command.spawn()
}

enum Broken {
    TooLarge,
    Io(io::Error),
}

async fn talk(
    child: &mut Child,
    config: &CompilerConfig,
    component: &[u8],
) -> Result<Ended, Broken> {
    let (Some(mut stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(Broken::Io(io::ErrorKind::BrokenPipe.into()));
    };
    let send = async {
        // A process that ended before it read everything says why by its end.
        let length = (component.len() as u64).to_le_bytes();
        if stdin.write_all(&length).await.is_ok() {
            let _ = stdin.write_all(component).await;
        }
        Ok(())
    };
    let answer = async {
        let bytes_max = config.artifact_bytes_max.saturating_add(HEADER_BYTES as u64);
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
    // Its end would say that we are gone.
    drop(stdin);
    Ok(Ended { status, stdout, stderr })
}

/// Reads to the end, keeps the beginning.
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

fn judge(ended: Ended, config: &CompilerConfig, key: &str) -> Result<Vec<u8>, CompileError> {
    let Ended { status, stdout, stderr } = ended;
    if !status.success() {
        return Err(explain_death(status, &stderr, config));
    }
    let Some((its_key, answer)) = Answer::read(stdout) else {
        return Err(host("the program that should compile is not repairops".into()));
    };
    if its_key != key {
        return Err(host("the program that compiles is of another version".into()));
    }
    match answer {
        Answer::Artifact(artifact) => Ok(artifact),
        Answer::Unusable(reason) => Err(CompileError::Unusable { reason }),
        Answer::OutOfMemory => Err(CompileError::Memory { limit_bytes: config.memory_bytes }),
    }
}

/// The standard library's words; there is no stable way to have others.
const ALLOCATION_FAILED: &str = "memory allocation of ";
const STACK_OVERFLOWED: &str = "has overflowed its stack";
const PANICKED: i32 = 101;

/// What a process that gave no answer died of. SIGKILL is not ours and not that of a limit of its own, so it is the
/// node's: there was no memory, or somebody did it.
fn explain_death(status: ExitStatus, stderr: &str, config: &CompilerConfig) -> CompileError {
    if stderr.contains(ALLOCATION_FAILED) {
        return CompileError::Memory { limit_bytes: config.memory_bytes };
    }
    if stderr.contains(STACK_OVERFLOWED) {
        return CompileError::Unusable { reason: "it is nested too deeply to compile".into() };
    }
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;

        use rustix::process::Signal;

        let is = |signal: Signal| status.signal() == Some(signal.as_raw());
        if is(Signal::XCPU) {
            return CompileError::Cpu { limit_s: config.cpu_s };
        }
        if [Signal::SEGV, Signal::BUS, Signal::ILL, Signal::FPE, Signal::ABORT].into_iter().any(is)
        {
            return CompileError::Unusable { reason: format!("the compiler crashed ({status})") };
        }
    }
    match status.code() {
        Some(PANICKED) => CompileError::Unusable { reason: "the compiler crashed".into() },
        _ => host(format!("the compiler ended early ({status})")),
    }
}

fn host(reason: String) -> CompileError {
    CompileError::Host { reason }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;
    use crate::runtime::compile::CompilerProgram;

    const KEY: &str = "0123456789abcdef";

    fn config() -> CompilerConfig {
        CompilerConfig::new(CompilerProgram::Child("/nonexistent/repairops".into()))
    }

    fn killed(signal: i32, stderr: &str) -> CompileError {
        explain_death(ExitStatus::from_raw(signal), stderr, &config())
    }

    #[test]
    fn tells_what_a_process_died_of() {
        let config = config();
        let memory = CompileError::Memory { limit_bytes: config.memory_bytes };
        assert_eq!(killed(6, "memory allocation of 1073741824 bytes failed\n"), memory);
        assert_eq!(killed(24, ""), CompileError::Cpu { limit_s: config.cpu_s });
        let unusable = |error| matches!(error, CompileError::Unusable { .. });
        assert!(unusable(killed(6, "\nthread 'main' has overflowed its stack\n")));
        assert!(unusable(killed(11, "")));
        assert!(unusable(killed(101 << 8, "thread 'main' panicked at …")));
        let node = |error| matches!(error, CompileError::Host { .. });
        assert!(node(killed(9, "")));
        assert!(node(killed(15, "")));
        assert!(node(killed(2 << 8, "error: unrecognized subcommand")));
    }

    #[test]
    fn only_the_answer_of_this_build_counts() {
        let answered = |key| {
            let mut stdout = Vec::new();
            Answer::Artifact(vec![1]).write(key, &mut stdout).unwrap();
            Ended { status: ExitStatus::from_raw(0), stdout, stderr: String::new() }
        };
        assert_eq!(judge(answered(KEY), &config(), KEY), Ok(vec![1]));
        let other = judge(answered("fedcba9876543210"), &config(), KEY);
        assert!(matches!(other, Err(CompileError::Host { .. })));
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_or_another_one_is_the_nodes_fault() {
        for program in ["/nonexistent/repairops", "/bin/true", "/bin/false", "/bin/echo"] {
            let compiled = compile(Path::new(program), &config(), KEY, &[0; 100_000]).await;
            assert!(matches!(compiled, Err(CompileError::Host { .. })), "{program}: {compiled:?}");
        }
    }
}
