//! Changes, disables or enables an endpoint.

use crate::app::App;
use crate::auth::Caller;
use crate::error::OperationError;
use crate::model::ids::WebhookId;
use crate::model::invalid::check_optional;
use crate::model::webhook::{DisableOn, EventName, Webhook};
use crate::webhooks::create::{DESCRIPTION_MAX, check_events};
use crate::webhooks::store::{deliveries, endpoints};
use crate::webhooks::url;

/// The new values; `None` keeps a field.
#[derive(Debug, Default)]
pub struct WebhookChange {
    pub url: Option<String>,
    pub events: Option<Vec<EventName>>,
    pub description: Option<Option<String>>,
    pub enabled: Option<bool>,
    pub disable_on: Option<DisableOn>,
}

pub async fn update(
    app: &App,
    caller: &Caller,
    id: WebhookId,
    change: WebhookChange,
) -> Result<Webhook, OperationError> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let found = endpoints::lock(&mut tx, caller.org, id).await?;
    let mut webhook = found.ok_or(OperationError::NotFound("Webhook"))?;
    if let Some(text) = change.url {
        webhook.url = url::check_url(&text)?;
    }
    if let Some(names) = change.events {
        webhook.events = check_events(names)?.into();
    }
    if let Some(text) = change.description {
        webhook.description = check_optional("description", text.as_deref(), DESCRIPTION_MAX)?;
    }
    webhook.disable_on = change.disable_on.unwrap_or(webhook.disable_on);
    match change.enabled {
        Some(true) if !webhook.enabled => {
            webhook.enabled = true;
            webhook.disabled_reason = None;
            webhook.disabled_at = None;
            webhook.failing_since = None;
        }
        Some(false) if webhook.enabled => {
            webhook.enabled = false;
            webhook.disabled_reason = Some(format!("switched off by {}", caller.actor.name));
            webhook.disabled_at = Some(now);
            deliveries::cancel_pending(&mut tx, caller.org, id, now).await?;
        }
        _ => {}
    }
    webhook.updated_at = now;
    endpoints::update(&mut tx, caller.org, &webhook).await?;
    tx.commit().await?;
    Ok(webhook)
}
