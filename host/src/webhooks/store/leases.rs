//! All SQL of the dispatcher's leases: finds endpoints with deliveries due, acquires, renews and releases them.
//!
//! Invariant: an endpoint has at most one valid lease, and only its holder renews or releases it.

use sqlx::FromRow;
use uuid::Uuid;

use crate::db::Conn;
use crate::model::ids::{DeliveryId, OrgId, WebhookId};
use crate::model::time::Time;
use crate::model::webhook::Event;
use crate::{execute, fetch_all, fetch_one};

/// A delivery that is due, with its event.
#[derive(Clone, Debug, FromRow)]
pub struct Due {
    pub delivery_id: DeliveryId,
    pub attempts: i64,
    #[sqlx(flatten)]
    pub event: Event,
}

/// Across organizations by design. Returns endpoints that have deliveries due and no valid lease, the longest waiting
/// first.
pub async fn due_endpoints(
    conn: &mut Conn,
    now: Time,
    limit: i64,
) -> Result<Vec<(OrgId, WebhookId)>, sqlx::Error> {
    fetch_all!(
        conn,
        (OrgId, WebhookId),
        "select w.org_id, w.id from webhook_endpoints w
         where w.enabled and (w.leased_until is null or w.leased_until <= $1)
           and exists (select 1 from webhook_deliveries d where d.org_id = w.org_id and d.webhook_id = w.id
                       and d.state = 'pending' and d.due_at <= $1)
         order by coalesce(w.last_delivery_at, w.created_at), w.id
         limit $2",
        now,
        limit
    )
}

/// Acquires the lease of an endpoint. Returns false if another node holds it.
pub async fn acquire(
    conn: &mut Conn,
    (org, webhook): (OrgId, WebhookId),
    lease: Uuid,
    now: Time,
    until: Time,
) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "update webhook_endpoints set lease_id = $3, leased_until = $5
         where org_id = $1 and id = $2 and enabled and (leased_until is null or leased_until <= $4)",
        org,
        webhook,
        lease,
        now,
        until
    )?;
    Ok(rows == 1)
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
        "update webhook_endpoints set lease_id = null, leased_until = null
         where org_id = $1 and id = $2 and lease_id = $3",
        org,
        webhook,
        lease
    )?;
    Ok(rows == 1)
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

/// Across organizations by design, for the metrics. Returns the number of pending deliveries, and the due time of the
/// most overdue one.
pub async fn backlog(conn: &mut Conn, now: Time) -> Result<(i64, Option<Time>), sqlx::Error> {
    fetch_one!(
        conn,
        (i64, Option<Time>),
        "select count(*), min(case when due_at <= $1 then due_at end) from webhook_deliveries where state = 'pending'",
        now
    )
}
