//! Deletes inputs with their runs.

use uuid::Uuid;

use crate::db::{Conn, Filter, Slice, Value};
use crate::fetch_one;
use crate::model::ids::OrgId;
use crate::model::time::Time;

/// The number of inputs.
pub async fn count_inputs(conn: &mut Conn, org: OrgId) -> Result<i64, sqlx::Error> {
    let (count,): (i64,) =
        fetch_one!(conn, (i64,), "select count(*) from plugin_inputs where org_id = $1", org)?;
    Ok(count)
}

/// Deletes the oldest inputs, of those before a time if there is one, with all of their runs. Returns the number of
/// inputs. Leaves out what another node is deleting.
pub async fn delete_inputs(
    conn: &mut Conn,
    org: OrgId,
    before: Option<Time>,
    limit: i64,
) -> Result<usize, sqlx::Error> {
    let inputs = oldest(conn, "plugin_inputs", org, before, limit).await?;
    delete(conn, "plugin_runs", "input_id", org, &inputs).await?;
    delete(conn, "plugin_inputs", "id", org, &inputs).await?;
    Ok(inputs.len())
}

/// Deletes the oldest runs before a time: those that came after their input was deleted.
pub async fn delete_runs(
    conn: &mut Conn,
    org: OrgId,
    before: Time,
    limit: i64,
) -> Result<usize, sqlx::Error> {
    let runs = oldest(conn, "plugin_runs", org, Some(before), limit).await?;
    delete(conn, "plugin_runs", "id", org, &runs).await?;
    Ok(runs.len())
}

async fn oldest(
    conn: &mut Conn,
    table: &str,
    org: OrgId,
    before: Option<Time>,
    limit: i64,
) -> Result<Vec<Uuid>, sqlx::Error> {
    let mut filter = Filter::for_org("org_id", org.0);
    filter.and_some("created_at < ?", before.map(Value::Time));
    let order = vec!["created_at", "id"];
    let slice = Slice { order, descending: false, after: None, offset: 0, limit };
    let mut query = filter.select(&format!("select id from {table}"), &slice);
    if conn.is_postgres() {
        query.sql.push_str(" for update skip locked");
    }
    let rows: Vec<(Uuid,)> = query.fetch_all(conn).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

async fn delete(
    conn: &mut Conn,
    table: &str,
    column: &str,
    org: OrgId,
    ids: &[Uuid],
) -> Result<(), sqlx::Error> {
    let mut filter = Filter::for_org("org_id", org.0);
    let Some(list) = filter.list(ids.iter().copied().map(Value::Uuid)) else { return Ok(()) };
    filter.and_plain(&format!("{column} in {list}"));
    let delete = filter.figure(&format!("delete from {table}")).returning("id");
    let _: Vec<(Uuid,)> = delete.fetch_all(conn).await?;
    Ok(())
}
