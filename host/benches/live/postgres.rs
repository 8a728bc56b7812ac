//! Throwaway PostgreSQL clusters: a primary, and a standby that follows it.
//!
//! PostgreSQL refuses to run as root; then it runs as `postgres`, or as `nobody`.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;
use sqlx::Connection;
use sqlx::postgres::{PgConnection, PgRow};

use super::janitor::{Janitor, Process, signal_to};

const START_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(30);
const STATEMENT_MAX: Duration = Duration::from_secs(30);

/// The database that the nodes use.
const DATABASE: &str = "repairops";

/// What is used of an installation.
const PROGRAMS: [&str; 3] = ["initdb", "postgres", "pg_basebackup"];

pub struct Cluster {
    pub address: SocketAddr,
    folder: PathBuf,
    tools: Tools,
    janitor: Arc<Janitor>,
    process: Option<Process>,
}

impl Cluster {
    /// A primary with an empty database.
    pub async fn create(janitor: &Arc<Janitor>, folder: &Path) -> anyhow::Result<Cluster> {
        let mut cluster = Cluster::prepare(janitor, folder)?;
        let data = cluster.data();
        let mut command = cluster.tools.command("initdb", folder);
        command.arg("-D").arg(data).args(["-U", "postgres", "-A", "trust", "-E", "UTF8"]);
        run(command.args(["--no-locale", "--no-sync"]))?;
        cluster.start().await?;
        let create = format!("create database {DATABASE}");
        execute(&cluster.url_of("postgres"), &create).await?;
        Ok(cluster)
    }

    /// A standby of this primary, which then acknowledges no commit that the standby does not have.
    pub async fn create_standby(&self, folder: &Path) -> anyhow::Result<Cluster> {
        let mut standby = Cluster::prepare(&self.janitor, folder)?;
        let port = self.address.port().to_string();
        let data = standby.data();
        let mut command = standby.tools.command("pg_basebackup", folder);
        command.args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres"]);
        run(command.args(["-R", "-X", "stream", "-c", "fast", "--no-sync", "-D"]).arg(data))?;
        standby.start().await?;
        self.alter("synchronous_standby_names = '*'").await?;
        let is_followed = "select 1 from pg_stat_replication where sync_state = 'sync'";
        let started = Instant::now();
        while query(&self.url(), is_followed).await?.is_empty() {
            ensure!(started.elapsed() < START_MAX, "the standby does not follow");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(standby)
    }

    fn prepare(janitor: &Arc<Janitor>, folder: &Path) -> anyhow::Result<Cluster> {
        fs::create_dir_all(folder)?;
        let tools = Tools::find(folder)?;
        if let Some((user, group)) = tools.owner {
            chown(folder, Some(user), Some(group))?;
        }
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let (folder, janitor) = (folder.to_owned(), janitor.clone());
        Ok(Cluster { address, folder, tools, janitor, process: None })
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub async fn start(&mut self) -> anyhow::Result<()> {
        ensure!(self.process.is_none(), "the server runs already");
        let log = File::options().create(true).append(true).open(self.folder.join("log"))?;
        let mut command = self.tools.command("postgres", &self.folder);
        command.arg("-D").arg(self.data()).args(["-p", &self.address.port().to_string()]);
        for setting in
            ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"]
        {
            command.args(["-c", setting]);
        }
        let mut process = self.janitor.spawn(command.stdout(log.try_clone()?).stderr(log))?;
        let started = Instant::now();
        while let Err(error) = execute(&self.url_of("postgres"), "select 1").await {
            if process.has_ended() || started.elapsed() > START_MAX {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                bail!("PostgreSQL did not start: {error:#}; its log:\n{log}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.process = Some(process);
        Ok(())
    }

    /// The fast shutdown: sessions are ended.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let mut process = self.process.take().context("the server does not run")?;
        process.signal(Signal::INT)?;
        process.ended(STOP_MAX).await?;
        Ok(())
    }

    /// kill -9 of the server and of all its children.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let process = self.process.take().context("the server does not run")?;
        let children = children_of(process.id())?;
        process.signal(Signal::KILL)?;
        for child in children {
            let _ = signal_to(child, Signal::KILL); // it may have ended by itself
        }
        Ok(())
    }

    /// Makes a primary of a standby.
    pub async fn promote(&self) -> anyhow::Result<()> {
        execute(&self.url_of("postgres"), "select pg_promote()").await
    }

    /// `alter system set …`, or `reset …` without a value; takes effect at once.
    pub async fn alter(&self, setting: &str) -> anyhow::Result<()> {
        let verb = if setting.contains('=') { "set" } else { "reset" };
        let url = self.url_of("postgres");
        execute(&url, &format!("alter system {verb} {setting}")).await?;
        execute(&url, "select pg_reload_conf()").await
    }

    pub fn url(&self) -> String {
        url_at(self.address)
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@{}/{database}", self.address)
    }
}

/// The URL of the nodes' database at an address.
pub fn url_at(address: SocketAddr) -> String {
    format!("postgres://postgres@{address}/{DATABASE}")
}

/// Over a connection of its own.
pub async fn execute(url: &str, sql: &str) -> anyhow::Result<()> {
    query(url, sql).await.map(drop)
}

pub async fn query(url: &str, sql: &str) -> anyhow::Result<Vec<PgRow>> {
    let rows = async {
        let mut connection = PgConnection::connect(url).await?;
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        let rows = sqlx::raw_sql(sql).fetch_all(&mut connection).await?;
        connection.close().await?;
        anyhow::Ok(rows)
    };
    tokio::time::timeout(STATEMENT_MAX, rows).await.context("PostgreSQL does not answer")?
}

/// The installed programs of PostgreSQL, and who runs them.
struct Tools {
    folder: PathBuf,
    owner: Option<(u32, u32)>,
}

impl Tools {
    fn find(ours: &Path) -> anyhow::Result<Tools> {
        let folder = find_binaries().context(
            "no PostgreSQL on this machine: install it (Debian: apt-get install postgresql)",
        )?;
        if fs::metadata(ours)?.uid() != 0 {
            return Ok(Tools { folder, owner: None });
        }
        let id = |flag, user| output(Command::new("id").args([flag, user]))?.parse().ok();
        let owner =
            ["postgres", "nobody"].iter().find_map(|user| Some((id("-u", user)?, id("-g", user)?)));
        let owner = owner
            .context("neither a user postgres nor nobody, and PostgreSQL cannot run as root")?;
        Ok(Tools { folder, owner: Some(owner) })
    }

    fn command(&self, program: &str, folder: &Path) -> Command {
        let mut command = Command::new(self.folder.join(program));
        command.current_dir(folder).env("LC_ALL", "C");
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }
}

/// Debian keeps them off the PATH, in one folder for each version.
fn find_binaries() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev().map(|(_, folder)| folder));
    folders.extend(output(Command::new("pg_config").arg("--bindir")).map(PathBuf::from));
    let has_all = |folder: &PathBuf| PROGRAMS.iter().all(|program| folder.join(program).is_file());
    folders.into_iter().find(has_all)
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} failed: {said}");
    Ok(())
}

fn children_of(parent: u32) -> anyhow::Result<Vec<u32>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // After the name, which ends with the last parenthesis: the state, then the parent.
        let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
        if after.split(' ').nth(1).and_then(|id| id.parse().ok()) == Some(parent) {
            children.push(id);
        }
    }
    Ok(children)
}
