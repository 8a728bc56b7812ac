//! `repairops serve` as a process of its own, which can be killed, ended and started again at the same address.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;

use super::client::Client;
use super::janitor::{Janitor, Process};

const START_MAX: Duration = Duration::from_secs(60);
/// After SIGTERM, whatever hangs.
const END_MAX: Duration = Duration::from_secs(25);

/// A build of `repairops` and its database. All settings are environment variables: an older build ignores those that
/// it does not know.
#[derive(Clone)]
pub struct Program {
    pub path: PathBuf,
    pub settings: Vec<(&'static str, String)>,
}

impl Program {
    /// The build that belongs to this bench.
    pub fn own(database: &str) -> Program {
        Program::of(Path::new(env!("CARGO_BIN_EXE_repairops")), database)
    }

    pub fn of(path: &Path, database: &str) -> Program {
        let settings = vec![
            ("REPAIROPS_DATABASE", database.to_owned()),
            ("REPAIROPS_RATE_LIMITS", "off".to_owned()),
            ("REPAIROPS_METRICS_LISTEN", "off".to_owned()),
            ("RUST_LOG", "warn,repairops=info,repairops::access=off".to_owned()),
        ];
        Program { path: path.to_owned(), settings }
    }

    pub fn set(mut self, name: &'static str, value: &str) -> Program {
        self.settings.push((name, value.to_owned()));
        self
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.envs(self.settings.iter().map(|(name, value)| (*name, value)));
        command
    }

    /// Runs `repairops admin …`; blocks.
    pub fn admin(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = self.command();
        command.arg("admin").args(arguments).env("RUST_LOG", "error");
        command.output().with_context(|| format!("cannot run {}", self.path.display()))
    }

    /// What the doctor finds: nothing, or a text.
    pub fn examine(&self) -> anyhow::Result<Option<String>> {
        let output = self.admin(&["doctor"])?;
        if output.status.success() {
            return Ok(None);
        }
        let said = [output.stdout, output.stderr].concat();
        Ok(Some(String::from_utf8_lossy(&said).trim().to_owned()))
    }
}

pub struct Node {
    pub address: String,
    data: PathBuf,
    janitor: Arc<Janitor>,
    process: Option<Process>,
}

impl Node {
    /// `data` is its own folder; its log is beside it.
    pub async fn start(
        janitor: &Arc<Janitor>,
        program: &Program,
        data: &Path,
    ) -> anyhow::Result<Node> {
        let address = free_address()?;
        let (janitor, data) = (janitor.clone(), data.to_owned());
        let mut node = Node { address, data, janitor, process: None };
        node.begin(program).await?;
        Ok(node)
    }

    /// Starts it (again), and waits until it serves.
    pub async fn begin(&mut self, program: &Program) -> anyhow::Result<()> {
        ensure!(self.process.is_none(), "the node runs already");
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = program.command();
        command.arg("serve").stdout(Stdio::null()).stderr(log);
        command.env("REPAIROPS_LISTEN", &self.address).env("REPAIROPS_DATA", &self.data);
        let mut process = self.janitor.spawn(&mut command)?;
        let client = Client::new(&self.address);
        let started = Instant::now();
        while client.probe("/healthz", Duration::from_secs(1)).await.is_err() {
            if process.has_ended() {
                bail!("{} ended at its start; its log: {}", program.path.display(), self.tail());
            }
            ensure!(started.elapsed() < START_MAX, "the node does not serve: {}", self.tail());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.process = Some(process);
        Ok(())
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// SIGTERM; returns how long the end took.
    pub async fn terminate(&mut self) -> anyhow::Result<Duration> {
        let mut process = self.process.take().context("the node does not run")?;
        let started = Instant::now();
        process.signal(Signal::TERM)?;
        let status = process.ended(END_MAX).await?;
        ensure!(status.success(), "the node ended with {status}: {}", self.tail());
        Ok(started.elapsed())
    }

    /// Whether it has not ended by itself.
    pub fn runs(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| !process.has_ended())
    }

    fn log(&self) -> PathBuf {
        self.data.with_extension("log")
    }

    /// The last lines of its log.
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }
}

/// An address of this machine that nothing uses now.
pub fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
