//! Finds out at the start whether a pooler of connections stands before PostgreSQL that does not keep prepared
//! statements: PgBouncer before 1.21, or without `max_prepared_statements`, in transaction mode.
//!
//! Invariant: such a pooler is named at the start, not by requests that fail now and then.

use anyhow::{Context, bail};
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool};

/// A statement of this name exists already; none of this name does.
const MIXED_UP: [&str; 2] = ["42P05", "26000"];

/// Two sessions prepare statements, which get the same name in both, and run them again. Such a pooler gives both the
/// same session of PostgreSQL.
pub(super) async fn check(pool: &PgPool, options: &PgConnectOptions) -> anyhow::Result<()> {
    let both = async {
        let mut one = pool.acquire().await?;
        let mut other = PgConnection::connect_with(options).await?;
        for _ in 0..2 {
            run(&mut one, "select 1").await?;
            run(&mut other, "select 2").await?;
        }
        other.close().await
    };
    match both.await {
        Err(error) if is_mixed_up(&error) => bail!(
            "the pooler of connections before PostgreSQL does not keep prepared statements: use PgBouncer 1.21 or later \
             with max_prepared_statements = 200 or more, or pool_mode = session, or connect to PostgreSQL itself"
        ),
        both => both.context("trying the connection to PostgreSQL"),
    }
}

async fn run(connection: &mut PgConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(connection).await.map(drop)
}

fn is_mixed_up(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| MIXED_UP.contains(&code.as_ref()))
}
