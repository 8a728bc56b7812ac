//! Opens the connection pools.
//!
//! Invariant: a pool never hands out a connection whose session is inside a transaction.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Postgres, Row, Sqlite};

use super::transaction::is_outside;
use super::{Db, Storage};

impl Db {
    /// Opens `sqlite:PATH` (created if missing) or `postgres://…`.
    pub async fn open(url: &str) -> anyhow::Result<Db> {
        if let Some(path) = sqlite_path(url) {
            return open_sqlite(path).await;
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return open_postgres(url).await;
        }
        bail!("unknown database {url:?}: use sqlite:PATH or postgres://USER@HOST/NAME")
    }

    /// The same database through connections of its own, for what must not wait behind requests. Connected on first
    /// use. SQLite needs none: it is in this process.
    pub fn open_apart(&self, url: &str) -> anyhow::Result<Db> {
        let Db::Postgres { storage, hook, .. } = self else { return Ok(self.clone()) };
        let pool = postgres_pool(2).acquire_timeout(Duration::from_secs(2));
        let pool = pool.connect_lazy_with(postgres_options(url)?);
        Ok(Db::Postgres { pool, storage: storage.clone(), hook: hook.clone() })
    }

    /// On PostgreSQL: sessions with asynchronous commit, for writes that may be lost in a crash of the database's
    /// machine. Connected on first use.
    pub fn open_quick(&self, url: &str) -> anyhow::Result<Option<Db>> {
        let Db::Postgres { storage, hook, .. } = self else { return Ok(None) };
        let options = postgres_options(url)?.options([("synchronous_commit", "off")]);
        let pool = postgres_pool(8).connect_lazy_with(options);
        Ok(Some(Db::Postgres { pool, storage: storage.clone(), hook: hook.clone() }))
    }
}

/// The path of `sqlite:PATH`; `None` for another database.
pub(super) fn sqlite_path(url: &str) -> Option<PathBuf> {
    Some(PathBuf::from(url.strip_prefix("sqlite:")?.trim_start_matches("//")))
}

async fn open_sqlite(path: PathBuf) -> anyhow::Result<Db> {
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
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .statement_cache_capacity(256);
    let writer = sqlite_pool(1)
        .acquire_timeout(Duration::from_secs(30))
        .connect_with(options.clone())
        .await
        .with_context(|| format!("opening the SQLite database {}", path.display()))?;
    let readers =
        sqlite_pool(8).connect_lazy_with(options.read_only(true).create_if_missing(false));
    Ok(Db::Sqlite { writer, readers, storage: Arc::default(), hook: Arc::default() })
}

fn sqlite_pool(connections_max: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections_max)
        .test_before_acquire(false) // a file does not hang up
        .after_release(|connection, _| {
            Box::pin(async move {
                // The reply follows that of the rollback queued by a dropped transaction.
                connection.ping().await?;
                Ok(is_outside::<Sqlite>(connection))
            })
        })
}

fn postgres_options(url: &str) -> anyhow::Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url).context("reading the PostgreSQL URL")?;
    Ok(options.application_name("repairops"))
}

async fn open_postgres(url: &str) -> anyhow::Result<Db> {
    let options = postgres_options(url)?;
    let pool = postgres_pool(20).connect_with(options).await.context("connecting to PostgreSQL")?;
    Ok(Db::Postgres { pool, storage: Arc::<Storage>::default(), hook: Arc::default() })
}

/// Skips the check of connections that were idle for less than 1 s (saves a round trip); checks older ones, so that a
/// restart of PostgreSQL fails no request.
fn postgres_pool(connections_max: u32) -> PgPoolOptions {
    const RESTED: Duration = Duration::from_secs(1);
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(Duration::from_secs(30))
        .test_before_acquire(false)
        .after_release(|connection, _| {
            Box::pin(async move { Ok(is_outside::<Postgres>(connection)) })
        })
        .before_acquire(|connection, about| {
            Box::pin(async move { Ok(about.idle_for < RESTED || is_idle(connection).await?) })
        })
}

/// Whether the session responds and is outside of a transaction. Only PostgreSQL knows: sqlx counts just the
/// transactions that it began. An unprepared statement outside of a transaction has the same start time as its
/// transaction.
async fn is_idle(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let row = sqlx::raw_sql("select transaction_timestamp() = statement_timestamp()")
        .fetch_one(connection)
        .await?;
    row.try_get(0)
}
