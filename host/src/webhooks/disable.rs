//! Disables an endpoint whose receiver keeps failing.
//!
//! Invariant: the endpoint, its cancelled deliveries and the event `webhook.disabled` commit together.

use crate::app::App;
use crate::db::Conn;
use crate::model::ids::OrgId;
use crate::model::outbox::{OutboxEvent, WebhookDisabled};
use crate::model::time::Time;
use crate::model::webhook::Webhook;
use crate::webhooks::store::{self, deliveries, endpoints};

/// Runs inside the transaction of the last attempt. Cancels the endpoint's pending deliveries and writes an event for
/// the organization's other endpoints.
pub async fn disable(
    app: &App,
    conn: &mut Conn,
    org: OrgId,
    webhook: Webhook,
    reason: String,
    now: Time,
) -> Result<(), sqlx::Error> {
    tracing::warn!(target: "repairops::webhook", %org, webhook_id = %webhook.id, reason, "webhook disabled");
    let event = OutboxEvent::WebhookDisabled(WebhookDisabled {
        webhook_id: webhook.id,
        url: webhook.url.clone(),
        shop_id: None,
        reason: reason.clone(),
        failing_since: webhook.failing_since,
    });
    let disabled = Webhook {
        enabled: false,
        disabled_reason: Some(reason),
        disabled_at: Some(now),
        updated_at: now,
        ..webhook
    };
    endpoints::update(conn, org, &disabled).await?;
    deliveries::cancel_pending(conn, org, disabled.id, now).await?;
    store::enqueue(conn, org, app.clock.new_id(), &event, now).await
}
