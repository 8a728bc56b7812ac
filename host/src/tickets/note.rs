//! What a plugin leaves in a ticket's timeline: its own note, or that it was passed over.

use crate::clock::Clock;
use crate::db::Conn;
use crate::model::ids::OrgId;
use crate::model::ticket::Ticket;
use crate::model::time::Time;
use crate::tickets::store::{self, NewEvent};

pub async fn add(
    conn: &mut Conn,
    clock: &Clock,
    org: OrgId,
    ticket: &Ticket,
    plugin: &str,
    text: &str,
    now: Time,
) -> Result<(), sqlx::Error> {
    let entry = NewEvent {
        id: clock.new_id(),
        kind: "note",
        status: &ticket.status,
        from_status: None,
        actor: &format!("{plugin} (plugin)"),
        notes: Some(text),
        created_at: now,
    };
    store::add_event(conn, org, ticket.id, &entry).await
}
