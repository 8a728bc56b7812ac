//! Switches an endpoint off because its receiver does not take anything.

use serde_json::json;

use crate::app::App;
use crate::db::Conn;
use crate::model::ids::OrgId;
use crate::model::time::Time;
use crate::model::webhook::Webhook;
use crate::webhooks::store::{self, deliveries, endpoints};

/// Inside the transaction of the attempt that was the last. What else waits for the endpoint is cancelled; the
/// organization's other endpoints are told.
pub async fn disable(
    app: &App,
    conn: &mut Conn,
    org: OrgId,
    webhook: Webhook,
    reason: String,
    now: Time,
) -> Result<(), sqlx::Error> {
    tracing::warn!(target: "repairops::webhook", webhook_id = %webhook.id, reason, "webhook disabled");
    let data = json!({
        "webhook_id": webhook.id,
        "url": webhook.url,
        "shop_id": null,
        "reason": reason,
        "failing_since": webhook.failing_since,
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
    store::enqueue(conn, org, app.clock.new_id(), "webhook.disabled", &data, now).await
}
