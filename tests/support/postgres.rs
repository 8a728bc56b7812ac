//! One PostgreSQL server for a test binary: an existing one, or a temporary cluster that ends with this process.
//!
//! In this order: the URL in `REPAIROPS_TEST_POSTGRES`; a server on 127.0.0.1:5432 (another port by
//! `REPAIROPS_TEST_POSTGRES_PORT`) that accepts logins without a password, as a user who may create databases; a
//! temporary cluster from installed binaries; the same after `apt-get install postgresql`, if the user is root and
//! `REPAIROPS_NO_INSTALL` is not set. Prints a line before it installs or starts anything.
//!
//! A static is never dropped and a test process may be killed, so the cluster does not rely on either: a small `sh`
//! holds the other end of a pipe. When the pipe closes, it stops the server and deletes its folder.

use std::fs::{self, File};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::{debian, tell};

const URL_VARIABLE: &str = "REPAIROPS_TEST_POSTGRES";
const PORT_VARIABLE: &str = "REPAIROPS_TEST_POSTGRES_PORT";
const START_LIMIT: Duration = Duration::from_secs(30);
const LOGIN_LIMIT: Duration = Duration::from_secs(5);

/// Tests create databases of their own through `url`.
#[derive(Debug)]
pub struct Server {
    /// The URL of a maintenance database, such as `postgres://postgres@127.0.0.1:5432/postgres`.
    pub url: String,
    /// This process's end of the pipe: closing it stops the cluster.
    _lifeline: Option<ChildStdin>,
}

/// Blocks, for up to a minute if PostgreSQL has to be installed; may be called within an async runtime.
pub fn find_or_start() -> Result<Server> {
    if let Ok(url) = std::env::var(URL_VARIABLE) {
        check_login(&url).with_context(|| format!("{URL_VARIABLE} is set, but of no use"))?;
        return Ok(Server { url, _lifeline: None });
    }
    let port = match std::env::var(PORT_VARIABLE) {
        Ok(port) => port.parse().with_context(|| format!("{PORT_VARIABLE} is no port"))?,
        Err(_) => 5432,
    };
    if let Some(url) = find_running(port) {
        return Ok(Server { url, _lifeline: None });
    }
    start_cluster(&find_or_install_binaries()?, &[], &[])
        .with_context(|| format!("set {URL_VARIABLE} to the URL of a PostgreSQL server"))
}

/// A server with other settings, for one test. `files` are written to its folder, which settings call FOLDER.
pub fn start_with(settings: &[&str], files: &[(&str, &str)]) -> Result<Server> {
    start_cluster(&find_or_install_binaries()?, settings, files)
}

fn find_or_install_binaries() -> Result<PathBuf> {
    match find_binaries() {
        Some(binaries) => Ok(binaries),
        None => install_binaries().with_context(|| {
            format!(
                "no PostgreSQL to test on: install one, or set {URL_VARIABLE} to the URL of one"
            )
        }),
    }
}

fn find_running(port: u16) -> Option<String> {
    if !is_listening(port) {
        return None;
    }
    let own = read_output(Command::new("id").arg("-un")).unwrap_or_default();
    for user in ["postgres", own.as_str()] {
        for database in ["postgres", user] {
            let url = format!("postgres://{user}@127.0.0.1:{port}/{database}");
            if check_login(&url).is_ok() {
                return Some(url);
            }
        }
    }
    tell(&format!(
        "the PostgreSQL server on port {port} lets neither postgres nor {own} create databases"
    ));
    None
}

fn is_listening(port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_secs(1))
        .is_ok()
}

/// On a thread of its own, because the caller may be within a runtime, where another cannot be entered.
fn check_login(url: &str) -> Result<()> {
    let url = url.to_owned();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            tokio::time::timeout(LOGIN_LIMIT, log_in(&url)).await.context("no answer in time")?
        })
    });
    thread.join().map_err(|_| anyhow::anyhow!("the login panicked"))?
}

async fn log_in(url: &str) -> Result<()> {
    use sqlx::Connection;
    let mut connection =
        sqlx::postgres::PgConnection::connect(url).await.context("cannot log in")?;
    let may_create: bool = sqlx::query_scalar(
        "select rolsuper or rolcreatedb from pg_roles where rolname = current_user",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    ensure!(may_create, "the user may not create databases");
    Ok(())
}

/// The folder of `initdb` and `postgres`; Debian keeps them off the PATH, in one folder for each version.
fn find_binaries() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&on_path).collect();
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
    folders.extend(read_output(Command::new("pg_config").arg("--bindir")).map(PathBuf::from));
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

