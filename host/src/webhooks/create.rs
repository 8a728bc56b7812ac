//! Creates an endpoint.

use crate::app::App;
use crate::auth::Caller;
use crate::model::bound::{Bound, LimitReached};
use crate::model::distinct::each_once;
use crate::model::invalid::{Invalid, check_optional};
use crate::model::webhook::{DisableOn, EventName, Webhook};
use crate::organizations;
use crate::webhooks::store::endpoints;
use crate::webhooks::{secret, sign, url};

pub const DESCRIPTION_MAX: usize = 200;

pub struct NewWebhook {
    pub url: String,
    /// `None` means all events.
    pub events: Option<Vec<EventName>>,
    pub description: Option<String>,
    pub disable_on: DisableOn,
}

#[derive(Debug, thiserror::Error)]
pub enum CreateWebhookError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error(transparent)]
    LimitReached(#[from] LimitReached),
    #[error("random bytes for a secret are not available")]
    Randomness(#[from] getrandom::Error),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Returns the endpoint and its secret.
pub async fn create(
    app: &App,
    caller: &Caller,
    new: NewWebhook,
) -> Result<(Webhook, String), CreateWebhookError> {
    let now = app.clock.now();
    let id = app.clock.new_id();
    let text = sign::generate_secret()?;
    let webhook = Webhook {
        id,
        url: url::check_url(&new.url)?,
        description: check_optional("description", new.description.as_deref(), DESCRIPTION_MAX)?,
        events: check_events(new.events.unwrap_or_else(|| vec![EventName::All]))?.into(),
        secret: secret::seal(&app.secrets, caller.org, id, &text).map_err(sqlx::Error::from)?,
        previous_secrets: Vec::new(),
        enabled: true,
        disabled_reason: None,
        disabled_at: None,
        disable_on: new.disable_on,
        failing_since: None,
        last_delivery_at: None,
        created_at: now,
        updated_at: now,
    };
    let mut tx = app.db.begin().await?;
    // Two concurrent requests must not exceed the maximum.
    organizations::store::lock(&mut tx, caller.org).await?;
    let current = endpoints::count(&mut tx, caller.org).await?;
    Bound::Webhooks.check(current, 1, app.config.bounds.webhooks_max)?;
    endpoints::insert(&mut tx, caller.org, &webhook).await?;
    tx.commit().await?;
    Ok((webhook, text))
}

/// Removes duplicates; `*` replaces all other names.
pub fn check_events(names: Vec<EventName>) -> Result<Vec<EventName>, Invalid> {
    if names.is_empty() {
        let message = "events must contain at least one event; use [\"*\"] for all events";
        return Err(Invalid::new("events", names, message));
    }
    if names.contains(&EventName::All) {
        return Ok(vec![EventName::All]);
    }
    Ok(each_once(names))
}
