//! Seals and opens the secrets of endpoints.
//!
//! Invariant: a secret is bound to its organization and endpoint.

use crate::app::App;
use crate::db::refuse;
use crate::model::ids::{OrgId, WebhookId};
use crate::model::secret::{CannotOpen, StoredSecret};
use crate::model::time::Time;
use crate::model::webhook::{PreviousSecret, Webhook};
use crate::secrets::{SealError, Secrets};

/// The secrets of an endpoint as its receiver knows them.
pub struct Opened {
    pub secret: String,
    /// The rotated ones that are still valid, the newest first, each with its end.
    pub previous: Vec<(String, Time)>,
}

impl Opened {
    pub fn all(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.secret.as_str())
            .chain(self.previous.iter().map(|(old, _)| old.as_str()))
    }
}

pub fn seal(
    secrets: &Secrets,
    org: OrgId,
    id: WebhookId,
    text: &str,
) -> Result<StoredSecret, SealError> {
    secrets.seal(&place(org, id), text)
}

/// Opens the secrets that are valid at that moment. Fails if the newest does not open on this node; an earlier one
/// that does not is left out, so that a rotation is enough after a key was lost.
pub fn open(app: &App, org: OrgId, webhook: &Webhook, now: Time) -> Result<Opened, sqlx::Error> {
    let place = place(org, webhook.id);
    let secret = app.secrets.open(&place, &webhook.secret).map_err(refuse)?;
    let previous = webhook.previous_secrets.iter().filter(|old| old.valid_until > now);
    let previous = previous
        .filter_map(|old| Some((app.secrets.open(&place, &old.secret).ok()?, old.valid_until)));
    Ok(Opened { secret, previous: previous.collect() })
}

/// Whether the newest secret opens with these keys.
pub fn try_open(secrets: &Secrets, org: OrgId, webhook: &Webhook) -> Result<(), CannotOpen> {
    secrets.open(&place(org, webhook.id), &webhook.secret).map(drop)
}

/// Seals anew, with `to`, what `from` opens and is not stored so yet; returns `None` if that is nothing. What does not
/// open stays as it is.
pub fn reseal(
    from: &Secrets,
    to: &Secrets,
    org: OrgId,
    webhook: &Webhook,
) -> Result<Option<Webhook>, SealError> {
    let place = place(org, webhook.id);
    let mut is_changed = false;
    let mut again = |stored: &StoredSecret| match from.open(&place, stored) {
        Ok(text) if !to.is_current(stored) => {
            is_changed = true;
            to.seal(&place, &text)
        }
        _ => Ok(stored.clone()),
    };
    let secret = again(&webhook.secret)?;
    let previous = webhook.previous_secrets.iter();
    let previous = previous
        .map(|old| Ok(PreviousSecret { secret: again(&old.secret)?, valid_until: old.valid_until }))
        .collect::<Result<_, SealError>>()?;
    let resealed = Webhook { secret, previous_secrets: previous, ..webhook.clone() };
    Ok(is_changed.then_some(resealed))
}

fn place(org: OrgId, id: WebhookId) -> Vec<u8> {
    [b"webhook".as_slice(), org.0.as_bytes(), id.0.as_bytes()].concat()
}
