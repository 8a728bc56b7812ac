//! All SQL of the table `erasures`, and of what an erasure reads of tickets and events; `rows` has the copies in the
//! main database, `journal` those in the journal.

pub mod journal;
pub mod rows;

use sqlx::FromRow;
use sqlx::types::Json;

use crate::db::{Conn, Filter, Value};
use crate::erasure::pieces::Pieces;
use crate::model::ids::{CustomerId, EventId, OrgId, TicketId};
use crate::model::time::Time;
use crate::model::workflow::{DEFAULT, Status};
use crate::{execute, fetch_all, fetch_all_postgres, fetch_optional};

/// Of one customer.
#[derive(Clone, Debug, FromRow)]
pub struct Erasure {
    pub org_id: OrgId,
    pub customer_id: CustomerId,
    pub requested_at: Time,
    pub pieces: Option<Json<Pieces>>,
    pub finished_at: Option<Time>,
}

pub async fn insert(
    conn: &mut Conn,
    erasure: &Erasure,
    actor: &str,
    due_at: Time,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into erasures (org_id, customer_id, actor, requested_at, due_at, pieces)
         values ($1, $2, $3, $4, $5, $6)",
        erasure.org_id,
        erasure.customer_id,
        actor,
        erasure.requested_at,
        due_at,
        &erasure.pieces
    )?;
    Ok(())
}

pub async fn find(
    conn: &mut Conn,
    org: OrgId,
    customer: CustomerId,
) -> Result<Option<Erasure>, sqlx::Error> {
    fetch_optional!(
        conn,
        Erasure,
        "select org_id, customer_id, requested_at, pieces, finished_at from erasures
         where org_id = $1 and customer_id = $2",
        org,
        customer
    )
}

/// Across organizations by design: the work of a job. What is taken is due again at `again_at`, if this node stops.
pub async fn take_due(
    conn: &mut Conn,
    now: Time,
    again_at: Time,
    limit: i64,
) -> Result<Vec<Erasure>, sqlx::Error> {
    macro_rules! update {
        ($locked:literal) => {
            concat!(
                "update erasures set due_at = $2 where (org_id, customer_id) in
                     (select org_id, customer_id from erasures where finished_at is null and due_at <= $1
                      order by due_at limit $3",
                $locked,
                ") returning org_id, customer_id, requested_at, pieces, finished_at"
            )
        };
    }
    if conn.is_postgres() {
        let sql = update!(" for update skip locked");
        return fetch_all_postgres!(conn, Erasure, sql, now, again_at, limit);
    }
    fetch_all!(conn, Erasure, update!(""), now, again_at, limit)
}

/// Forgets what was looked for.
pub async fn finish(
    conn: &mut Conn,
    org: OrgId,
    customer: CustomerId,
    now: Time,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update erasures set finished_at = $3, pieces = null where org_id = $1 and customer_id = $2",
        org,
        customer,
        now
    )?;
    Ok(())
}

#[derive(Debug, FromRow)]
pub struct OpenTicket {
    pub id: TicketId,
    pub number: i64,
    pub status: Status,
}

/// The oldest tickets of a customer that are not at their end, and how many there are.
pub async fn open_tickets(
    conn: &mut Conn,
    org: OrgId,
    customer: CustomerId,
    limit: i64,
) -> Result<(Vec<OpenTicket>, i64), sqlx::Error> {
    let mut filter = Filter::for_org("org_id", org.0);
    filter.and("customer_id = ?", Value::Uuid(customer.0));
    let ended = DEFAULT.terminal().map(|status| Value::Text(status.to_owned()));
    if let Some(ended) = filter.list(ended) {
        filter.and_plain(&format!("status not in {ended}"));
    }
    let mut select = filter.figure("select id, number, status from tickets");
    select.sql.push_str(&format!(" order by created_at, id limit {limit}"));
    let tickets = select.fetch_all(conn).await?;
    Ok((tickets, filter.count("tickets").fetch_figure(conn).await?))
}

pub async fn ticket_ids(
    conn: &mut Conn,
    org: OrgId,
    customer: CustomerId,
) -> Result<Vec<TicketId>, sqlx::Error> {
    let rows: Vec<(TicketId,)> = fetch_all!(
        conn,
        (TicketId,),
        "select id from tickets where org_id = $1 and customer_id = $2 order by id",
        org,
        customer
    )?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// The customers who were merged into this one.
pub async fn merged_ids(
    conn: &mut Conn,
    org: OrgId,
    customer: CustomerId,
) -> Result<Vec<CustomerId>, sqlx::Error> {
    let rows: Vec<(CustomerId,)> = fetch_all!(
        conn,
        (CustomerId,),
        "select id from merged_customers where org_id = $1 and merged_into = $2",
        org,
        customer
    )?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

pub async fn contact_names(
    conn: &mut Conn,
    org: OrgId,
    customer: CustomerId,
    limit: i64,
) -> Result<Vec<String>, sqlx::Error> {
    let rows: Vec<(String,)> = fetch_all!(
        conn,
        (String,),
        "select distinct contact_name from tickets
         where org_id = $1 and customer_id = $2 and contact_name is not null limit $3",
        org,
        customer,
        limit
    )?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// The data of `customer.created` events, in the order of their ids.
pub async fn created_events(
    conn: &mut Conn,
    org: OrgId,
    after: EventId,
    limit: i64,
) -> Result<Vec<(EventId, Json<serde_json::Value>)>, sqlx::Error> {
    fetch_all!(
        conn,
        (EventId, Json<serde_json::Value>),
        "select id, data from events where org_id = $1 and event = 'customer.created' and id > $2
         order by id limit $3",
        org,
        after,
        limit
    )
}

/// Empties the stored responses of requests before `until`. A repeated request gets 409 and nothing is
/// carried out twice. Returns how many there were, at most `limit`.
pub async fn empty_answers(
    conn: &mut Conn,
    org: OrgId,
    until: Time,
    now: Time,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    execute!(
        conn,
        "update idempotency_keys set committed_at = coalesce(committed_at, answered_at), answered_at = null,
                status = null, headers = null, body = null,
                lease_until = case when answered_at is null then lease_until else $3 end
         where (org_id, key_id, address) in (
             select org_id, key_id, address from idempotency_keys
             where org_id = $1 and body is not null and created_at <= $2 limit $4)",
        org,
        until,
        now,
        limit
    )
}
