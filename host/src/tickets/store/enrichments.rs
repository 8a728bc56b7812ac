//! All SQL of enrichments: the post-create work that is to be done.

use sqlx::FromRow;

use crate::db::Conn;
use crate::model::ids::{InstallationId, OrgId, TicketId};
use crate::model::time::Time;
use crate::{execute, fetch_all};

/// The post-create work of one installation for one ticket.
#[derive(Debug, FromRow)]
pub struct EnrichmentRow {
    pub installation_id: InstallationId,
    pub state: String,
    pub attempts: i64,
    pub last_error: Option<String>,
}

/// Marks work to be done. Until `due_at` it belongs to the request that makes the ticket.
pub async fn insert_enrichment(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    installation: InstallationId,
    due_at: Time,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into enrichments (org_id, ticket_id, installation_id, state, attempts, due_at)
         values ($1, $2, $3, 'pending', 0, $4)",
        org,
        ticket,
        installation,
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

/// Across organizations by design: the lease of work that is due. Leased until `until`, so that no two
/// nodes do it at once.
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

/// Ends the work of an installation; false when it was ended before.
pub async fn end_enrichment(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    installation: InstallationId,
    state: &'static str,
    error: Option<&str>,
) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "update enrichments set state = $4, last_error = $5, attempts = attempts + 1
         where org_id = $1 and ticket_id = $2 and installation_id = $3 and state = 'pending'",
        org,
        ticket,
        installation,
        state,
        error
    )?;
    Ok(rows == 1)
}

/// Notes a failed try, to be tried again at `due_at`.
pub async fn postpone_enrichment(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    installation: InstallationId,
    due_at: Time,
    error: &str,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update enrichments set due_at = $4, last_error = $5, attempts = attempts + 1
         where org_id = $1 and ticket_id = $2 and installation_id = $3 and state = 'pending'",
        org,
        ticket,
        installation,
        due_at,
        error
    )?;
    Ok(())
}
