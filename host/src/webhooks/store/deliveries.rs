//! All SQL of `webhook_deliveries` and `webhook_attempts`, except the lease.

use serde::Serialize;
use uuid::Uuid;

use crate::db::{Conn, Filter, Value};
use crate::model::ids::{DeliveryId, EventId, OrgId, WebhookId};
use crate::model::time::Time;
use crate::model::webhook::{Attempt, Delivery, DeliveryState};
use crate::page::{Column, Listed, Listing, Sort, Window};
use crate::{execute, fetch_all, fetch_optional};

macro_rules! select_delivery {
    () => {
        "select id, webhook_id, event_id, event, origin, state, attempts, due_at, last_status, last_error, ended_at,
            created_at
         from webhook_deliveries"
    };
}

pub static LISTING: Listing = Listing {
    name: "webhook_deliveries",
    id: "id",
    default: "-created_at",
    sorts: &[Sort::fixed("created_at", &[Column::Time("created_at")])],
};

impl Listed for Delivery {
    fn listing() -> &'static Listing {
        &LISTING
    }

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn keys(&self, _: &str) -> Vec<Value> {
        vec![Value::Time(self.created_at)]
    }
}

#[derive(Debug, Default, Serialize)]
pub struct ListFilter {
    pub state: Option<DeliveryState>,
    pub event: Option<String>,
    pub event_id: Option<EventId>,
}

pub async fn insert(conn: &mut Conn, org: OrgId, delivery: &Delivery) -> Result<(), sqlx::Error> {
    insert_all(conn, &[(org, delivery.clone())]).await
}

/// Each row names its organization, so that one statement serves several organizations.
pub async fn insert_all(
    conn: &mut Conn,
    deliveries: &[(OrgId, Delivery)],
) -> Result<(), sqlx::Error> {
    crate::insert_all!(
        conn,
        "insert into webhook_deliveries (org_id, id, webhook_id, event_id, event, origin, state, attempts, due_at,
             created_at) ",
        deliveries,
        |row| row.0,
        row.1.id,
        row.1.webhook_id,
        row.1.event_id,
        row.1.event.as_str(),
        row.1.origin.as_str(),
        row.1.state.as_str(),
        0_i64,
        row.1.due_at,
        row.1.created_at
    )?;
    Ok(())
}

pub async fn list(
    conn: &mut Conn,
    org: OrgId,
    webhook: WebhookId,
    wanted: &ListFilter,
    window: &Window,
) -> Result<(Vec<Delivery>, i64), sqlx::Error> {
    let mut filter = Filter::for_org("org_id", org.0);
    filter.and("webhook_id = ?", Value::Uuid(webhook.0));
    filter.and_some("state = ?", wanted.state.map(|state| Value::Text(state.as_str().to_owned())));
    filter.and_some("event = ?", wanted.event.clone().map(Value::Text));
    filter.and_some("event_id = ?", wanted.event_id.map(|id| Value::Uuid(id.0)));
    let rows = filter.select(select_delivery!(), &window.slice).fetch_all(conn).await?;
    Ok((rows, filter.count("webhook_deliveries").fetch_figure(conn).await?))
}

pub async fn get(
    conn: &mut Conn,
    org: OrgId,
    webhook: WebhookId,
    id: DeliveryId,
) -> Result<Option<Delivery>, sqlx::Error> {
    fetch_optional!(
        conn,
        Delivery,
        concat!(select_delivery!(), " where org_id = $1 and webhook_id = $2 and id = $3"),
        org,
        webhook,
        id
    )
}

pub async fn attempts(
    conn: &mut Conn,
    org: OrgId,
    delivery: DeliveryId,
) -> Result<Vec<Attempt>, sqlx::Error> {
    fetch_all!(
        conn,
        Attempt,
        "select number, started_at, duration_ms, status, body_excerpt, error from webhook_attempts
         where org_id = $1 and delivery_id = $2 order by number",
        org,
        delivery
    )
}

/// Returns false if this attempt was recorded already, by a node that exceeded its lease.
pub async fn insert_attempt(
    conn: &mut Conn,
    org: OrgId,
    delivery: DeliveryId,
    attempt: &Attempt,
) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "insert into webhook_attempts (org_id, delivery_id, number, started_at, duration_ms, status, body_excerpt, error)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (org_id, delivery_id, number) do nothing",
        org,
        delivery,
        attempt.number,
        attempt.started_at,
        attempt.duration_ms,
        attempt.status,
        attempt.body_excerpt.as_deref(),
        attempt.error.as_deref()
    )?;
    Ok(rows == 1)
}

/// Writes the state after an attempt. Returns false if the delivery does not exist.
pub async fn advance(
    conn: &mut Conn,
    org: OrgId,
    delivery: DeliveryId,
    attempt: &Attempt,
    (state, due_at): (DeliveryState, Time),
    now: Time,
) -> Result<bool, sqlx::Error> {
    let ended_at = (state != DeliveryState::Pending).then_some(now);
    let rows = execute!(
        conn,
        "update webhook_deliveries set state = $3, attempts = $4, due_at = $5, last_status = $6, last_error = $7,
             ended_at = $8
         where org_id = $1 and id = $2",
        org,
        delivery,
        state.as_str(),
        attempt.number,
        due_at,
        attempt.status,
        attempt.error.as_deref(),
        ended_at
    )?;
    Ok(rows == 1)
}

/// Cancels all pending deliveries of an endpoint.
pub async fn cancel_pending(
    conn: &mut Conn,
    org: OrgId,
    webhook: WebhookId,
    now: Time,
) -> Result<u64, sqlx::Error> {
    execute!(
        conn,
        "update webhook_deliveries set state = 'cancelled', ended_at = $3
         where org_id = $1 and webhook_id = $2 and state = 'pending'",
        org,
        webhook,
        now
    )
}

pub async fn delete_of_webhook(
    conn: &mut Conn,
    org: OrgId,
    webhook: WebhookId,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "delete from webhook_attempts where org_id = $1 and delivery_id in
            (select id from webhook_deliveries where org_id = $1 and webhook_id = $2)",
        org,
        webhook
    )?;
    execute!(
        conn,
        "delete from webhook_deliveries where org_id = $1 and webhook_id = $2",
        org,
        webhook
    )?;
    Ok(())
}

/// `filter` names the organization and binds the events of the list `ids`.
pub async fn delete_of_events(
    conn: &mut Conn,
    filter: &Filter,
    ids: &str,
) -> Result<(), sqlx::Error> {
    let mut deliveries = filter.clone();
    deliveries.and_plain(&format!("event_id in {ids}"));
    let mut attempts = filter.clone();
    let selected = deliveries.figure("select id from webhook_deliveries").sql;
    attempts.and_plain(&format!("delivery_id in ({selected})"));
    let attempts = attempts.figure("delete from webhook_attempts").returning("delivery_id");
    let _: Vec<(DeliveryId,)> = attempts.fetch_all(conn).await?;
    let deliveries = deliveries.figure("delete from webhook_deliveries").returning("id");
    let _: Vec<(DeliveryId,)> = deliveries.fetch_all(conn).await?;
    Ok(())
}
