//! Webhook endpoints, deliveries and attempts; the schedule of retries.

use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::FromRow;

use super::ids::{DeliveryId, EventId, WebhookId};
use super::known::KnownList;
use super::secret::StoredSecret;
use super::time::Time;

/// Attempts before a delivery fails and its endpoint is disabled.
pub const ATTEMPTS_MAX: i64 = 5;

/// The delays after the first, second, third and fourth attempt.
const RETRY_DELAYS: [Duration; 4] = [
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(24 * 60 * 60),
];

/// When to retry after attempt `number` (from 1); `None` after the last one.
pub fn next_attempt_at(number: i64, started_at: Time) -> Option<Time> {
    let index = usize::try_from(number - 1).ok()?;
    let delay = TimeDelta::from_std(*RETRY_DELAYS.get(index)?).ok()?;
    started_at.checked_add_signed(delay).map(Time::from)
}

/// The event names of a subscription; `*` means all, including those of later versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = WebhookEventName)]
pub enum EventName {
    #[serde(rename = "*")]
    All,
    #[serde(rename = "ticket.created")]
    TicketCreated,
    #[serde(rename = "ticket.transitioned")]
    TicketTransitioned,
    #[serde(rename = "ticket.updated")]
    TicketUpdated,
    #[serde(rename = "payment.processed")]
    PaymentProcessed,
    #[serde(rename = "customer.created")]
    CustomerCreated,
    #[serde(rename = "customer.updated")]
    CustomerUpdated,
    #[serde(rename = "customer.merged")]
    CustomerMerged,
    #[serde(rename = "customer.erased")]
    CustomerErased,
    #[serde(rename = "inventory.updated")]
    InventoryUpdated,
    #[serde(rename = "plugin.installed")]
    PluginInstalled,
    #[serde(rename = "plugin.updated")]
    PluginUpdated,
    #[serde(rename = "plugin.upgraded")]
    PluginUpgraded,
    #[serde(rename = "plugin.rolled_back")]
    PluginRolledBack,
    #[serde(rename = "plugin.uninstalled")]
    PluginUninstalled,
    #[serde(rename = "plugin.failed")]
    PluginFailed,
    #[serde(rename = "webhook.disabled")]
    WebhookDisabled,
}

impl EventName {
    pub fn as_str(self) -> &'static str {
        match self {
            EventName::All => "*",
            EventName::TicketCreated => "ticket.created",
            EventName::TicketTransitioned => "ticket.transitioned",
            EventName::TicketUpdated => "ticket.updated",
            EventName::PaymentProcessed => "payment.processed",
            EventName::CustomerCreated => "customer.created",
            EventName::CustomerUpdated => "customer.updated",
            EventName::CustomerMerged => "customer.merged",
            EventName::CustomerErased => "customer.erased",
            EventName::InventoryUpdated => "inventory.updated",
            EventName::PluginInstalled => "plugin.installed",
            EventName::PluginUpdated => "plugin.updated",
            EventName::PluginUpgraded => "plugin.upgraded",
            EventName::PluginRolledBack => "plugin.rolled_back",
            EventName::PluginUninstalled => "plugin.uninstalled",
            EventName::PluginFailed => "plugin.failed",
            EventName::WebhookDisabled => "webhook.disabled",
        }
    }
}

/// An endpoint of an organization.
#[derive(Clone, Debug, FromRow)]
pub struct Webhook {
    pub id: WebhookId,
    pub url: String,
    pub description: Option<String>,
    #[sqlx(json)]
    pub events: KnownList<EventName>,
    /// Signs every request, opened.
    pub secret: StoredSecret,
    #[sqlx(json)]
    pub previous_secrets: Vec<PreviousSecret>,
    pub enabled: bool,
    pub disabled_reason: Option<String>,
    pub disabled_at: Option<Time>,
    pub disable_on: DisableOn,
    /// The first failure since the last success.
    pub failing_since: Option<Time>,
    pub last_delivery_at: Option<Time>,
    pub created_at: Time,
    pub updated_at: Time,
}

