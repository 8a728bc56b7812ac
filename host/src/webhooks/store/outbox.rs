//! Writes events to the outbox: one statement for all events of an operation.
//!
//! Invariant: an event is written in the transaction of the change that it reports, only by the functions here.

use sqlx::types::Json;

use crate::db::{Backend, Conn, ROWS_MAX};
use crate::fetch_all_postgres;
use crate::model::ids::{EventId, OrgId};
use crate::model::outbox::OutboxEvent;
use crate::model::time::Time;
use crate::webhooks::enqueued;

/// An event with its name and data.
type Row = (EventId, String, serde_json::Value);

/// Writes an event. Without an enabled endpoint it is stored, but not delivered.
pub async fn enqueue(
    conn: &mut Conn,
    org: OrgId,
    id: EventId,
    event: &OutboxEvent,
    now: Time,
) -> Result<(), sqlx::Error> {
    write(conn, org, &[row(id, event)?], now).await
}

/// Writes several events with one statement for up to `ROWS_MAX` of them. They are delivered in the order of their
/// ids.
pub async fn enqueue_all(
    conn: &mut Conn,
    org: OrgId,
    events: &[(EventId, OutboxEvent)],
    now: Time,
) -> Result<(), sqlx::Error> {
    if events.is_empty() {
        return Ok(());
    }
    let rows = events.iter().map(|(id, event)| row(*id, event));
    write(conn, org, &rows.collect::<Result<Vec<_>, _>>()?, now).await
}

fn row(id: EventId, event: &OutboxEvent) -> Result<Row, sqlx::Error> {
    let (name, data) = event.to_parts().map_err(|error| sqlx::Error::Encode(error.into()))?;
    Ok((id, name, data))
}

async fn write(conn: &mut Conn, org: OrgId, rows: &[Row], now: Time) -> Result<(), sqlx::Error> {
    for rows in rows.chunks(ROWS_MAX) {
        let pending = if conn.is_postgres() {
            insert_postgres(conn, org, rows, now).await?
        } else {
            insert_sqlite(conn, org, rows, now).await?
        };
        if pending.iter().any(|row| row.0) {
            enqueued::mark();
        }
    }
    Ok(())
}

async fn insert_postgres(
    conn: &mut Conn,
    org: OrgId,
    rows: &[Row],
    now: Time,
) -> Result<Vec<(bool,)>, sqlx::Error> {
    let ids: Vec<EventId> = rows.iter().map(|row| row.0).collect();
    let names: Vec<&str> = rows.iter().map(|row| row.1.as_str()).collect();
    let data: Vec<Json<&serde_json::Value>> = rows.iter().map(|row| Json(&row.2)).collect();
    fetch_all_postgres!(
        conn,
        (bool,),
        "insert into events (org_id, id, event, data, created_at, pending)
         select $1, e.id, e.event, e.data, $5,
                exists (select 1 from webhook_endpoints w where w.org_id = $1 and w.enabled)
         from unnest($2::uuid[], $3::text[], $4::jsonb[]) as e (id, event, data)
         returning pending",
        org,
        ids,
        names,
        data,
        now
    )
}

async fn insert_sqlite(
    conn: &mut Conn,
    org: OrgId,
    rows: &[Row],
    now: Time,
) -> Result<Vec<(bool,)>, sqlx::Error> {
    let result = match conn.backend()? {
        Backend::Sqlite(conn) => {
            let mut query = sqlx::QueryBuilder::<sqlx::Sqlite>::new(
                "insert into events (org_id, id, event, data, created_at, pending) ",
            );
            query.push_values(rows, |mut values, row| {
                values.push_bind(org).push_bind(row.0).push_bind(&row.1);
                values.push_bind(Json(&row.2)).push_bind(now);
                values
                    .push("exists (select 1 from webhook_endpoints w where w.org_id = ")
                    .push_bind_unseparated(org)
                    .push_unseparated(" and w.enabled)");
            });
            query.push(" returning pending");
            query.build_query_as().fetch_all(conn).await
        }
        Backend::Postgres(_) => {
            Err(sqlx::Error::Configuration("this statement needs SQLite".into()))
        }
    };
    conn.note(result)
}
