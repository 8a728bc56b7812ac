//! All SQL of idempotency_keys.
//!
//! Invariant: only the request that holds the claim, named by `claim_id`, writes the row.

use sqlx::FromRow;
use sqlx::types::Json;

use super::claimed::Claimed;
use super::seal::Sealer;
use super::stored::{Answer, KEPT, Sealed};
use crate::db::Conn;
use crate::model::ids::{ClaimId, NodeId};
use crate::model::time::Time;
use crate::{execute, fetch_optional};

#[derive(Clone, Debug, FromRow)]
pub(super) struct Row {
    pub fingerprint: Vec<u8>,
    pub claim_id: ClaimId,
    pub lease_until: Time,
    pub committed_at: Option<Time>,
    pub answered_at: Option<Time>,
    pub status: Option<i64>,
    pub headers: Option<Json<Vec<(String, String)>>>,
    pub body: Option<Vec<u8>>,
    pub created_at: Time,
}

impl Row {
    /// The stored response, or the one stored at the commit.
    pub(super) fn answer(self, sealer: &Sealer) -> Option<Answer> {
        let purpose = if self.answered_at.is_some() { "answer" } else { "noted" };
        Some(Answer {
            status: u16::try_from(self.status?).ok()?,
            headers: self.headers?.0,
            body: sealer.open(purpose, &self.body?)?,
        })
    }
}

/// Returns false if the row exists.
pub(super) async fn insert(
    conn: &mut Conn,
    claimed: &Claimed,
    fingerprint: &[u8],
    (lease_until, node): (Time, NodeId),
    now: Time,
) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "insert into idempotency_keys
             (org_id, key_id, address, fingerprint, claim_id, lease_until, created_at, lease_node)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (org_id, key_id, address) do nothing",
        claimed.org,
        claimed.key,
        claimed.address.as_slice(),
        fingerprint,
        claimed.claim_id,
        lease_until,
        now,
        node
    )?;
    Ok(rows == 1)
}

pub(super) async fn get(conn: &mut Conn, claimed: &Claimed) -> Result<Option<Row>, sqlx::Error> {
    fetch_optional!(
        conn,
        Row,
        "select fingerprint, claim_id, lease_until, committed_at, answered_at, status, headers, body, created_at
         from idempotency_keys where org_id = $1 and key_id = $2 and address = $3",
        claimed.org,
        claimed.key,
        claimed.address.as_slice()
    )
}

/// Takes over a claim whose lease or row has expired. Returns false if neither has, or another request was faster.
pub(super) async fn take_over(
    conn: &mut Conn,
    claimed: &Claimed,
    before: ClaimId,
    fingerprint: &[u8],
    (lease_until, node): (Time, NodeId),
    now: Time,
) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "update idempotency_keys set claim_id = $4, fingerprint = $6, lease_until = $7, created_at = $8,
                lease_node = $10, committed_at = null, answered_at = null, status = null, headers = null, body = null
         where org_id = $1 and key_id = $2 and address = $3 and claim_id = $5
               and (committed_at is null and answered_at is null or created_at <= $9)",
        claimed.org,
        claimed.key,
        claimed.address.as_slice(),
        claimed.claim_id,
        before,
        fingerprint,
        lease_until,
        now,
        now - KEPT,
        node
    )?;
    Ok(rows == 1)
}

/// Runs in the transaction of the request. Returns false if another request has taken the claim over.
pub(super) async fn mark(
    conn: &mut Conn,
    claimed: &Claimed,
    noted: Option<&Sealed>,
    now: Time,
) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "update idempotency_keys set committed_at = $5, status = $6, headers = $7, body = $8
         where org_id = $1 and key_id = $2 and address = $3 and claim_id = $4 and committed_at is null",
        claimed.org,
        claimed.key,
        claimed.address.as_slice(),
        claimed.claim_id,
        now,
        noted.map(|answer| answer.status),
        noted.map(|answer| Json(&answer.headers)),
        noted.map(|answer| answer.body.as_slice())
    )?;
    Ok(rows == 1)
}

pub(super) async fn put_answer(
    conn: &mut Conn,
    claimed: &Claimed,
    answer: &Sealed,
    now: Time,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update idempotency_keys set answered_at = $5, status = $6, headers = $7, body = $8
         where org_id = $1 and key_id = $2 and address = $3 and claim_id = $4",
        claimed.org,
        claimed.key,
        claimed.address.as_slice(),
        claimed.claim_id,
        now,
        answer.status,
        Json(&answer.headers),
        answer.body.as_slice()
    )?;
    Ok(())
}

/// Releases the key. Returns false if the request committed, or another request holds the claim.
pub(super) async fn release(conn: &mut Conn, claimed: &Claimed) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "delete from idempotency_keys
         where org_id = $1 and key_id = $2 and address = $3 and claim_id = $4 and committed_at is null",
        claimed.org,
        claimed.key,
        claimed.address.as_slice(),
        claimed.claim_id
    )?;
    Ok(rows == 1)
}

/// Ends the lease without a response to store, so that repeats do not wait.
pub(super) async fn end_lease(
    conn: &mut Conn,
    claimed: &Claimed,
    now: Time,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update idempotency_keys set lease_until = $5
         where org_id = $1 and key_id = $2 and address = $3 and claim_id = $4",
        claimed.org,
        claimed.key,
        claimed.address.as_slice(),
        claimed.claim_id,
        now
    )?;
    Ok(())
}

/// Deletes at most `limit` rows older than `before`, of all organizations. Returns how many.
pub async fn delete_before(conn: &mut Conn, before: Time, limit: i64) -> Result<u64, sqlx::Error> {
    execute!(
        conn,
        "delete from idempotency_keys where (org_id, key_id, address) in (
             select org_id, key_id, address from idempotency_keys where created_at <= $1
             order by created_at limit $2)",
        before,
        limit
    )
}
