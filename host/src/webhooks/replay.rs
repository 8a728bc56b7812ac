//! Replays one event, or all events since a time.
//!
//! Invariant: a replay creates new deliveries; the events keep their ids.

use crate::app::App;
use crate::auth::Caller;
use crate::db::Conn;
use crate::model::ids::{DeliveryId, EventId, OrgId, WebhookId};
use crate::model::time::Time;
use crate::model::webhook::{Delivery, DeliveryState, Origin, Webhook};
use crate::webhooks::enqueued;
use crate::webhooks::store::{self, Start, deliveries, endpoints};

/// Events per call, which keeps its transaction short; the response says where to continue.
pub const EVENTS_MAX: usize = 5_000;

#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("webhook not found")]
    NotFound,
    #[error("delivery not found")]
    DeliveryNotFound,
    #[error("The webhook is disabled ({reason}); enable it first")]
    Disabled { reason: String },
    #[error("A test delivery cannot be replayed; send a new test")]
    Test,
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// The result of a replay.
pub struct Replayed {
    pub events: usize,
    /// The last event of this call, if there are more.
    pub next_after: Option<EventId>,
    /// The time of the first event that did not fit into this call, if any.
    pub next_since: Option<Time>,
}

pub async fn one(
    app: &App,
    caller: &Caller,
    webhook: WebhookId,
    delivery: DeliveryId,
) -> Result<Delivery, ReplayError> {
    let mut tx = app.db.begin().await?;
    let webhook = find_enabled(&mut tx, caller.org, webhook).await?;
    let found = deliveries::get(&mut tx, caller.org, webhook.id, delivery).await?;
    let found = found.ok_or(ReplayError::DeliveryNotFound)?;
    if found.origin == Origin::Test {
        return Err(ReplayError::Test);
    }
    let delivery = again(app, &webhook, found.event_id, found.event);
    deliveries::insert(&mut tx, caller.org, &delivery).await?;
    tx.commit().await?;
    enqueued::mark();
    Ok(delivery)
}

/// Replays all events from there on that the endpoint subscribes to; with `missed_only`, only those that are neither
/// delivered nor pending.
pub async fn since(
    app: &App,
    caller: &Caller,
    webhook: WebhookId,
    start: Start,
    missed_only: bool,
) -> Result<Replayed, ReplayError> {
    let mut tx = app.db.begin().await?;
    let webhook = find_enabled(&mut tx, caller.org, webhook).await?;
    let not_delivered_to = missed_only.then_some(webhook.id);
    let limit = i64::try_from(EVENTS_MAX + 1).unwrap_or(i64::MAX);
    let mut events =
        store::events_from(&mut tx, caller.org, &start, &webhook.events, not_delivered_to, limit)
            .await?;
    let next_since = events.get(EVENTS_MAX).map(|(id, _)| id.written_at());
    events.truncate(EVENTS_MAX);
    let next_after = events.last().filter(|_| next_since.is_some()).map(|(id, _)| *id);
    let count = events.len();
    let again: Vec<(OrgId, Delivery)> = events
        .into_iter()
        .map(|(id, event)| (caller.org, again(app, &webhook, id, event)))
        .collect();
    deliveries::insert_all(&mut tx, &again).await?;
    tx.commit().await?;
    enqueued::mark();
    Ok(Replayed { events: count, next_after, next_since })
}

async fn find_enabled(conn: &mut Conn, org: OrgId, id: WebhookId) -> Result<Webhook, ReplayError> {
    let webhook = endpoints::lock(conn, org, id).await?.ok_or(ReplayError::NotFound)?;
    if webhook.enabled {
        return Ok(webhook);
    }
    Err(ReplayError::Disabled { reason: webhook.disabled_reason.unwrap_or_default() })
}

fn again(app: &App, webhook: &Webhook, event_id: EventId, event: String) -> Delivery {
    let now = app.clock.now();
    Delivery {
        id: app.clock.new_id(),
        webhook_id: webhook.id,
        event_id,
        event,
        origin: Origin::Replay,
        state: DeliveryState::Pending,
        attempts: 0,
        due_at: now,
        last_status: None,
        last_error: None,
        ended_at: None,
        created_at: now,
    }
}
