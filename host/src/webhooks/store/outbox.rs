//! Writes all events of one operation to the outbox with one statement.
//!
//! Invariant: called inside the transaction of what the events report.

use serde_json::Value;
use sqlx::types::Json;

use crate::db::{Backend, Conn};
use crate::fetch_all_postgres;
use crate::model::ids::{EventId, OrgId};
use crate::model::time::Time;
use crate::webhooks::enqueued;

/// A row of the outbox; rows are delivered in the order of their ids.
pub struct NewEvent {
    pub id: EventId,
    pub event: &'static str,
    pub data: Value,
}

pub async fn enqueue(
    conn: &mut Conn,
    org: OrgId,
    events: &[NewEvent],
    now: Time,
) -> Result<(), sqlx::Error> {
    if events.is_empty() {
        return Ok(());
    }
    let pending = if conn.is_postgres() {
        insert_postgres(conn, org, events, now).await?
    } else {
        insert_sqlite(conn, org, events, now).await?
    };
    if pending.iter().any(|row| row.0) {
        enqueued::note();
    }
    Ok(())
}

async fn insert_postgres(
    conn: &mut Conn,
    org: OrgId,
    events: &[NewEvent],
    now: Time,
) -> Result<Vec<(bool,)>, sqlx::Error> {
    let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
    let names: Vec<&str> = events.iter().map(|event| event.event).collect();
    let data: Vec<Json<&Value>> = events.iter().map(|event| Json(&event.data)).collect();
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
    events: &[NewEvent],
    now: Time,
) -> Result<Vec<(bool,)>, sqlx::Error> {
    let result = match conn.backend()? {
        Backend::Sqlite(conn) => {
            let mut query = sqlx::QueryBuilder::<sqlx::Sqlite>::new(
                "insert into events (org_id, id, event, data, created_at, pending) ",
            );
            query.push_values(events, |mut values, event| {
                values.push_bind(org).push_bind(event.id).push_bind(event.event);
                values.push_bind(Json(&event.data)).push_bind(now);
                values
                    .push("exists (select 1 from webhook_endpoints w where w.org_id = ")
                    .push_bind_unseparated(org)
                    .push_unseparated(" and w.enabled)");
            });
            query.push(" returning pending");
            query.build_query_as().fetch_all(conn).await
        }
        Backend::Postgres(_) => {
            Err(sqlx::Error::Configuration("this statement is SQLite's".into()))
        }
    };
    conn.note(result)
}
