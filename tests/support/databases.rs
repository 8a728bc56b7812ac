//! A database for each test. On PostgreSQL it is a copy of one migrated template. After a test that passed it is
//! emptied and reused, because creating one takes longer than most tests; the databases of dead processes are
//! dropped.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use repairops::db::{Db, Schema};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;

use super::postgres::{self, Server};
use super::wait_for;

const PREFIX: &str = "repairops_test_";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// The database of one test, until `give_back`. The database of a failed test stays on PostgreSQL until the next run.
pub struct Database {
    pub url: String,
    kind: Kind,
    /// A test changed the schema, so no other may use the database.
    pub is_spoiled: AtomicBool,
}

enum Kind {
    Sqlite { _folder: TempDir },
    Postgres { name: String },
    OfTest,
}

impl Database {
    pub async fn create(backend: Backend) -> Database {
        match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().expect("a folder for the database");
                let url = format!("sqlite:{}", folder.path().join("test.db").display());
                Database {
                    url,
                    kind: Kind::Sqlite { _folder: folder },
                    is_spoiled: AtomicBool::new(false),
                }
            }
            Backend::Postgres => {
                let idle = idle().pop();
                let name = match idle {
                    Some(name) => name,
                    None => copy_template().await.expect("a database for the test"),
                };
                let url = with_database(&CLUSTER.server.url, &name);
                Database { url, kind: Kind::Postgres { name }, is_spoiled: AtomicBool::new(false) }
            }
        }
    }

    /// Whoever made it deletes it.
    pub fn of_test(url: &str) -> Database {
        Database { url: url.to_owned(), kind: Kind::OfTest, is_spoiled: AtomicBool::new(false) }
    }

    pub async fn give_back(self) {
        let is_spoiled = self.is_spoiled.load(Ordering::Relaxed);
        if let Kind::Postgres { name } = self.kind
            && !is_spoiled
        {
            empty(&self.url).await.expect("the test's database is emptied");
            idle().push(name);
        }
    }
}

/// Databases that no test uses.
fn idle() -> std::sync::MutexGuard<'static, Vec<String>> {
    static IDLE: Mutex<Vec<String>> = Mutex::new(Vec::new());
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn copy_template() -> Result<String, sqlx::Error> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let name = format!("{PREFIX}{}_{number}", std::process::id());
    let Cluster { server, template } = &*CLUSTER;
    administrate(&server.url, format!("create database {name} template {template}")).await?;
    Ok(name)
}

/// Deletes all rows in one statement, at whose end foreign keys are checked; `truncate` would create every file anew.
async fn empty(url: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let tables: Vec<String> = sqlx::query_scalar(
        "select tablename from pg_tables where schemaname = 'public' and tablename <> '_sqlx_migrations'",
    )
    .fetch_all(&mut connection)
    .await?;
    let deletes: Vec<String> =
        tables.iter().map(|table| format!("{table}_gone as (delete from {table})")).collect();
    let all = format!("with {} select 1", deletes.join(", "));
    sqlx::query(AssertSqlSafe(all)).execute(&mut connection).await?;
    // Triggers counted the deleted rows at the commit.
    sqlx::query("delete from counters").execute(&mut connection).await?;
    connection.close().await
}

struct Cluster {
    server: Server,
    template: String,
}

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| {
    let server = postgres::find_or_start().expect("a PostgreSQL server");
    let url = server.url.clone();
    let template = wait_for(async move { make_template(&url).await.expect("a template") });
    Cluster { server, template }
});

async fn make_template(url: &str) -> anyhow::Result<String> {
    sweep(url).await?;
    let name = format!("{PREFIX}{}_template", std::process::id());
    administrate(url, format!("create database {name}")).await?;
    let db = Db::open(&with_database(url, &name)).await?;
    db.prepare(Schema::Migrate).await?;
    db.close().await;
    Ok(name)
}

/// Drops the databases whose names contain the id of a dead process.
async fn sweep(url: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let names: Vec<String> =
        sqlx::query_scalar("select datname from pg_database where starts_with(datname, $1)")
            .bind(PREFIX)
            .fetch_all(&mut connection)
            .await?;
    for name in names {
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('_').next());
        if process.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            // Another run may sweep at the same time.
            let drop = format!("drop database if exists {name} with (force)");
            let _ = sqlx::query(AssertSqlSafe(drop)).execute(&mut connection).await;
        }
    }
    connection.close().await
}

async fn administrate(url: &str, statement: String) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
    connection.close().await
}

/// The URL of another database on the same server, with asynchronous commits: no test cuts the power.
fn with_database(url: &str, name: &str) -> String {
    let (address, options) = url.split_once('?').unwrap_or((url, ""));
    let server = address.rsplit_once('/').map_or(address, |(server, _)| server);
    format!("{server}/{name}?sslmode=disable&options=-c%20synchronous_commit%3Doff&{options}")
}

/// The rows of every table as text, by table, except those that count every request.
pub async fn dump(app: &repairops::app::App) -> std::collections::BTreeMap<String, Vec<String>> {
    let mut all = std::collections::BTreeMap::new();
    dump_of(&app.db, &mut all).await.expect("the database is read");
    dump_of(&app.journal.db, &mut all).await.expect("the journal is read");
    all
}

async fn dump_of(
    db: &Db,
    all: &mut std::collections::BTreeMap<String, Vec<String>>,
) -> Result<(), sqlx::Error> {
    use repairops::db::Backend;
    const COUNTED: [&str; 3] = ["key_usage", "organization_usage", "nodes"];
    let mut conn = db.read().await?;
    let is_postgres = conn.is_postgres();
    let tables = if is_postgres {
        "select tablename::text from pg_tables where schemaname = 'public' order by 1"
    } else {
        "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' order by 1"
    };
    let columns = if is_postgres {
        "select column_name::text from information_schema.columns
         where table_schema = 'public' and table_name = $1 order by ordinal_position"
    } else {
        "select name from pragma_table_info($1)"
    };
    macro_rules! texts {
        ($sql:expr $(, $bind:expr)*) => {
            match conn.backend()? {
                Backend::Sqlite(conn) => {
                    sqlx::query_scalar::<_, String>(AssertSqlSafe($sql))$(.bind($bind))*.fetch_all(conn).await?
                }
                Backend::Postgres(conn) => {
                    sqlx::query_scalar::<_, String>(AssertSqlSafe($sql))$(.bind($bind))*.fetch_all(conn).await?
                }
            }
        };
    }
    for table in texts!(tables.to_owned()) {
        if COUNTED.contains(&table.as_str()) {
            continue;
        }
        let names = texts!(columns.to_owned(), &table);
        let shown: Vec<String> = names
            .iter()
            .filter(|name| !name.starts_with("last_used"))
            .map(|name| match is_postgres {
                true => format!("coalesce({name}::text, 'null')"),
                false => format!("quote({name})"),
            })
            .collect();
        let rows = texts!(format!("select {} from {table} order by 1", shown.join(" || '|' || ")));
        all.insert(table, rows);
    }
    Ok(())
}
