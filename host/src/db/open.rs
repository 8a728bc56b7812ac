//! Opens the connection pools.
//!
//! Invariant: a pool never hands out a connection whose session is inside a transaction.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Postgres, Row, Sqlite};

use super::limited::{PING_MAX, limited};
use super::transaction::is_outside;
use super::{Db, Storage};
use super::{migrations, pooler};

impl Db {
    /// Opens `sqlite:PATH` (created if missing) or `postgres://…`.
    pub async fn open(url: &str) -> anyhow::Result<Db> {
        Db::open_with(url, CONNECTIONS).await
    }

    /// With another number of connections of PostgreSQL for the whole node.
    pub async fn open_with(url: &str, connections: u32) -> anyhow::Result<Db> {
        if let Some(path) = sqlite_path(url) {
            return open_sqlite(path, SqliteSynchronous::Full, &migrations::SQLITE).await;
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return open_postgres(url, connections).await;
        }
        bail!("unknown database {url:?}: use sqlite:PATH or postgres://USER@HOST/NAME")
    }

    /// The same database through connections of its own, for what must not wait behind requests. Connected on first
    /// use. SQLite needs none: it is in this process.
    pub fn open_apart(&self, url: &str) -> anyhow::Result<Db> {
        let Db::Postgres { storage, hook, .. } = self else { return Ok(self.clone()) };
        let pool = postgres_pool(APART, storage).acquire_timeout(Duration::from_secs(2));
        let pool = pool.connect_lazy_with(postgres_options(url)?);
        Ok(Db::Postgres { pool, storage: storage.clone(), hook: hook.clone() })
    }

    /// The journal of plugins: on SQLite a file beside the database, so that its writer never waits for requests; on
    /// PostgreSQL the same database.
    pub async fn open_journal(&self, url: &str) -> anyhow::Result<Db> {
        let Some(path) = sqlite_path(url) else { return Ok(self.clone()) };
        let mut path = path.into_os_string();
        path.push(".runs");
        // A killed process loses nothing that was committed; a power failure may lose the last second.
        open_sqlite(path.into(), SqliteSynchronous::Normal, &migrations::JOURNAL).await
    }

    /// On PostgreSQL: a pool for statements that are sent with every request and wait for no disk. Connected on first
    /// use.
    pub fn open_quick(&self, url: &str, connections: u32) -> anyhow::Result<Option<Db>> {
        let Db::Postgres { storage, hook, .. } = self else { return Ok(None) };
        let pool = postgres_pool(quick(connections), storage);
        let pool = pool.connect_lazy_with(postgres_options(url)?);
        Ok(Some(Db::Postgres { pool, storage: storage.clone(), hook: hook.clone() }))
    }
}

/// Connections of one node.
pub const CONNECTIONS: u32 = 20;

/// For the heartbeats.
const APART: u32 = 2;

/// For what is sent with every request.
fn quick(connections: u32) -> u32 {
    (connections / 4).max(1)
}

/// For all else.
fn main(connections: u32) -> u32 {
    connections.saturating_sub(quick(connections) + APART).max(1)
}

/// The path of `sqlite:PATH`; `None` for another database.
pub(super) fn sqlite_path(url: &str) -> Option<PathBuf> {
    Some(PathBuf::from(url.strip_prefix("sqlite:")?.trim_start_matches("//")))
}

async fn open_sqlite(
    path: PathBuf,
    synchronous: SqliteSynchronous,
    migrator: &'static Migrator,
) -> anyhow::Result<Db> {
    if path.as_os_str().is_empty() {
        bail!("the database URL sqlite: has no path; expected something like sqlite:repairops.db");
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("creating the folder of the database {}", path.display()))?;
    }
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        // In pages. A server copies the log itself, beside its writes; this is for commands, and if it falls behind.
        .pragma("wal_autocheckpoint", "16000")
        .statement_cache_capacity(256);
    let writer = ends_transactions(sqlite_pool(1))
        .acquire_timeout(Duration::from_secs(30))
        .connect_with(options.clone())
        .await
        .with_context(|| format!("opening the SQLite database {}", path.display()))?;
    let checkpointer = sqlite_pool(1).connect_lazy_with(options.clone());
    let readers =
        sqlite_pool(8).connect_lazy_with(options.read_only(true).create_if_missing(false));
    let (storage, hook) = (Arc::default(), Arc::default());
    Ok(Db::Sqlite { writer, readers, checkpointer, storage, hook, migrator })
}

