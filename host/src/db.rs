//! The two databases behind one type: pools, connections, transactions, and the four query macros.
//!
//! SQL text is shared; where the dialects differ, a `store.rs` branches on [`Conn::is_postgres`].
//! Invariant: only `store.rs` files use the macros.

mod filter;
mod insert;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};
use sqlx::migrate::Migrate;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Connection, Postgres, Sqlite, Transaction};

use crate::idempotency;

pub use filter::{Filter, Query, Slice, Value};
pub use insert::ROWS_MAX;

/// The pools of one database. SQLite has one writer (first come, first served) and several readers,
/// so that a reader never waits for a lock.
#[derive(Clone)]
pub enum Db {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(PgPool),
}

/// A connection, inside a transaction or not. Store functions take it as their first argument.
pub enum Conn {
    Sqlite(PoolConnection<Sqlite>),
    SqliteTx(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresTx(Transaction<'static, Postgres>),
}

/// What the query macros match on.
pub enum Backend<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

/// Where sqlx keeps what was applied.
const MIGRATIONS_TABLE: &str = "_sqlx_migrations";

static SQLITE_MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/sqlite");
static POSTGRES_MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/postgres");

impl Db {
    /// Opens `sqlite:PATH` (made if it is not there) or `postgres://…`.
    pub async fn open(url: &str) -> anyhow::Result<Db> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return open_sqlite(PathBuf::from(path.trim_start_matches("//"))).await;
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return open_postgres(url).await;
        }
        bail!("unknown database {url:?}: use sqlite:PATH or postgres://USER@HOST/NAME")
    }

    /// Sessions for writes that may be lost when the database's machine fails, and so need not wait for its
    /// disk. Connected when first used.
    pub fn open_quick_postgres(url: &str) -> anyhow::Result<Db> {
        let options = postgres_options(url)?.options([("synchronous_commit", "off")]);
        Ok(Db::Postgres(postgres_pool(8).connect_lazy_with(options)))
    }

    /// Brings the schema up to date. Safe to call on every start and from several nodes at once.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        match self {
            Db::Sqlite { writer, .. } => SQLITE_MIGRATIONS.run(writer).await,
            Db::Postgres(pool) => POSTGRES_MIGRATIONS.run(pool).await,
        }
        .context("migrating the database")
    }

    /// How many migrations of this program the database does not have.
    pub async fn missing_migrations(&self) -> Result<usize, sqlx::migrate::MigrateError> {
        let (migrator, applied) = match self {
            Db::Sqlite { readers, .. } => {
                let mut conn = readers.acquire().await?;
                (&SQLITE_MIGRATIONS, conn.list_applied_migrations(MIGRATIONS_TABLE).await?)
            }
            Db::Postgres(pool) => {
                let mut conn = pool.acquire().await?;
                (&POSTGRES_MIGRATIONS, conn.list_applied_migrations(MIGRATIONS_TABLE).await?)
            }
        };
        let is_missing = |version| applied.iter().all(|applied| applied.version != version);
        Ok(migrator.iter().filter(|migration| is_missing(migration.version)).count())
    }

    /// A connection for reading, or for one single statement on PostgreSQL.
    pub async fn read(&self) -> Result<Conn, sqlx::Error> {
        Ok(match self {
            Db::Sqlite { readers, .. } => Conn::Sqlite(readers.acquire().await?),
            Db::Postgres(pool) => Conn::Postgres(pool.acquire().await?),
        })
    }

    /// A connection for one single statement that writes, to be committed like a transaction.
    pub async fn single(&self) -> Result<Conn, sqlx::Error> {
        match self {
            Db::Sqlite { .. } => self.begin().await,
            Db::Postgres(_) => self.read().await,
        }
    }

    /// A transaction for writing. Dropped without [`Conn::commit`], it is rolled back.
    pub async fn begin(&self) -> Result<Conn, sqlx::Error> {
        Ok(match self {
            // Immediate: a deferred transaction that writes later fails with "database is locked".
            Db::Sqlite { writer, .. } => {
                Conn::SqliteTx(writer.begin_with("BEGIN IMMEDIATE").await?)
            }
            Db::Postgres(pool) => Conn::PostgresTx(pool.begin().await?),
        })
    }

    pub async fn close(&self) {
        match self {
            Db::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Db::Postgres(pool) => pool.close().await,
        }
    }
}

