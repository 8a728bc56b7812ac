//! All SQL of events (the outbox).

use serde_json::Value;
use sqlx::types::Json;

use crate::db::Conn;
use crate::execute;
use crate::model::ids::{EventId, OrgId};
use crate::model::time::Time;

/// Call it inside the transaction of what the event tells.
pub async fn enqueue(
    conn: &mut Conn,
    org: OrgId,
    id: EventId,
    event: &str,
    data: &Value,
    now: Time,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into events (org_id, id, event, data, created_at) values ($1, $2, $3, $4, $5)",
        org,
        id,
        event,
        Json(data),
        now
    )?;
    Ok(())
}
