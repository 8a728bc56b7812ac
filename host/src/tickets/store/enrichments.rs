//! All SQL of the tables `enrichments`, the post-create work of tickets, and `ticket_field_sources`, which that work
//! writes.

use sqlx::FromRow;

use crate::db::Conn;
use crate::model::ids::{InstallationId, OrgId, TicketId};
use crate::model::ticket::FieldSource;
use crate::model::time::Time;
use crate::{execute, fetch_all, insert_all, update_all};

/// The post-create work of one installation for one ticket.
#[derive(Debug, FromRow)]
pub struct EnrichmentRow {
    pub installation_id: InstallationId,
    pub state: String,
    pub attempts: i64,
    pub last_error: Option<String>,
}

/// How one attempt at pending work ended.
#[derive(Debug)]
pub struct Attempt<'a> {
    pub installation: InstallationId,
    pub state: AttemptState,
    pub error: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptState {
    Done,
    /// To be retried at that time.
    Pending(Time),
    Failed,
}

impl AttemptState {
    fn name(self) -> &'static str {
        match self {
            AttemptState::Done => "done",
            AttemptState::Pending(_) => "pending",
            AttemptState::Failed => "failed",
        }
    }

    fn due_at(self) -> Option<Time> {
        match self {
            AttemptState::Pending(due_at) => Some(due_at),
            AttemptState::Done | AttemptState::Failed => None,
        }
    }
}

/// Creates the pending work of a new ticket. Until `due_at` it belongs to the request that creates the ticket.
pub async fn insert_enrichments(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    installations: &[InstallationId],
    due_at: Time,
) -> Result<(), sqlx::Error> {
    insert_all!(
        conn,
        "insert into enrichments (org_id, ticket_id, installation_id, state, attempts, due_at) ",
        installations,
        |installation| org,
        ticket,
        *installation,
        "pending",
        0_i64,
        due_at
    )?;
    Ok(())
}

pub async fn enrichments(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
) -> Result<Vec<EnrichmentRow>, sqlx::Error> {
    fetch_all!(
        conn,
        EnrichmentRow,
        "select installation_id, state, attempts, last_error from enrichments
         where org_id = $1 and ticket_id = $2 order by installation_id",
        org,
        ticket
    )
}

/// Across organizations by design: leases work that is due until `until`, so that no two nodes do it at the same
/// time.
pub async fn lease_enrichments(
    conn: &mut Conn,
    now: Time,
    until: Time,
    limit: i64,
) -> Result<Vec<(OrgId, TicketId)>, sqlx::Error> {
    let due: Vec<(OrgId, TicketId)> = fetch_all!(
        conn,
        (OrgId, TicketId),
        "select distinct org_id, ticket_id from enrichments where state = 'pending' and due_at <= $1
         order by org_id, ticket_id limit $2",
        now,
        limit
    )?;
    let mut leased = Vec::new();
    // One by one and in order, so that two nodes that lease the same tickets wait for each other and cannot deadlock.
    for (org, ticket) in due {
        let rows = execute!(
            conn,
            "update enrichments set due_at = $4
             where org_id = $1 and ticket_id = $2 and state = 'pending' and due_at <= $3",
            org,
            ticket,
            now,
            until
        )?;
        if rows > 0 {
            leased.push((org, ticket));
        }
    }
    Ok(leased)
}

/// Records how attempts at a ticket's pending work ended. Returns the installations whose work was still pending;
/// nothing is written for the others.
pub async fn record_attempts(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    attempts: &[Attempt<'_>],
) -> Result<Vec<InstallationId>, sqlx::Error> {
    let rows: Vec<(InstallationId,)> = update_all!(
        conn,
        (InstallationId,),
        "update enrichments
         set state = c.column2, last_error = c.column3, due_at = coalesce(c.column4, due_at), attempts = attempts + 1
         from (",
        attempts,
        |attempt| attempt.installation,
        attempt.state.name(),
        attempt.error,
        attempt.state.due_at();
        [") as c where org_id = " => org, " and ticket_id = " => ticket],
        " and installation_id = c.column1 and state = 'pending' returning installation_id"
    )?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// Records which plugin set which fields; each field may occur once.
pub async fn set_field_sources(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    sources: &[FieldSource],
) -> Result<(), sqlx::Error> {
    let _: Vec<(String,)> = update_all!(
        conn,
        (String,),
        "insert into ticket_field_sources
             (org_id, ticket_id, field, plugin, plugin_version, installation_id, created_at) ",
        sources,
        |source| org,
        ticket,
        source.field.as_str(),
        source.plugin.as_str(),
        source.plugin_version.as_str(),
        source.installation_id,
        source.created_at;
        [],
        " on conflict (org_id, ticket_id, field) do update
          set plugin = excluded.plugin, plugin_version = excluded.plugin_version,
              installation_id = excluded.installation_id, created_at = excluded.created_at
          returning field"
    )?;
    Ok(())
}
