//! SQL of the table `ticket_refusals`.
//!
//! Invariant: a ticket has a bounded number of rows, whatever codes its plugins make up.

use crate::db::Conn;
use crate::model::ids::{InstallationId, OrgId, RunId, TicketId, TimelineId};
use crate::model::time::Time;
use crate::model::workflow::Status;
use crate::{execute, insert_all};

/// A refusal by a plugin.
#[derive(Clone, Copy)]
pub struct NewRefusal<'a> {
    pub id: TimelineId,
    pub ticket_id: TicketId,
    pub plugin: &'a str,
    pub code: &'a str,
    pub run_id: RunId,
    pub installation_id: Option<InstallationId>,
    pub hook: &'a str,
    pub message: &'a str,
    pub field: Option<&'a str>,
    pub status: &'a Status,
    pub to_status: Option<&'a Status>,
    pub actor: &'a str,
    pub now: Time,
}

/// Counts each, and keeps the 100 latest of the ticket.
pub async fn record_refusals(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    rows: &[NewRefusal<'_>],
) -> Result<(), sqlx::Error> {
    insert_all!(
        conn,
        "insert into ticket_refusals (org_id, id, ticket_id, plugin, code, run_id, installation_id, hook, message, field,
             status, to_status, actor, refusals, first_at, last_at) ",
        rows,
        |row| org,
        row.id,
        row.ticket_id,
        row.plugin,
        row.code,
        row.run_id,
        row.installation_id,
        row.hook,
        row.message,
        row.field,
        row.status.as_str(),
        row.to_status.map(Status::as_str),
        row.actor,
        1_i64,
        row.now,
        row.now;
        " on conflict (org_id, ticket_id, plugin, code) do update set id = excluded.id, run_id = excluded.run_id,
             installation_id = excluded.installation_id, hook = excluded.hook, message = excluded.message,
             field = excluded.field, status = excluded.status, to_status = excluded.to_status,
             actor = excluded.actor, refusals = ticket_refusals.refusals + 1, last_at = excluded.last_at"
    )?;
    execute!(
        conn,
        "delete from ticket_refusals where org_id = $1 and ticket_id = $2 and (plugin, code) not in (
             select plugin, code from ticket_refusals where org_id = $1 and ticket_id = $2
             order by last_at desc, id desc limit 100)",
        org,
        ticket
    )?;
    Ok(())
}