fn sqlite_pool(connections_max: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(connections_max).test_before_acquire(false) // a file does not hang up
}

/// For connections that begin transactions; readers do not, and are spared the round trip to their thread.
fn ends_transactions(pool: SqlitePoolOptions) -> SqlitePoolOptions {
    pool.after_release(|connection, _| {
        Box::pin(async move {
            // The reply follows that of the rollback queued by a dropped transaction.
            connection.ping().await?;
            Ok(is_outside::<Sqlite>(connection))
        })
    })
}

/// Without options that a pooler of connections refuses at the start of a session.
fn postgres_options(url: &str) -> anyhow::Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url).context("reading the PostgreSQL URL")?;
    check_ca_file(url)?;
    Ok(options.application_name("repairops").extra_float_digits(None))
}

/// The driver's own error names no file.
fn check_ca_file(url: &str) -> anyhow::Result<()> {
    let url = reqwest::Url::parse(url).context("reading the PostgreSQL URL")?;
    let names = ["sslrootcert", "ssl-root-cert", "ssl-ca"];
    for (name, file) in url.query_pairs().filter(|(name, _)| names.contains(&name.as_ref())) {
        std::fs::File::open(file.as_ref())
            .with_context(|| format!("opening {file}, the {name} of the database URL"))?;
    }
    Ok(())
}

async fn open_postgres(url: &str, connections: u32) -> anyhow::Result<Db> {
    let options = postgres_options(url)?;
    let storage = Arc::<Storage>::default();
    let pool = postgres_pool(main(connections), &storage).connect_with(options.clone()).await;
    let pool = pool.context("connecting to PostgreSQL")?;
    warn_if_in_clear(&pool, &options).await?;
    pooler::check(&pool, &options).await?;
    Ok(Db::Postgres { pool, storage, hook: Arc::default() })
}

/// `sslmode=prefer`, the default, takes whatever the server has.
async fn warn_if_in_clear(pool: &PgPool, options: &PgConnectOptions) -> anyhow::Result<()> {
    let host = options.get_host();
    let is_local = options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    let may_be_in_clear = matches!(options.get_ssl_mode(), PgSslMode::Prefer | PgSslMode::Allow);
    if is_local || !may_be_in_clear {
        return Ok(());
    }
    let row: Option<(bool,)> =
        sqlx::query_as("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
            .persistent(false)
            .fetch_optional(pool)
            .await
            .context("asking PostgreSQL whether the connection is encrypted")?;
    if row == Some((false,)) {
        tracing::warn!(
            host,
            "the connection to PostgreSQL is not encrypted, because the server has no TLS; add ?sslmode=verify-full \
             &sslrootcert=FILE to the URL once it has, or ?sslmode=disable if that is intended"
        );
    }
    Ok(())
}

/// Skips the check of connections that were idle for less than 1 s (saves a round trip); checks older ones, so that a
/// restart of PostgreSQL fails no request. After a sign that the server is read-only, checks all, so that sessions of a
/// former primary are closed.
fn postgres_pool(connections_max: u32, storage: &Arc<Storage>) -> PgPoolOptions {
    const RESTED: Duration = Duration::from_secs(1);
    let storage = storage.clone();
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .after_release(|connection, _| {
            Box::pin(async move {
                // sqlx sends one too, and would wait for its answer for ever.
                limited(Some(PING_MAX), connection.ping()).await?;
                Ok(is_outside::<Postgres>(connection))
            })
        })
        .before_acquire(move |connection, about| {
            let is_suspect = storage.is_suspect();
            Box::pin(async move {
                if about.idle_for < RESTED && !is_suspect {
                    return Ok(true);
                }
                limited(Some(PING_MAX), is_usable(connection, is_suspect)).await
            })
        })
}

/// Whether the session responds and is outside of a transaction, and, if asked for, can write. Only PostgreSQL knows:
/// sqlx counts just the transactions that it began. An unprepared statement outside of a transaction has the same
/// start time as its transaction.
async fn is_usable(connection: &mut PgConnection, must_write: bool) -> Result<bool, sqlx::Error> {
    let sql = if must_write {
        "select transaction_timestamp() = statement_timestamp() and not pg_is_in_recovery()
             and current_setting('transaction_read_only') = 'off'"
    } else {
        "select transaction_timestamp() = statement_timestamp()"
    };
    let row = sqlx::raw_sql(sql).fetch_one(connection).await?;
    row.try_get(0)
}
