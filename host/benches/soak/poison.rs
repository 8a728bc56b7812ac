//! Post-create work whose result the database refuses: a trigger on the fields that plugins set, for one organization.

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::live::postgres;

/// From now on, no plugin of the organization can store what it set.
pub async fn add(database: &str, organization: &str) -> anyhow::Result<()> {
    let sql = if is_postgres(database) {
        format!(
            "create function bench_poison() returns trigger language plpgsql as
                 $$ begin raise exception 'poisoned by the bench'; end $$;
             create trigger bench_poison before insert on ticket_field_sources for each row
                 when (new.org_id = '{organization}') execute function bench_poison();"
        )
    } else {
        let id = organization.replace('-', "");
        format!(
            "create trigger bench_poison before insert on ticket_field_sources when new.org_id = x'{id}'
             begin select raise(abort, 'poisoned by the bench'); end;"
        )
    };
    execute(database, &sql).await
}

pub async fn remove(database: &str) -> anyhow::Result<()> {
    let sql = if is_postgres(database) {
        "drop trigger if exists bench_poison on ticket_field_sources; drop function if exists bench_poison();"
    } else {
        "drop trigger if exists bench_poison;"
    };
    execute(database, sql).await
}

fn is_postgres(database: &str) -> bool {
    database.starts_with("postgres")
}

/// Beside the server, over a connection of its own.
async fn execute(database: &str, sql: &str) -> anyhow::Result<()> {
    if is_postgres(database) {
        return postgres::execute(database, sql).await;
    }
    let path = database.trim_start_matches("sqlite:");
    let options =
        SqliteConnectOptions::new().filename(path).busy_timeout(std::time::Duration::from_secs(10));
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}