/// A rotated secret, and until when requests are also signed with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreviousSecret {
    pub secret: StoredSecret,
    pub valid_until: Time,
}

/// What disables an endpoint.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schema(as = WebhookDisableOn)]
pub enum DisableOn {
    /// A delivery whose five attempts failed.
    #[default]
    FailedDelivery,
    /// The same, if no other delivery succeeded since it began: one event that a receiver cannot take disables nothing.
    SustainedFailure,
}

/// How an endpoint has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Standing {
    /// Its last attempt succeeded.
    Proven,
    /// It has had no attempt yet.
    New,
    /// Its last attempt failed.
    Failing,
}

impl Webhook {
    pub fn standing(&self) -> Standing {
        match (self.failing_since, self.last_delivery_at) {
            (Some(_), _) => Standing::Failing,
            (None, Some(_)) => Standing::Proven,
            (None, None) => Standing::New,
        }
    }

    pub fn wants(&self, event: &str) -> bool {
        self.events.iter().any(|name| *name == EventName::All || name.as_str() == event)
    }
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[schema(as = DeliveryState)]
pub enum DeliveryState {
    /// To be sent at `next_attempt_at`.
    Pending,
    /// The receiver answered with 2xx.
    Delivered,
    /// All attempts failed; the delivery is not retried.
    Failed,
    /// The webhook was disabled before the delivery was sent.
    Cancelled,
}

impl DeliveryState {
    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Pending => "pending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Failed => "failed",
            DeliveryState::Cancelled => "cancelled",
        }
    }
}

/// Why a delivery exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[schema(as = DeliveryOrigin)]
pub enum Origin {
    /// The event itself.
    Event,
    /// A replay that a client requested.
    Replay,
    /// A test of the webhook.
    Test,
}

impl Origin {
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Event => "event",
            Origin::Replay => "replay",
            Origin::Test => "test",
        }
    }
}

/// The delivery of one event to one endpoint.
#[derive(Clone, Debug, FromRow)]
pub struct Delivery {
    pub id: DeliveryId,
    pub webhook_id: WebhookId,
    pub event_id: EventId,
    pub event: String,
    pub origin: Origin,
    pub state: DeliveryState,
    pub attempts: i64,
    pub due_at: Time,
    pub last_status: Option<i64>,
    pub last_error: Option<String>,
    pub ended_at: Option<Time>,
    pub created_at: Time,
}

/// One request and its outcome.
#[derive(Clone, Debug, FromRow)]
pub struct Attempt {
    pub number: i64,
    pub started_at: Time,
    pub duration_ms: i64,
    /// The status of the response, if any.
    pub status: Option<i64>,
    /// The beginning of the response's body.
    pub body_excerpt: Option<String>,
    /// Why the attempt failed; `None` if the receiver accepted it.
    pub error: Option<String>,
}

/// An event as it is sent.
#[derive(Clone, Debug, FromRow)]
pub struct Event {
    pub id: EventId,
    pub event: String,
    #[sqlx(json)]
    pub data: Value,
    pub created_at: Time,
}

impl Event {
    /// The payload of the API reference. The same text at every attempt, on every node.
    pub fn payload(&self) -> String {
        json!({ "event": self.event, "timestamp": self.created_at, "data": self.data }).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_attempts_take_26_hours_and_35_minutes() {
        let first = crate::model::time::parse("2026-02-21T10:00:00Z").unwrap();
        let (mut at, mut attempts) = (first, 1);
        while let Some(next) = next_attempt_at(attempts, at) {
            (at, attempts) = (next, attempts + 1);
        }
        assert_eq!(attempts, ATTEMPTS_MAX);
        assert_eq!((at - first).num_minutes(), 26 * 60 + 35);
    }

    #[test]
    fn every_name_is_the_one_that_serde_has() {
        for name in [EventName::All, EventName::PaymentProcessed, EventName::WebhookDisabled] {
            assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
        }
    }
}
