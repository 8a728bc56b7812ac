//! Brings the schema up to date, and says what a database has that this program does not know.
//!
//! Invariant: all missing migrations of one start are applied in one transaction, which also holds the lock that keeps
//! other nodes out, so that it works through a pooler of connections and leaves nothing half done. Later migrations
//! of a newer program are no error if they only add; one that does more writes into `schema_requirements` which
//! migration a program must know.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use sqlx::migrate::{AppliedMigration, Migrate, Migration, Migrator};

use super::{Conn, Db, begin};
use crate::{fetch_one, fetch_optional};

/// sqlx's table of applied migrations.
const TABLE: &str = "_sqlx_migrations";

/// The migration that made the table of requirements.
const REQUIREMENTS_SINCE: i64 = 13;

pub(super) static SQLITE: Migrator = sqlx::migrate!("../migrations/sqlite");
/// The journal's own file; PostgreSQL has its tables among the others.
pub(super) static JOURNAL: Migrator = sqlx::migrate!("../migrations/journal");
static POSTGRES: Migrator = sqlx::migrate!("../migrations/postgres");

/// The advisory lock of a transaction that migrates. Any number that nothing else uses.
const LOCK: i64 = 0x7265_7061_6972_0002;

/// How long a node waits for another one that migrates.
const LOCK_TIMEOUT: Duration = Duration::from_secs(600);

/// How a command wants the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// Missing migrations are applied.
    Migrate,
    /// An empty database is set up; one that lacks migrations is an error, since servers of an older version may be
    /// using it.
    Expect,
}

impl Db {
    /// Prepares the schema. Safe on every start and from several nodes at once.
    pub async fn prepare(&self, wanted: Schema) -> anyhow::Result<()> {
        let applied = self.applied().await.context("reading which migrations the database has")?;
        let missing = compare(self.migrator(), &applied)?;
        if let Some(reason) = self.unmet_requirement(&applied).await? {
            bail!("{reason}; start a newer version, or use the backup from before it was migrated");
        }
        if missing.is_empty() {
            return Ok(());
        }
        if wanted == Schema::Expect && !applied.is_empty() {
            bail!(
                "the schema of the database lacks {} of this version: run `repairops admin migrate` first, or start \
                 `repairops serve`, which does it too",
                count(missing.len(), "migration")
            );
        }
        self.apply_missing().await.context("migrating the database")
    }

    /// What keeps this program from working on the schema, in words fit for anyone.
    pub async fn check_schema(&self) -> Result<Result<(), String>, sqlx::Error> {
        let applied = self.applied().await?;
        let is_missing = |migration: &&Migration| !has(&applied, migration.version);
        Ok(match self.migrator().iter().filter(is_missing).count() {
            0 => self.unmet_requirement(&applied).await?.map_or(Ok(()), Err),
            1 => Err("1 migration is missing".to_owned()),
            n => Err(format!("{n} migrations are missing")),
        })
    }

    /// Of a later migration that did more than add.
    async fn unmet_requirement(
        &self,
        applied: &[AppliedMigration],
    ) -> Result<Option<String>, sqlx::Error> {
        let newest = self.migrator().iter().map(|migration| migration.version).max().unwrap_or(0);
        if !has(applied, REQUIREMENTS_SINCE) || !applied.iter().any(|row| row.version > newest) {
            return Ok(None);
        }
        let mut conn = self.read().await?;
        let unmet: Option<(i64, i64, String)> = fetch_optional!(
            conn,
            (i64, i64, String),
            "select migration, known_migration, reason from schema_requirements
             where known_migration > $1 order by known_migration desc limit 1",
            newest
        )?;
        Ok(unmet.map(|(migration, known, reason)| {
            format!(
                "migration {migration} of a newer version changed the database such that a program must know \
                 migration {known} ({reason}); this one knows those up to {newest}"
            )
        }))
    }

