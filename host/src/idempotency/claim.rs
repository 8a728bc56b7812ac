//! Claims an Idempotency-Key for a request, or finds the response to the first request with it.
//!
//! Invariant: at most one request at a time holds the claim of a key.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use sha2::{Digest, Sha256};

use super::claimed::Claimed;
use super::refusal::Refusal;
use super::seal::Sealer;
use super::slot::{self, Claim};
use super::store::{self, Row};
use super::stored::{KEPT, LEASE};
use crate::app::App;
use crate::error::ApiError;
use crate::keys::store::KeyRow;
use crate::model::time::Time;

pub const KEY_HEADER: HeaderName = HeaderName::from_static("idempotency-key");

const LENGTH_MAX: usize = 255;

/// Limit on retries when the row changes concurrently.
const ATTEMPTS_MAX: usize = 5;

#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    #[error(
        "The header Idempotency-Key must have 1 to {LENGTH_MAX} printable ASCII characters and must be sent only once"
    )]
    Malformed { value: String },
    #[error(
        "This Idempotency-Key was already used for a different request of this method and path; use a new key"
    )]
    Reused,
    #[error(
        "The first request with this Idempotency-Key is still being processed; try again in a moment"
    )]
    InFlight,
    #[error(
        "The request with this Idempotency-Key was processed, but its response was lost, or erased with a customer's \
         data; read the resource to see the result"
    )]
    AnswerLost,
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// The state of a key for a repeated request.
enum Found {
    /// No other request holds the claim.
    Free,
    Answered,
    Wait,
    Lost,
    OtherRequest,
}

/// Claims the key that the header names. Does nothing without the header. `key` is the text of the API key.
pub async fn claim(parts: &Parts, app: &App, row: &KeyRow, key: &str) -> Result<(), Refusal> {
    let Some(slot) = slot::current() else { return Ok(()) };
    let name = read_header(&parts.headers).map_err(ApiError::from)?;
    let Some(unread) = slot.lock().unread.take() else { return Ok(()) };
    let request = Request::from_parts(parts.clone(), unread);
    let read = Bytes::from_request(request, &()).await;
    let fingerprint = match &read {
        Ok(body) => Some(fingerprint(parts, body)),
        // The handler rejects it with its own error before it changes anything.
        Err(_) => None,
    };
    slot.lock().read = Some(read);
    let Some(fingerprint) = fingerprint else { return Ok(()) };

    let address =
        digest(&[parts.method.as_str().as_bytes(), parts.uri.path().as_bytes(), name.as_bytes()]);
    let claimed =
        Claimed { org: row.org_id, key: row.key_id, address, claim_id: app.clock.new_id() };
    let sealer = Sealer::new(key, &claimed);
    let claim = Claim { claimed, sealer, clock: app.clock.clone(), is_committed: false };
    match claim_or_find(app, &claim.claimed, &fingerprint).await {
        Ok(None) => {
            slot.lock().claim = Some(claim);
            Ok(())
        }
        Ok(Some(row)) => {
            let claimed = Claimed { claim_id: row.claim_id, ..claim.claimed };
            let answer = row.answer(&Sealer::new(key, &claimed));
            let answer = answer.ok_or(ClaimError::AnswerLost).map_err(ApiError::from)?;
            Err(Refusal::Replay(answer.into()))
        }
        Err(error) => {
            // The claim may be stored although the write seemed to fail; the end of the request releases the key.
            if let ClaimError::Database(_) = &error {
                slot.lock().claim = Some(claim);
            }
            Err(ApiError::from(error).into())
        }
    }
}

/// Claims the key, or finds the stored response.
async fn claim_or_find(
    app: &App,
    claimed: &Claimed,
    fingerprint: &[u8],
) -> Result<Option<Row>, ClaimError> {
    let now = app.clock.now();
    let lease = (now + LEASE, app.node.id);
    for _ in 0..ATTEMPTS_MAX {
        let mut conn = app.db.single().await?;
        if store::insert(&mut conn, claimed, fingerprint, lease, now).await? {
            conn.commit().await?;
            return Ok(None);
        }
        // Released or expired since the insert.
        let Some(row) = store::get(&mut conn, claimed).await? else { continue };
        match classify(&row, fingerprint, now) {
            Found::Free => {}
            Found::Answered => return Ok(Some(row)),
            Found::Wait => return Err(ClaimError::InFlight),
            Found::Lost => return Err(ClaimError::AnswerLost),
            Found::OtherRequest => return Err(ClaimError::Reused),
        }
        let before = row.claim_id;
        if store::take_over(&mut conn, claimed, before, fingerprint, lease, now).await? {
            conn.commit().await?;
            return Ok(None);
        }
    }
    Err(ClaimError::InFlight)
}

/// Maps a stored row to its meaning for a repeated request.
fn classify(row: &Row, fingerprint: &[u8], now: Time) -> Found {
    if row.created_at + KEPT <= now {
        return Found::Free;
    }
    if row.fingerprint != fingerprint {
        return Found::OtherRequest;
    }
    let is_leased = row.lease_until > now;
    match (row.answered_at, row.committed_at) {
        (Some(_), _) => Found::Answered,
        (None, _) if is_leased => Found::Wait,
        (None, Some(_)) if row.status.is_some() => Found::Answered,
        (None, Some(_)) => Found::Lost,
        (None, None) => Found::Free,
    }
}

fn read_header(headers: &HeaderMap) -> Result<String, ClaimError> {
    let mut values = headers.get_all(&KEY_HEADER).into_iter();
    let value = values.next().map(|value| value.as_bytes()).unwrap_or_default();
    let is_printable = |byte: &u8| (b' '..=b'~').contains(byte);
    let is_good = !value.is_empty() && value.len() <= LENGTH_MAX && value.iter().all(is_printable);
    let text = String::from_utf8_lossy(value).into_owned();
    if is_good && values.next().is_none() {
        Ok(text)
    } else {
        Err(ClaimError::Malformed { value: text })
    }
}

fn fingerprint(parts: &Parts, body: &[u8]) -> Vec<u8> {
    let kind = parts.headers.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes());
    digest(&[parts.uri.query().unwrap_or_default().as_bytes(), kind.unwrap_or_default(), body])
}

/// Hashes the parts with their lengths, so that different lists of parts have different hashes.
fn digest(parts: &[&[u8]]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_vec()
}