impl Conn {
    /// In a request with an Idempotency-Key the record of that is part of what commits.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        let mark = match self {
            Conn::SqliteTx(_) | Conn::PostgresTx(_) => {
                idempotency::before_commit(&mut self).await?
            }
            Conn::Sqlite(_) | Conn::Postgres(_) => return Ok(()),
        };
        self.commit_aside().await?;
        if let Some(mark) = mark {
            mark.committed();
        }
        Ok(())
    }

    /// For what is true whatever becomes of the request, such as a note that a plugin failed: it does not make
    /// the request one that was carried out.
    pub async fn commit_aside(self) -> Result<(), sqlx::Error> {
        match self {
            Conn::SqliteTx(tx) => tx.commit().await,
            Conn::PostgresTx(tx) => tx.commit().await,
            Conn::Sqlite(_) | Conn::Postgres(_) => Ok(()),
        }
    }

    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        match self {
            Conn::SqliteTx(tx) => tx.rollback().await,
            Conn::PostgresTx(tx) => tx.rollback().await,
            Conn::Sqlite(_) | Conn::Postgres(_) => Ok(()),
        }
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self, Conn::Postgres(_) | Conn::PostgresTx(_))
    }

    pub fn backend(&mut self) -> Backend<'_> {
        match self {
            Conn::Sqlite(conn) => Backend::Sqlite(conn),
            Conn::SqliteTx(tx) => Backend::Sqlite(tx),
            Conn::Postgres(conn) => Backend::Postgres(conn),
            Conn::PostgresTx(tx) => Backend::Postgres(tx),
        }
    }
}

async fn open_sqlite(path: PathBuf) -> anyhow::Result<Db> {
    if path.as_os_str().is_empty() {
        bail!("the database sqlite: lacks a path, for example sqlite:repairops.db");
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("making the folder of the database {}", path.display()))?;
    }
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .statement_cache_capacity(256);
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(30))
        .test_before_acquire(false) // a file does not hang up
        .connect_with(options.clone())
        .await
        .with_context(|| format!("opening the SQLite database {}", path.display()))?;
    let readers = SqlitePoolOptions::new()
        .max_connections(8)
        .test_before_acquire(false)
        .connect_lazy_with(options.read_only(true).create_if_missing(false));
    Ok(Db::Sqlite { writer, readers })
}

fn postgres_options(url: &str) -> anyhow::Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url).context("reading the PostgreSQL URL")?;
    Ok(options.application_name("repairops"))
}

async fn open_postgres(url: &str) -> anyhow::Result<Db> {
    let options = postgres_options(url)?;
    let pool = postgres_pool(20).connect_with(options).await.context("connecting to PostgreSQL")?;
    Ok(Db::Postgres(pool))
}

/// A connection that was used a moment ago is taken as it is, which saves every query's way there and back; one that
/// has rested is asked first, so that a restarted PostgreSQL costs no request.
fn postgres_pool(connections_max: u32) -> PgPoolOptions {
    const RESTED: Duration = Duration::from_secs(1);
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(Duration::from_secs(30))
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                if about.idle_for >= RESTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

/// `fetch_one!(conn, Row, "select …", bind, …)`: exactly one row.
#[macro_export]
macro_rules! fetch_one {
    ($($rest:tt)*) => { $crate::run_query!(fetch_one, $($rest)*) };
}

/// `fetch_optional!(conn, Row, "select …", bind, …)`: one row or none.
#[macro_export]
macro_rules! fetch_optional {
    ($($rest:tt)*) => { $crate::run_query!(fetch_optional, $($rest)*) };
}

/// `fetch_all!(conn, Row, "select …", bind, …)`: all rows.
#[macro_export]
macro_rules! fetch_all {
    ($($rest:tt)*) => { $crate::run_query!(fetch_all, $($rest)*) };
}

/// `execute!(conn, "update …", bind, …)`: the number of rows changed.
#[macro_export]
macro_rules! execute {
    ($conn:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $conn.backend() {
            $crate::db::Backend::Sqlite(conn) => {
                sqlx::query::<sqlx::Sqlite>($sql)$(.bind($bind))*.execute(conn).await.map(|done| done.rows_affected())
            }
            $crate::db::Backend::Postgres(conn) => {
                sqlx::query::<sqlx::Postgres>($sql)$(.bind($bind))*.execute(conn).await.map(|done| done.rows_affected())
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! run_query {
    ($fetch:ident, $conn:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $conn.backend() {
            $crate::db::Backend::Sqlite(conn) => {
                sqlx::query_as::<sqlx::Sqlite, $row>($sql)$(.bind($bind))*.$fetch(conn).await
            }
            $crate::db::Backend::Postgres(conn) => {
                sqlx::query_as::<sqlx::Postgres, $row>($sql)$(.bind($bind))*.$fetch(conn).await
            }
        }
    };
}
