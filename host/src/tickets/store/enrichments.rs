//! All SQL of the tables `enrichments`, the post-create work of tickets, and `ticket_field_sources`, which that work
//! writes.

use std::collections::{BTreeSet, HashSet};

use sqlx::FromRow;

use crate::db::{Conn, Filter, Value};
use crate::model::ids::{InstallationId, NodeId, OrgId, TicketId};
use crate::model::ticket::FieldSource;
use crate::model::time::Time;
use crate::{fetch_all, insert_all, update_all};

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
    /// Also, and the attempt is not counted.
    Postponed(Time),
    Failed,
}

impl AttemptState {
    fn name(self) -> &'static str {
        match self {
            AttemptState::Done => "done",
            AttemptState::Pending(_) | AttemptState::Postponed(_) => "pending",
            AttemptState::Failed => "failed",
        }
    }

    /// By how much the number of attempts grows.
    fn counts(self) -> i64 {
        i64::from(!matches!(self, AttemptState::Postponed(_)))
    }

    fn due_at(self) -> Option<Time> {
        match self {
            AttemptState::Pending(due_at) | AttemptState::Postponed(due_at) => Some(due_at),
            AttemptState::Done | AttemptState::Failed => None,
        }
    }
}

/// Creates the pending work of a new ticket. Until `due_at` it belongs to the request that creates the ticket, on
/// this node.
pub async fn insert_enrichments(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    installations: &[InstallationId],
    (due_at, node): (Time, NodeId),
) -> Result<(), sqlx::Error> {
    insert_all!(
        conn,
        "insert into enrichments (org_id, ticket_id, installation_id, state, attempts, due_at, lease_node) ",
        installations,
        |installation| org,
        ticket,
        *installation,
        "pending",
        0_i64,
        due_at,
        node
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

/// Across organizations by design. Returns tickets whose work is due: organizations take turns, and each time the one
/// whose work has been due longest comes first. Reads about `limit` rows of at most `limit` organizations, whatever
/// waits behind them.
pub async fn due_enrichments(
    conn: &mut Conn,
    now: Time,
    limit: usize,
) -> Result<Vec<(OrgId, TicketId)>, sqlx::Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut due: Vec<(OrgId, TicketId)> = fetch_all!(
        conn,
        (OrgId, TicketId),
        "with recursive orgs (org_id) as (
             select * from (select org_id from enrichments where state = 'pending' and due_at <= $1
                            order by org_id limit 1) a
             union all
             select (select e.org_id from enrichments e
                     where e.state = 'pending' and e.due_at <= $1 and e.org_id > o.org_id order by e.org_id limit 1)
             from orgs o where o.org_id is not null),
         firsts as (
             select o.org_id, (select e.due_at from enrichments e
                               where e.org_id = o.org_id and e.state = 'pending' and e.due_at <= $1
                               order by e.due_at limit 1) as due_at
             from orgs o where o.org_id is not null order by 2 limit $2),
         shares as (
             select f.org_id, coalesce((select e.due_at from enrichments e
                                        where e.org_id = f.org_id and e.state = 'pending' and e.due_at <= $1
                                        order by e.due_at limit 1 offset $2), $1) as until
             from firsts f),
         turns as (
             select e.org_id, e.ticket_id, e.due_at,
                 row_number() over (partition by e.org_id order by e.due_at, e.ticket_id) as turn
             from shares s join enrichments e
                 on e.org_id = s.org_id and e.state = 'pending' and e.due_at <= s.until)
         select org_id, ticket_id from turns order by turn, due_at, ticket_id limit $2",
        now,
        limit
    )?;
    let mut seen = HashSet::new();
    due.retain(|row| seen.insert(*row)); // a ticket has a row for each installation
    Ok(due)
}

/// Across organizations by design: leases the due work of these tickets until `until` with one statement, so that no
/// two nodes do it at the same time. Returns the tickets of which there was some left.
pub async fn lease_enrichments(
    conn: &mut Conn,
    tickets: &[(OrgId, TicketId)],
    now: Time,
    (until, node): (Time, NodeId),
) -> Result<Vec<(OrgId, TicketId)>, sqlx::Error> {
    let mut filter = Filter::default();
    let [until, node] = [Value::Time(until), Value::Uuid(node.0)].map(|value| filter.bind(value));
    let orgs: BTreeSet<OrgId> = tickets.iter().map(|(org, _)| *org).collect();
    let orgs = filter.list(orgs.into_iter().map(|org| Value::Uuid(org.0)));
    let ids = filter.list(tickets.iter().map(|(_, ticket)| Value::Uuid(ticket.0)));
    let (Some(orgs), Some(ids)) = (orgs, ids) else { return Ok(Vec::new()) };
    filter.and_plain(&format!("org_id in {orgs} and ticket_id in {ids} and state = 'pending'"));
    filter.and("due_at <= ?", Value::Time(now));
    let mut query = filter.figure("select org_id, ticket_id, installation_id from enrichments");
    if conn.is_postgres() {
        // Two nodes that lease the same tickets share them out and never wait for each other.
        query.sql.push_str(" for update skip locked");
    }
    query.sql = format!(
        "update enrichments set due_at = {until}, lease_node = {node} where (org_id, ticket_id, installation_id) in ({})
         returning org_id, ticket_id",
        query.sql
    );
    let leased: HashSet<(OrgId, TicketId)> = query.fetch_all(conn).await?.into_iter().collect();
    Ok(tickets.iter().copied().filter(|ticket| leased.contains(ticket)).collect())
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
         set state = c.column2, last_error = c.column3, due_at = coalesce(c.column4, due_at), attempts = attempts + c.column5,
             lease_node = null
         from (",
        attempts,
        |attempt| attempt.installation,
        attempt.state.name(),
        attempt.error,
        attempt.state.due_at(),
        attempt.state.counts();
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
