//! All SQL of the dispatcher's leases: finds endpoints with deliveries due, acquires, renews and releases them.
//!
//! Invariant: an endpoint has at most one valid lease, and only its holder renews or releases it.

use std::collections::BTreeSet;

use sqlx::FromRow;
use uuid::Uuid;

use crate::db::{Conn, Filter, Value};
use crate::model::ids::{DeliveryId, NodeId, OrgId, WebhookId};
use crate::model::time::Time;
use crate::model::webhook::{Event, Standing};
use crate::{execute, fetch_all, fetch_one};

/// A delivery that is due, with its event.
#[derive(Clone, Debug, FromRow)]
pub struct Due {
    pub delivery_id: DeliveryId,
    pub attempts: i64,
    #[sqlx(flatten)]
    pub event: Event,
}

/// An endpoint that has deliveries due.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct DueEndpoint {
    pub org_id: OrgId,
    pub id: WebhookId,
    pub standing: Standing,
}

/// Across organizations by design. Returns endpoints that have deliveries due and no valid lease, up to `limit` of each
/// standing: organizations take turns, and each time the one whose delivery has been due longest comes first.
pub async fn due_endpoints(
    conn: &mut Conn,
    now: Time,
    limit: i64,
) -> Result<Vec<DueEndpoint>, sqlx::Error> {
    fetch_all!(
        conn,
        DueEndpoint,
        "with due as (
             select w.org_id, w.id,
                 case when w.failing_since is not null then 'failing'
                      when w.last_delivery_at is null then 'new' else 'proven' end as standing,
                 (select d.due_at from webhook_deliveries d
                  where d.org_id = w.org_id and d.webhook_id = w.id and d.state = 'pending' and d.due_at <= $1
                  order by d.due_at limit 1) as due_at
             from webhook_endpoints w
             where w.enabled and (w.leased_until is null or w.leased_until <= $1)),
         turns as (
             select org_id, id, standing, due_at,
                 row_number() over (partition by standing, org_id order by due_at, id) as turn
             from due where due_at is not null),
         places as (
             select org_id, id, standing, row_number() over (partition by standing order by turn, due_at, id) as place
             from turns)
         select org_id, id, standing from places where place <= $2 order by place, standing",
        now,
        limit
    )
}

/// Acquires the leases of endpoints with one statement. Returns those that no other node holds.
pub async fn acquire(
    conn: &mut Conn,
    endpoints: &[(OrgId, WebhookId)],
    (lease, node): (Uuid, NodeId),
    now: Time,
    until: Time,
) -> Result<Vec<(OrgId, WebhookId)>, sqlx::Error> {
    let mut filter = Filter::default();
    let [lease, until, node] = [Value::Uuid(lease), Value::Time(until), Value::Uuid(node.0)]
        .map(|value| filter.bind(value));
    let orgs: BTreeSet<OrgId> = endpoints.iter().map(|(org, _)| *org).collect();
    let orgs = filter.list(orgs.iter().map(|org| Value::Uuid(org.0)));
    let ids = filter.list(endpoints.iter().map(|(_, id)| Value::Uuid(id.0)));
    let (Some(orgs), Some(ids)) = (orgs, ids) else { return Ok(Vec::new()) };
    filter.and_plain(&format!("org_id in {orgs} and id in {ids} and enabled"));
    filter.and("(leased_until is null or leased_until <= ?)", Value::Time(now));
    let mut query = filter.figure("select org_id, id from webhook_endpoints");
    if conn.is_postgres() {
        // Two nodes that acquire the same endpoints share them out and never wait for each other.
        query.sql.push_str(" for update skip locked");
    }
    query.sql = format!(
        "update webhook_endpoints set lease_id = {lease}, leased_until = {until}, lease_node = {node}
         where (org_id, id) in ({}) returning org_id, id",
        query.sql
    );
    query.fetch_all(conn).await
}

/// Extends a lease. Returns false if it is lost.
pub async fn renew(
    conn: &mut Conn,
    (org, webhook): (OrgId, WebhookId),
    lease: Uuid,
    until: Time,
) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "update webhook_endpoints set leased_until = $4 where org_id = $1 and id = $2 and lease_id = $3",
        org,
        webhook,
        lease,
        until
    )?;
    Ok(rows == 1)
}

pub async fn release(
    conn: &mut Conn,
    (org, webhook): (OrgId, WebhookId),
    lease: Uuid,
) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "update webhook_endpoints set lease_id = null, leased_until = null, lease_node = null
         where org_id = $1 and id = $2 and lease_id = $3",
        org,
        webhook,
        lease
    )?;
    Ok(rows == 1)
}

/// Shortens the lease: from `until` on any node may acquire the endpoint.
pub async fn release_at(
    conn: &mut Conn,
    (org, webhook): (OrgId, WebhookId),
    lease: Uuid,
    until: Time,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update webhook_endpoints set leased_until = $4
         where org_id = $1 and id = $2 and lease_id = $3 and leased_until > $4",
        org,
        webhook,
        lease,
        until
    )
    .map(drop)
}

/// Returns whether the endpoint still has this lease.
pub async fn holds(
    conn: &mut Conn,
    (org, webhook): (OrgId, WebhookId),
    lease: Uuid,
) -> Result<bool, sqlx::Error> {
    let (count,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "select count(*) from webhook_endpoints where org_id = $1 and id = $2 and lease_id = $3",
        org,
        webhook,
        lease
    )?;
    Ok(count == 1)
}

/// Returns the due deliveries of an endpoint. First attempts come in the order of their events, because they have the
/// same due time.
pub async fn due(
    conn: &mut Conn,
    (org, webhook): (OrgId, WebhookId),
    now: Time,
    limit: i64,
) -> Result<Vec<Due>, sqlx::Error> {
    fetch_all!(
        conn,
        Due,
        "select d.id as delivery_id, d.attempts, e.id, e.event, e.data, e.created_at
         from webhook_deliveries d
         join events e on e.org_id = d.org_id and e.id = d.event_id
         where d.org_id = $1 and d.webhook_id = $2 and d.state = 'pending' and d.due_at <= $3
         order by d.due_at, d.event_id limit $4",
        org,
        webhook,
        now,
        limit
    )
}

/// The work that waits, and what does not get any.
#[derive(Debug, FromRow)]
pub struct Backlog {
    pub pending: i64,
    /// The due time of the most overdue delivery.
    pub oldest_due: Option<Time>,
    /// Endpoints that were disabled because their receiver kept failing.
    pub disabled: i64,
}

/// Across organizations by design, for the metrics.
pub async fn backlog(conn: &mut Conn, now: Time) -> Result<Backlog, sqlx::Error> {
    fetch_one!(
        conn,
        Backlog,
        "select count(*) as pending, min(case when due_at <= $1 then due_at end) as oldest_due,
             (select count(*) from webhook_endpoints
              where disabled_at is not null and failing_since is not null) as disabled
         from webhook_deliveries where state = 'pending'",
        now
    )
}
