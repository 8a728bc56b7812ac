//! Creates the deliveries of new events: one for each enabled endpoint that subscribes to the event.
//!
//! Invariant: an event's deliveries and its mark as fanned out commit together, and a batch takes the same number of
//! statements for any number of events and endpoints (above 500 deliveries, one more for each further 500).

use std::collections::{BTreeSet, HashMap};

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::model::ids::{EventId, OrgId};
use crate::model::time::Time;
use crate::model::webhook::{Delivery, DeliveryState, Origin, Webhook};
use crate::webhooks::store::endpoints::OwnedWebhook;
use crate::webhooks::store::{self, deliveries, endpoints};

/// Events per transaction: few enough that other writers do not wait long.
const BATCH: i64 = 100;

/// Fans out all waiting events, those of an organization in the order of their ids; ends early, between two batches,
/// when `stop` is cancelled. Returns their number.
pub async fn run(app: &App, stop: &CancellationToken) -> Result<usize, sqlx::Error> {
    let mut total = 0;
    while !stop.is_cancelled() {
        let mut conn = app.db.read().await?;
        let is_any = store::has_pending_events(&mut conn).await?;
        drop(conn);
        if !is_any {
            break;
        }
        match batch(app).await? {
            0 => break, // another node holds the lock
            done => total += done,
        }
    }
    Ok(total)
}

/// One batch. Returns its number of events; 0 if another node holds the lock.
pub async fn batch(app: &App) -> Result<usize, sqlx::Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    if !store::lock_fan_out(&mut tx).await? {
        return Ok(0);
    }
    let events = store::pending_events(&mut tx, BATCH).await?;
    let orgs: BTreeSet<OrgId> = events.iter().map(|(org, ..)| *org).collect();
    let mut webhooks: HashMap<OrgId, Vec<Webhook>> = HashMap::new();
    for OwnedWebhook { org_id, webhook } in endpoints::lock_enabled(&mut tx, &orgs).await? {
        webhooks.entry(org_id).or_default().push(webhook);
    }
    let mut rows = Vec::new();
    for (org, id, event) in &events {
        let subscribed = webhooks.get(org).into_iter().flatten().filter(|one| one.wants(event));
        rows.extend(subscribed.map(|webhook| (*org, delivery(app, webhook, *id, event, now))));
    }
    deliveries::insert_all(&mut tx, &rows).await?;
    store::mark_fanned_out(&mut tx, &events).await?;
    tx.commit().await?;
    Ok(events.len())
}

fn delivery(app: &App, webhook: &Webhook, event_id: EventId, event: &str, now: Time) -> Delivery {
    Delivery {
        id: app.clock.new_id(),
        webhook_id: webhook.id,
        event_id,
        event: event.to_owned(),
        origin: Origin::Event,
        state: DeliveryState::Pending,
        attempts: 0,
        due_at: now,
        last_status: None,
        last_error: None,
        ended_at: None,
        created_at: now,
    }
}
