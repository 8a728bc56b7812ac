//! Reads and writes the bodies of the journal's rows.
//!
//! Invariant: figures stay as they are; only bodies are written.

use sqlx::FromRow;
use uuid::Uuid;

use crate::db::{Conn, Filter, Slice, Value};
use crate::model::ids::OrgId;
use crate::update_all;

/// The id, hidden from the planner: few rows are found by another index and sorted, and the primary key is not walked
/// through for the order.
const HIDDEN_ID: &str = "coalesce(id, id)";

/// An input or a run.
#[derive(Debug, FromRow)]
pub struct BodyRow {
    pub id: Uuid,
    pub body: Vec<u8>,
}

/// Which inputs to read, in the order of their ids.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    OfCustomers(&'a [Uuid]),
    OfTickets(&'a [Uuid]),
    /// Requests that named no customer who was known then.
    OfNobody,
}

/// A batch of inputs after an id.
pub async fn inputs(
    conn: &mut Conn,
    org: OrgId,
    wanted: Wanted<'_>,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<BodyRow>, sqlx::Error> {
    let mut filter = Filter::for_org("org_id", org.0);
    let (column, ids) = match wanted {
        Wanted::OfCustomers(ids) => ("customer_id", ids),
        Wanted::OfTickets(ids) => ("ticket_id", ids),
        Wanted::OfNobody => {
            // Not by an index: the rows are read in the order of the primary key, each once.
            filter.and_plain("coalesce(customer_id, ticket_id) is null");
            return page(conn, filter, "select id, body from plugin_inputs", "id", after, limit)
                .await;
        }
    };
    let Some(list) = filter.list(ids.iter().copied().map(Value::Uuid)) else {
        return Ok(Vec::new());
    };
    filter.and_plain(&format!("{column} in {list}"));
    page(conn, filter, "select id, body from plugin_inputs", HIDDEN_ID, after, limit).await
}

/// A batch of the runs of these inputs after an id.
pub async fn runs(
    conn: &mut Conn,
    org: OrgId,
    inputs: &[Uuid],
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<BodyRow>, sqlx::Error> {
    let mut filter = Filter::for_org("org_id", org.0);
    let Some(list) = filter.list(inputs.iter().copied().map(Value::Uuid)) else {
        return Ok(Vec::new());
    };
    filter.and_plain(&format!("input_id in {list}"));
    page(conn, filter, "select id, body from plugin_runs", HIDDEN_ID, after, limit).await
}

async fn page(
    conn: &mut Conn,
    filter: Filter,
    select: &str,
    order: &'static str,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<BodyRow>, sqlx::Error> {
    let after = after.map(|id| vec![Value::Uuid(id)]);
    let slice = Slice { order: vec![order], descending: false, after, offset: 0, limit };
    filter.select(select, &slice).fetch_all(conn).await
}

pub async fn write_inputs(
    conn: &mut Conn,
    org: OrgId,
    rows: &[BodyRow],
) -> Result<u64, sqlx::Error> {
    let written = update_all!(
        conn,
        (Uuid,),
        "update plugin_inputs set body = c.column2 from (",
        rows,
        |row| row.id, &row.body;
        [") as c where org_id = " => org],
        " and plugin_inputs.id = c.column1 returning plugin_inputs.id"
    )?;
    Ok(written.len() as u64)
}

pub async fn write_runs(conn: &mut Conn, org: OrgId, rows: &[BodyRow]) -> Result<u64, sqlx::Error> {
    let written = update_all!(
        conn,
        (Uuid,),
        "update plugin_runs set body = c.column2 from (",
        rows,
        |row| row.id, &row.body;
        [") as c where org_id = " => org],
        " and plugin_runs.id = c.column1 returning plugin_runs.id"
    )?;
    Ok(written.len() as u64)
}
