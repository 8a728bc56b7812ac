//! Sends one `webhook.test` event to an endpoint immediately, whether it is enabled or not.
//!
//! Invariant: the attempt is logged and changes nothing else about the endpoint.

use crate::app::App;
use crate::auth::Caller;
use crate::error::OperationError;
use crate::model::ids::WebhookId;
use crate::model::outbox::{OutboxEvent, WebhookTest};
use crate::model::webhook::{Attempt, Delivery, DeliveryState, Event, Origin};
use crate::webhooks::attempt;
use crate::webhooks::store::{self, deliveries, endpoints};

pub async fn send_test(
    app: &App,
    caller: &Caller,
    id: WebhookId,
) -> Result<(Delivery, Attempt, Event), OperationError> {
    let mut conn = app.db.read().await?;
    let found = endpoints::get(&mut conn, caller.org, id).await?;
    drop(conn); // the request may take long
    let webhook = found.ok_or(OperationError::NotFound("Webhook"))?;
    let now = app.clock.now();
    let test = WebhookTest { webhook_id: id, shop_id: None, sent_by: caller.actor.name.clone() };
    let (name, data) = OutboxEvent::WebhookTest(test)
        .to_parts()
        .map_err(|error| sqlx::Error::Encode(error.into()))?;
    let event = Event { id: app.clock.new_id(), event: name, data, created_at: now };
    let (attempt, failure) = attempt::send(app, caller.org, &webhook, &event, 1).await?;
    let state = if failure.is_none() { DeliveryState::Delivered } else { DeliveryState::Failed };
    let ended = app.clock.now();
    let delivery = Delivery {
        id: app.clock.new_id(),
        webhook_id: id,
        event_id: event.id,
        event: event.event.clone(),
        origin: Origin::Test,
        state,
        attempts: 1,
        due_at: now,
        last_status: attempt.status,
        last_error: attempt.error.clone(),
        ended_at: Some(ended),
        created_at: now,
    };
    let mut tx = app.db.begin().await?;
    if endpoints::lock(&mut tx, caller.org, id).await?.is_none() {
        return Err(OperationError::NotFound("Webhook")); // deleted meanwhile
    }
    store::insert_unshared(&mut tx, caller.org, &event).await?;
    deliveries::insert(&mut tx, caller.org, &delivery).await?;
    deliveries::insert_attempt(&mut tx, caller.org, delivery.id, &attempt).await?;
    deliveries::advance(&mut tx, caller.org, delivery.id, &attempt, (state, now), ended).await?;
    tx.commit().await?;
    Ok((delivery, attempt, event))
}
