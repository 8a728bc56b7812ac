//! Makes one delivery attempt and records it: the attempt, the delivery's next retry or its end, and the endpoint's
//! state.
//!
//! Invariant: all of these are written in one transaction.

use std::time::Duration;

use crate::app::App;
use crate::db::Conn;
use crate::model::ids::{DeliveryId, OrgId};
use crate::model::time::Time;
use crate::model::webhook::{
    ATTEMPTS_MAX, Attempt, Delivery, DeliveryState, DisableOn, Event, Webhook, next_attempt_at,
};
use crate::webhooks::disable::disable;
use crate::webhooks::send::{FailureKind, Outcome, Request};
use crate::webhooks::store::{deliveries, endpoints};
use crate::webhooks::{secret, sign};

/// Sends one request, with a log line and metrics. Writes nothing to the database. Fails without an attempt if this
/// node cannot open the endpoint's secret.
pub async fn send(
    app: &App,
    org: OrgId,
    webhook: &Webhook,
    event: &Event,
    number: i64,
) -> Result<(Attempt, Option<Failed>), sqlx::Error> {
    let started_at = app.clock.now();
    let (id, timestamp, body) = (event.id.to_string(), started_at.timestamp(), event.payload());
    let opened = secret::open(app, org, webhook, started_at)?;
    let signatures = sign::signatures(opened.all(), &id, timestamp, &body);
    let request = Request { url: &webhook.url, id, timestamp, signatures, body };
    let outcome = app.webhooks.sender.send(request).await;
    log(app, webhook, event, number, &outcome);
    let retry_after = outcome.retry_after;
    let failed = outcome.failure.as_ref().map(|failure| Failed { kind: failure.kind, retry_after });
    let attempt = Attempt {
        number,
        started_at,
        duration_ms: i64::try_from(outcome.duration.as_millis()).unwrap_or(i64::MAX),
        status: outcome.status.map(i64::from),
        body_excerpt: outcome.body_excerpt,
        error: outcome.failure.map(|failure| failure.message),
    };
    Ok((attempt, failed))
}

fn log(app: &App, webhook: &Webhook, event: &Event, number: i64, outcome: &Outcome) {
    let word = outcome.failure.as_ref().map_or("delivered", |failure| failure.kind.as_str());
    app.metrics.count_webhook_attempt(word, outcome.duration);
    tracing::info!(
        target: "repairops::webhook",
        webhook_id = %webhook.id,
        event_id = %event.id,
        event = event.event,
        attempt = number,
        outcome = word,
        status = outcome.status,
        error = outcome.failure.as_ref().map(|failure| failure.message.as_str()),
        duration_ms = u64::try_from(outcome.duration.as_millis()).unwrap_or(u64::MAX),
        "webhook attempt"
    );
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug)]
pub struct Failed {
    pub kind: FailureKind,
    pub retry_after: Option<Duration>,
}

/// Whether the failure of this delivery may disable the endpoint: always, or if nothing was delivered since it began.
fn is_sustained(webhook: &Webhook, delivery: &Delivery) -> bool {
    match webhook.disable_on {
        DisableOn::FailedDelivery => true,
        DisableOn::SustainedFailure => {
            webhook.last_delivery_at.is_none_or(|last| last < delivery.created_at)
        }
    }
}

/// Returns false if the endpoint is disabled now: the rest of its queue must not be sent.
pub async fn record(
    app: &App,
    org: OrgId,
    webhook: &Webhook,
    delivery: DeliveryId,
    attempt: &Attempt,
    failure: Option<Failed>,
) -> Result<bool, sqlx::Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let Some(mut webhook) = endpoints::lock(&mut tx, org, webhook.id).await? else {
        return Ok(false); // deleted meanwhile, with its log
    };
    let Some(before) = deliveries::get(&mut tx, org, webhook.id, delivery).await? else {
        return Ok(webhook.enabled);
    };
    if !deliveries::insert_attempt(&mut tx, org, delivery, attempt).await? {
        return Ok(webhook.enabled); // recorded already
    }
    let next = next(&before, attempt, failure);
    deliveries::advance(&mut tx, org, delivery, attempt, next, now).await?;
    match failure {
        None => endpoints::note_success(&mut tx, org, webhook.id, now).await?,
        Some(Failed { kind, .. }) if webhook.enabled => {
            webhook.failing_since.get_or_insert(attempt.started_at);
            let state = match is_sustained(&webhook, &before) {
                true => next.0,
                false => DeliveryState::Pending, // disables nothing
            };
            write_failure(app, &mut tx, org, &mut webhook, attempt, (kind, state), now).await?;
        }
        Some(_) => {}
    }
    tx.commit().await?;
    Ok(webhook.enabled)
}

/// The delivery's state after this attempt. A delivery that was cancelled during the attempt stays cancelled, unless
/// it was delivered.
fn next(before: &Delivery, attempt: &Attempt, failure: Option<Failed>) -> (DeliveryState, Time) {
    let kept = before.due_at;
    match failure {
        None => (DeliveryState::Delivered, kept),
        Some(_) if before.state != DeliveryState::Pending => (before.state, kept),
        Some(Failed { kind: FailureKind::Gone, .. }) => (DeliveryState::Failed, kept),
        Some(Failed { retry_after, .. }) => {
            match next_attempt_at(attempt.number, attempt.started_at) {
                Some(due_at) => {
                    // A wish of the receiver lengthens the delay, and never shortens it.
                    let wished = retry_after.map(|wait| attempt.started_at + wait);
                    (DeliveryState::Pending, wished.map_or(due_at, |wished| wished.max(due_at)))
                }
                None => (DeliveryState::Failed, kept),
            }
        }
    }
}

async fn write_failure(
    app: &App,
    conn: &mut Conn,
    org: OrgId,
    webhook: &mut Webhook,
    attempt: &Attempt,
    (kind, state): (FailureKind, DeliveryState),
    now: Time,
) -> Result<(), sqlx::Error> {
    let error = attempt.error.as_deref().unwrap_or("no reason given");
    let reason = match kind {
        FailureKind::Gone => error.to_owned(),
        _ if state == DeliveryState::Failed => {
            format!("{ATTEMPTS_MAX} attempts failed, the last because {error}")
        }
        _ => return endpoints::update(conn, org, webhook).await,
    };
    disable(app, conn, org, webhook.clone(), reason, now).await?;
    webhook.enabled = false;
    Ok(())
}
