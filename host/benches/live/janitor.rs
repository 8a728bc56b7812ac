//! Processes and a folder that end with the bench, however it ends.
//!
//! Invariant: a small `sh` in a process group of its own holds the other end of a pipe and knows every process. When
//! the pipe closes (the end, Ctrl-C, a panic, `kill -9`), it kills what is left and deletes the folder.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

pub struct Janitor {
    folder: PathBuf,
    pipe: Mutex<Option<ChildStdin>>,
    shell: Mutex<Child>,
}

/// `$1` is the folder; a line is `+ ID` for a process that has begun, `- ID` for one that has ended. A killed
/// PostgreSQL server takes a moment until its last child has noticed.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
ids=' '
while read -r sign id; do
    case $sign in
        +) ids="$ids$id " ;;
        -) ids="${ids%% $id *} ${ids#* $id }" ;;
    esac
done
for id in $ids; do kill -9 "$id" 2>/dev/null; done
for try in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf "$1" 2>/dev/null && break
    sleep 0.3
done
"#;

impl Janitor {
    pub fn start() -> anyhow::Result<Arc<Janitor>> {
        let folder = tempfile::Builder::new().prefix("repairops-bench-").tempdir()?;
        // PostgreSQL runs as another user when this one is root.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755))?;
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(folder.path())
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .spawn()
            .context("cannot run sh")?;
        let pipe = Mutex::new(shell.stdin.take());
        let shell = Mutex::new(shell);
        Ok(Arc::new(Janitor { folder: folder.keep(), pipe, shell }))
    }

    /// Deleted at the end, with all that is in it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The process gets a group of its own: Ctrl-C is for the bench.
    pub fn spawn(self: &Arc<Self>, command: &mut Command) -> anyhow::Result<Process> {
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        self.tell('+', child.id());
        Ok(Process { child, janitor: self.clone() })
    }

    fn tell(&self, sign: char, id: u32) {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipe) = pipe.as_mut() {
            let _ = pipe.write_all(format!("{sign} {id}\n").as_bytes());
        }
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        drop(self.pipe.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.shell.get_mut().unwrap_or_else(PoisonError::into_inner).wait();
    }
}

/// Killed when it is dropped.
pub struct Process {
    child: Child,
    janitor: Arc<Janitor>,
}

impl Process {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        signal_to(self.id(), signal)
    }

    pub async fn ended(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if started.elapsed() > limit {
                bail!("the process {} did not end within {} s", self.id(), limit.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.janitor.tell('-', self.child.id());
    }
}

pub fn signal_to(id: u32, signal: Signal) -> anyhow::Result<()> {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw).context("not a process id")?;
    kill_process(pid, signal).with_context(|| format!("sending a signal to the process {id}"))
}
