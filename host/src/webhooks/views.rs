//! The JSON of endpoints, deliveries and attempts.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::ids::{DeliveryId, EventId, WebhookId};
use crate::model::time::Time;
use crate::model::webhook::{
    Attempt, Delivery, DeliveryState, DisableOn, Event, EventName, Origin, Webhook,
};
use crate::webhooks::secret::Opened;

#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookView {
    pub id: WebhookId,
    pub url: String,
    pub description: Option<String>,
    /// The events that are delivered; `["*"]` means all.
    pub events: Vec<EventName>,
    pub enabled: bool,
    /// Why the webhook is disabled, for example because five attempts failed.
    pub disabled_reason: Option<String>,
    pub disabled_at: Option<Time>,
    pub disable_on: DisableOn,
    /// The time of the last successful delivery.
    pub last_delivery_at: Option<Time>,
    /// The time of the first failed attempt since the last success.
    pub failing_since: Option<Time>,
    pub created_at: Time,
    pub updated_at: Time,
}

/// A webhook with its secret, as returned when it is created and when its secret is rotated.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookWithSecret)]
pub struct WebhookSecretView {
    #[serde(flatten)]
    pub webhook: WebhookView,
    /// The secret to verify signatures with: `whsec_` and base64.
    pub secret: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = WebhookSecret)]
pub struct SecretView {
    /// The secret to verify signatures with: `whsec_` and base64.
    pub secret: String,
    /// Earlier secrets that requests are still signed with.
    pub previous: Vec<PreviousSecretView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = WebhookPreviousSecret)]
pub struct PreviousSecretView {
    pub secret: String,
    pub valid_until: Time,
}

#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub struct DeliveryView {
    pub id: DeliveryId,
    pub webhook_id: WebhookId,
    /// The `webhook-id` of the request; the same for every attempt and replay.
    pub event_id: EventId,
    pub event: String,
    /// Why the delivery exists: the event itself, a replay or a test.
    pub origin: Origin,
    pub state: DeliveryState,
    pub attempt_count: i64,
    /// The time of the next attempt; `null` if the delivery is not pending.
    pub next_attempt_at: Option<Time>,
    /// The status of the last response; `null` if there was none.
    pub last_response_status: Option<i64>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When the delivery succeeded, failed or was cancelled.
    pub ended_at: Option<Time>,
    pub created_at: Time,
}

/// A delivery with its attempts and the body that was sent.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDeliveryDetail)]
pub struct DeliveryDetailView {
    #[serde(flatten)]
    pub delivery: DeliveryView,
    pub attempts: Vec<AttemptView>,
    /// The body of the request, byte for byte.
    pub request_body: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = WebhookAttempt)]
pub struct AttemptView {
    /// The number of the attempt, starting at 1.
    pub number: i64,
    pub started_at: Time,
    pub duration_ms: i64,
    /// `null` if there was no response.
    pub response_status: Option<i64>,
    /// The first 4 KiB of the response body.
    pub response_body_excerpt: Option<String>,
    /// Why the attempt failed; `null` if it succeeded.
    pub error: Option<String>,
}

/// The result of a replay.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookReplayed)]
pub struct ReplayedView {
    pub events: usize,
    /// If there were more events than one call replays: the `after` of the next call.
    pub next_after: Option<EventId>,
    /// The same as a time, for `since`; the next call may send a few events again. Prefer `next_after`.
    pub next_since: Option<Time>,
}

pub fn webhook(row: Webhook) -> WebhookView {
    WebhookView {
        id: row.id,
        url: row.url,
        description: row.description,
        events: row.events.into_known(),
        enabled: row.enabled,
        disabled_reason: row.disabled_reason,
        disabled_at: row.disabled_at,
        disable_on: row.disable_on,
        last_delivery_at: row.last_delivery_at,
        failing_since: row.failing_since,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

pub fn with_secret((row, secret): (Webhook, String)) -> WebhookSecretView {
    WebhookSecretView { webhook: webhook(row), secret }
}

pub fn secret(opened: Opened) -> SecretView {
    let view = |(secret, valid_until)| PreviousSecretView { secret, valid_until };
    SecretView { secret: opened.secret, previous: opened.previous.into_iter().map(view).collect() }
}

pub fn delivery(row: Delivery) -> DeliveryView {
    DeliveryView {
        next_attempt_at: (row.state == DeliveryState::Pending).then_some(row.due_at),
        id: row.id,
        webhook_id: row.webhook_id,
        event_id: row.event_id,
        event: row.event,
        origin: row.origin,
        state: row.state,
        attempt_count: row.attempts,
        last_response_status: row.last_status,
        last_error: row.last_error,
        ended_at: row.ended_at,
        created_at: row.created_at,
    }
}

pub fn delivery_detail(row: Delivery, attempts: Vec<Attempt>, event: &Event) -> DeliveryDetailView {
    DeliveryDetailView {
        delivery: delivery(row),
        attempts: attempts.into_iter().map(attempt).collect(),
        request_body: event.payload(),
    }
}

fn attempt(row: Attempt) -> AttemptView {
    AttemptView {
        number: row.number,
        started_at: row.started_at,
        duration_ms: row.duration_ms,
        response_status: row.status,
        response_body_excerpt: row.body_excerpt,
        error: row.error,
    }
}
