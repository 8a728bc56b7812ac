//! Seals the stored secrets of all endpoints with the newest key, or writes them in clear: after a key was given or
//! changed, and before a return to a version that knows no keys.
//!
//! Invariant: an endpoint is read and written in one transaction, so that no rotation is lost.

use tokio_util::sync::CancellationToken;

use crate::db::Db;
use crate::secrets::Secrets;
use crate::webhooks::secret;
use crate::webhooks::store::{endpoints, sealed};

/// What was found and done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Resealed {
    /// Endpoints whose secrets were written anew.
    pub changed: u64,
    /// Endpoints whose secret opens with no key of this node.
    pub not_opened: u64,
}

/// `from` opens, `to` seals. Ends early, between two endpoints, when `stop` is cancelled.
pub async fn reseal(
    db: &Db,
    from: &Secrets,
    to: &Secrets,
    stop: &CancellationToken,
) -> Result<Resealed, sqlx::Error> {
    let mut done = Resealed::default();
    let mut after = None;
    loop {
        let mut conn = db.read().await?;
        let page = sealed::page(&mut conn, after).await?;
        drop(conn);
        let Some(last) = page.last() else { return Ok(done) };
        after = Some((last.org_id, last.webhook.id));
        for row in page {
            if stop.is_cancelled() {
                return Ok(done);
            }
            let (org, id) = (row.org_id, row.webhook.id);
            if secret::reseal(from, to, org, &row.webhook)?.is_some() {
                let mut tx = db.begin().await?;
                let Some(webhook) = endpoints::lock(&mut tx, org, id).await? else { continue };
                let Some(again) = secret::reseal(from, to, org, &webhook)? else { continue };
                endpoints::update(&mut tx, org, &again).await?;
                tx.commit().await?;
                done.changed += 1;
            }
            let knows = |key_id: &str| from.knows(key_id);
            if row.webhook.secret.parts().is_some_and(|sealed| !knows(sealed.key_id)) {
                done.not_opened += 1;
            }
        }
    }
}

/// At the start of a node: seals what is not sealed with its newest key. A node without a key changes nothing.
pub async fn at_start(db: Db, secrets: Secrets, stop: CancellationToken) {
    let done = if secrets.has_key() {
        reseal(&db, &secrets, &secrets, &stop).await
    } else {
        count_unopened(&db, &secrets).await
    };
    match done {
        Ok(Resealed { changed: 0, not_opened: 0 }) => {}
        Ok(Resealed { changed, not_opened: 0 }) => {
            tracing::info!(changed, "sealed the stored secrets of webhooks with the newest key");
        }
        Ok(Resealed { changed, not_opened }) => tracing::error!(
            changed,
            not_opened,
            "the secrets of some webhooks were sealed with a key that this node does not have, so it cannot deliver \
             to them: give it that key in REPAIROPS_SECRET_KEY, after the newest and a comma, or rotate their secrets"
        ),
        Err(error) => {
            tracing::error!(
                ?error,
                "the stored secrets of webhooks could not be checked; the next start tries again"
            );
        }
    }
}

async fn count_unopened(db: &Db, secrets: &Secrets) -> Result<Resealed, sqlx::Error> {
    let mut conn = db.read().await?;
    let unknown = sealed::keys_in_use(&mut conn).await?;
    let unknown = unknown.iter().filter(|(key_id, _)| !secrets.knows(key_id));
    let count: i64 = unknown.map(|(_, count)| count).sum();
    Ok(Resealed { changed: 0, not_opened: u64::try_from(count).unwrap_or(0) })
}