fn install_binaries() -> Result<PathBuf> {
    debian::install(&["postgresql"])?;
    find_binaries().context("apt-get installed postgresql, but there is no initdb")
}

fn start_cluster(binaries: &Path, more: &[&str], files: &[(&str, &str)]) -> Result<Server> {
    let folder = tempfile::Builder::new().prefix("repairops-postgres-").tempdir()?;
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    tell(&format!(
        "starting a throwaway PostgreSQL of {} on port {port}; it stops with the tests ({URL_VARIABLE} names another)",
        binaries.display()
    ));
    let mut supervisor = Command::new("sh");
    supervisor.args(["-c", SUPERVISOR, "sh"]).arg(folder.path()).arg(binaries);
    supervisor.args(["-p", &port.to_string()]).env("LC_ALL", "C");
    let written = files.iter().map(|(name, text)| write_private(&folder.path().join(name), text));
    let mut paths = written.collect::<Result<Vec<_>>>()?;
    paths.push(folder.path().to_owned());
    if let Some((user, group)) = find_unprivileged_owner(folder.path())? {
        for path in paths {
            chown(path, Some(user), Some(group))?;
        }
        supervisor.uid(user).gid(group);
    }
    let more =
        more.iter().map(|setting| setting.replace("FOLDER", &folder.path().to_string_lossy()));
    let more: Vec<String> = more.collect();
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=300",
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
    ]
    .into_iter()
    .chain(more.iter().map(String::as_str))
    {
        supervisor.args(["-c", setting]);
    }
    // In a process group of its own: Ctrl-C must stop the tests, not the supervisor that cleans up after them.
    supervisor.current_dir(folder.path()).process_group(0);
    let log = File::create(folder.path().join("log"))?;
    supervisor.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
    let mut supervisor = supervisor.spawn().context("cannot run sh")?;
    let lifeline = supervisor.stdin.take();
    // From here on the supervisor deletes it.
    let folder = folder.keep();

    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    wait_until_ready(&url, port, &folder.join("log"))?;
    Ok(Server { url, _lifeline: lifeline })
}

/// `$1` is the folder of the cluster, `$2` that of the binaries, the rest is for the server. The signal is repeated,
/// because a server that has just started ignores it.
const SUPERVISOR: &str = r#"
trap '' INT TERM HUP
folder=$1 binaries=$2
shift 2
if "$binaries/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --no-locale --no-sync </dev/null; then
    "$binaries/postgres" -D "$folder/data" "$@" </dev/null &
    server=$!
else
    echo 'initdb failed'
fi
cat >/dev/null
while [ -n "$server" ] && kill -QUIT "$server" 2>/dev/null; do sleep 0.1; done
cd / && rm -rf "$folder"
"#;

fn wait_until_ready(url: &str, port: u16, log: &Path) -> Result<()> {
    let started = Instant::now();
    loop {
        let login = match is_listening(port) {
            true => check_login(url),
            false => Err(anyhow::anyhow!("nothing listens on port {port}")),
        };
        let Err(error) = login else { return Ok(()) };
        let text = fs::read_to_string(log).unwrap_or_default();
        let ended =
            ["initdb failed", "database system is shut down"].iter().any(|end| text.contains(end));
        if ended || started.elapsed() > START_LIMIT {
            bail!("PostgreSQL did not start: {error:#}; its log:\n{text}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Readable by its owner alone, as PostgreSQL demands of keys.
fn write_private(path: &Path, text: &str) -> Result<PathBuf> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(path.to_owned())
}

/// PostgreSQL refuses to run as root; then it runs as `postgres`, or as `nobody`.
pub fn find_unprivileged_owner(ours: &Path) -> Result<Option<(u32, u32)>> {
    if fs::metadata(ours)?.uid() != 0 {
        return Ok(None);
    }
    let id = |flag, user| read_output(Command::new("id").args([flag, user]))?.parse::<u32>().ok();
    let owner =
        ["postgres", "nobody"].iter().find_map(|user| Some((id("-u", user)?, id("-g", user)?)));
    Ok(Some(
        owner.context("neither a user postgres nor nobody, and PostgreSQL cannot run as root")?,
    ))
}

fn read_output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
