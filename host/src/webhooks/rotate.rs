//! Replaces the secret of an endpoint.
//!
//! Invariant: until the overlap ends, requests carry the signatures of both secrets, so that a receiver can switch at
//! any time.

use chrono::TimeDelta;

use crate::app::App;
use crate::auth::Caller;
use crate::model::ids::WebhookId;
use crate::model::invalid::Invalid;
use crate::model::webhook::{PreviousSecret, Webhook};
use crate::webhooks::store::endpoints;
use crate::webhooks::{secret, sign};

pub const OVERLAP_HOURS_DEFAULT: i64 = 24;
pub const OVERLAP_HOURS_MAX: i64 = 168;

/// The maximum number of valid secrets, including the newest.
const SECRETS_MAX: usize = 5;

#[derive(Debug, thiserror::Error)]
pub enum RotateSecretError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("webhook not found")]
    NotFound,
    #[error(
        "{SECRETS_MAX} secrets of this webhook are already valid; rotate with overlap_hours 0 to end the earlier ones"
    )]
    TooMany,
    #[error("random bytes for a secret are not available")]
    Randomness(#[from] getrandom::Error),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Returns the endpoint and its new secret. The earlier secrets expire after the overlap or sooner; 0 ends them at
/// once.
pub async fn rotate(
    app: &App,
    caller: &Caller,
    id: WebhookId,
    overlap_hours: i64,
) -> Result<(Webhook, String), RotateSecretError> {
    if !(0..=OVERLAP_HOURS_MAX).contains(&overlap_hours) {
        let message = format!("overlap_hours must be from 0 to {OVERLAP_HOURS_MAX}");
        return Err(Invalid::new("overlap_hours", overlap_hours, message).into());
    }
    let now = app.clock.now();
    let end = now + TimeDelta::hours(overlap_hours);
    let mut tx = app.db.begin().await?;
    let found = endpoints::lock(&mut tx, caller.org, id).await?;
    let mut webhook = found.ok_or(RotateSecretError::NotFound)?;
    let text = sign::generate_secret()?;
    let sealed = secret::seal(&app.secrets, caller.org, id, &text).map_err(sqlx::Error::from)?;
    let secret = std::mem::replace(&mut webhook.secret, sealed);
    webhook.previous_secrets.insert(0, PreviousSecret { secret, valid_until: end });
    for old in &mut webhook.previous_secrets {
        old.valid_until = old.valid_until.min(end);
    }
    webhook.previous_secrets.retain(|old| old.valid_until > now);
    if webhook.previous_secrets.len() >= SECRETS_MAX {
        return Err(RotateSecretError::TooMany);
    }
    webhook.updated_at = now;
    endpoints::update(&mut tx, caller.org, &webhook).await?;
    tx.commit().await?;
    Ok((webhook, text))
}