    fn migrator(&self) -> &'static Migrator {
        match self {
            Db::Sqlite { migrator, .. } => migrator,
            Db::Postgres { .. } => &POSTGRES,
        }
    }

    /// None in a database that is empty.
    async fn applied(&self) -> Result<Vec<AppliedMigration>, sqlx::Error> {
        let mut conn = self.read().await?;
        if !has_table(&mut conn).await? {
            return Ok(Vec::new());
        }
        let applied = match conn.backend()? {
            super::Backend::Sqlite(conn) => conn.list_applied_migrations(TABLE).await,
            super::Backend::Postgres(conn) => conn.list_applied_migrations(TABLE).await,
        };
        applied.map_err(|error| sqlx::Error::Migrate(Box::new(error)))
    }

    async fn apply_missing(&self) -> anyhow::Result<()> {
        match self {
            Db::Sqlite { writer, migrator, .. } => {
                let mut tx = begin(writer, "BEGIN IMMEDIATE", None).await?;
                apply(&mut *tx, migrator).await?;
                tx.commit().await?;
            }
            Db::Postgres { pool, .. } => {
                let mut tx = begin(pool, "BEGIN", None).await?;
                lock(&mut tx).await?;
                apply(&mut *tx, &POSTGRES).await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }
}

async fn has_table(conn: &mut Conn) -> Result<bool, sqlx::Error> {
    let sql = if conn.is_postgres() {
        "select to_regclass('_sqlx_migrations') is not null"
    } else {
        "select exists (select 1 from sqlite_schema where type = 'table' and name = '_sqlx_migrations')"
    };
    let (has,): (bool,) = fetch_one!(conn, (bool,), sql)?;
    Ok(has)
}

/// The lock ends with the transaction. Waits for a node that migrates, for a limited time.
async fn lock(conn: &mut sqlx::PgConnection) -> anyhow::Result<()> {
    let (is_free,): (bool,) = sqlx::query_as("select pg_try_advisory_xact_lock($1)")
        .bind(LOCK)
        .fetch_one(&mut *conn)
        .await?;
    // A migration may take longer than any statement of a request.
    let seconds = LOCK_TIMEOUT.as_secs();
    for setting in [
        "set local statement_timeout = 0".to_owned(),
        format!("set local lock_timeout = '{seconds}s'"),
    ] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(setting)).execute(&mut *conn).await?;
    }
    if !is_free {
        tracing::info!(
            "another node is migrating the database; waiting for it, for {seconds} s at most"
        );
        sqlx::query("select pg_advisory_xact_lock($1)")
            .bind(LOCK)
            .execute(&mut *conn)
            .await
            .context("waiting for another node that migrates the database")?;
    }
    Ok(())
}

/// Inside of the transaction: reads again what is applied, since another node may have been faster.
async fn apply<C: Migrate>(conn: &mut C, migrator: &Migrator) -> anyhow::Result<()> {
    conn.ensure_migrations_table(TABLE).await?;
    let applied = conn.list_applied_migrations(TABLE).await?;
    for migration in compare(migrator, &applied)? {
        conn.apply(TABLE, migration).await.with_context(|| {
            format!("migration {} ({})", migration.version, migration.description)
        })?;
    }
    Ok(())
}

/// Returns the missing migrations, in order. An error if the database is of another lineage.
fn compare<'m>(
    migrator: &'m Migrator,
    applied: &[AppliedMigration],
) -> anyhow::Result<Vec<&'m Migration>> {
    let known: HashMap<i64, &Migration> =
        migrator.iter().map(|migration| (migration.version, migration)).collect();
    let newest = known.keys().copied().max().unwrap_or(0);
    let mut later = Vec::new();
    for row in applied {
        match known.get(&row.version) {
            Some(migration) => ensure!(
                migration.checksum == row.checksum,
                "migration {} of the database differs from that of this program: it is not a database of this \
                 version's line; use another one, or the program that made it",
                row.version
            ),
            None if row.version > newest => later.push(row.version),
            None => bail!(
                "the database has a migration {} that this program does not have although it has later ones: it is \
                 not a database of this version's line",
                row.version
            ),
        }
    }
    if let Some(last) = later.iter().max() {
        tracing::warn!(
            newest_known = newest,
            newest_there = *last,
            "the database has {} of a newer version; this version works on it and does not use what they add",
            count(later.len(), "migration")
        );
    }
    Ok(migrator.iter().filter(|migration| !has(applied, migration.version)).collect())
}

fn has(applied: &[AppliedMigration], version: i64) -> bool {
    applied.iter().any(|applied| applied.version == version)
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
