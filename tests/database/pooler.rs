//! PgBouncer before PostgreSQL, of whatever version is installed: in transaction mode from 1.21 on, and before that one
//! line at the start says why not.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use repairops::db::Db;
use tempfile::TempDir;

use super::expect_work;
use crate::support::{TestApp, debian, json, on_one_database, postgres};

on_one_database!(postgres Postgres: a_node_works_through_pgbouncer_or_says_why_not);

/// Stopped when dropped.
struct PgBouncer {
    child: Child,
    url: String,
    _folder: TempDir,
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Debian keeps it off the path of ordinary users.
fn program() -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("pgbouncer");
    command.env("PATH", format!("{path}:/usr/sbin")).current_dir("/");
    command
}

/// Its major and minor version.
fn version() -> Option<(u32, u32)> {
    let output = program().arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.lines().next()?.strip_prefix("PgBouncer ")?;
    let mut numbers = version.split('.').map_while(|number| number.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

impl PgBouncer {
    /// Few sessions of PostgreSQL, so that clients share them.
    async fn start(database_url: &str, settings: &str) -> PgBouncer {
        let port = TcpListener::bind("127.0.0.1:0")
            .expect("a port")
            .local_addr()
            .expect("an address")
            .port();
        let (_, rest) = database_url.split_once("://").expect("a URL");
        let (user, rest) = rest.split_once('@').expect("a user");
        let (server, rest) = rest.split_once('/').expect("a database");
        let server: SocketAddr = server.parse().expect("an address");
        let database = rest.split('?').next().expect("a database");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n{database} = host={} port={} user={user}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\ndefault_pool_size = 4\n{settings}\n",
            server.ip(),
            server.port(),
        );
        std::fs::write(&file, text).expect("a configuration");
        let mut command = program();
        if let Some((user, group)) =
            postgres::find_unprivileged_owner(folder.path()).expect("a user")
        {
            for path in [folder.path(), &file] {
                chown(path, Some(user), Some(group)).expect("an owner");
            }
            command.uid(user).gid(group);
        }
        command.arg(&file).stdin(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("pgbouncer starts");
        let url = format!("postgres://{user}@127.0.0.1:{port}/{database}?sslmode=disable");
        let pgbouncer = PgBouncer { child, url, _folder: folder };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return pgbouncer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("pgbouncer does not listen");
    }
}

async fn a_node_works_through_pgbouncer_or_says_why_not(t: &TestApp) {
    if version().is_none() {
        debian::install(&["pgbouncer"]).expect("pgbouncer");
    }
    let keeps_statements = version().expect("a version") >= (1, 21);
    t.install("qc-gate", json!({})).await;
    // Clients take their session for good: there must be enough of them.
    let session = "pool_mode = session\ndefault_pool_size = 60";
    let transaction = "pool_mode = transaction\nmax_prepared_statements = 200";
    let modes: &[&str] = if keeps_statements { &[session, transaction] } else { &[session] };
    for settings in modes {
        let pgbouncer = PgBouncer::start(t.database_url(), settings).await;
        let url = pgbouncer.url.clone();
        let node = t.node(|config| config.database.url = url).await;
        expect_work(&node.admin, &t.shop).await;
        node.app.db.close().await;
    }
    let off = if keeps_statements { "max_prepared_statements = 0" } else { "" };
    let pgbouncer =
        PgBouncer::start(t.database_url(), &format!("pool_mode = transaction\n{off}")).await;
    let error = Db::open(&pgbouncer.url).await.err().expect("a refusal");
    let error = format!("{error:#}");
    assert!(error.contains("PgBouncer 1.21 or later with max_prepared_statements"), "{error}");
    assert!(!error.contains('\n'), "{error}");
}
