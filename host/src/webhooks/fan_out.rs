//! Hands events to the endpoints that are there, on, and want them: one delivery each. The deliveries and the mark
//! that the event was handed on commit together.

use std::collections::HashMap;

use crate::app::App;
use crate::model::ids::OrgId;
use crate::model::webhook::{Delivery, DeliveryState, Origin, Webhook};
use crate::webhooks::store::{self, deliveries, endpoints};

/// Events of one transaction: short enough for the writers that wait behind it.
const BATCH: i64 = 100;

/// Hands on what waits, in the order of the events' ids; answers how many events that were.
pub async fn run(app: &App) -> Result<usize, sqlx::Error> {
    let mut total = 0;
    loop {
        let mut conn = app.db.read().await?;
        let waiting = store::pending_events(&mut conn, 1).await?;
        drop(conn);
        if waiting.is_empty() {
            return Ok(total);
        }
        match batch(app).await? {
            0 => return Ok(total), // another node is at it
            done => total += done,
        }
    }
}

async fn batch(app: &App) -> Result<usize, sqlx::Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    if !store::lock_fan_out(&mut tx).await? {
        return Ok(0);
    }
    let events = store::pending_events(&mut tx, BATCH).await?;
    let mut endpoints_of: HashMap<OrgId, Vec<Webhook>> = HashMap::new();
    for (org, event_id, event) in &events {
        if !endpoints_of.contains_key(org) {
            endpoints_of.insert(*org, endpoints::lock_enabled(&mut tx, *org).await?);
        }
        let wanting = endpoints_of[org].iter().filter(|webhook| webhook.wants(event));
        let delivery = |webhook: &Webhook| Delivery {
            id: app.clock.new_id(),
            webhook_id: webhook.id,
            event_id: *event_id,
            event: event.clone(),
            origin: Origin::Event,
            state: DeliveryState::Pending,
            attempts: 0,
            due_at: now,
            last_status: None,
            last_error: None,
            ended_at: None,
            created_at: now,
        };
        let wanted: Vec<Delivery> = wanting.map(delivery).collect();
        deliveries::insert_all(&mut tx, *org, &wanted).await?;
        store::mark_fanned_out(&mut tx, *org, *event_id).await?;
    }
    tx.commit().await?;
    Ok(events.len())
}
