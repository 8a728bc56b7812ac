//! Ends a claim when its request is over: stores the response, or releases the key if there is none.
//!
//! Invariant: a transient database failure does not leave a key claimed until its lease expires. A failed write is
//! retried after the response has been sent, until the lease expires.

use std::time::Duration;

use super::slot::Claim;
use super::store;
use super::stored::{Answer, LEASE};
use crate::app::App;
use crate::db::Fault;
use crate::request_id;

/// Attempts before the response is sent. Each uses another connection; a failed one is closed.
const ATTEMPTS_AT_ONCE: usize = 3;

const DELAY_MIN: Duration = Duration::from_millis(100);
const DELAY_MAX: Duration = Duration::from_secs(2);

/// `answer` is `None` if nothing was decided, so that the client may retry.
pub(super) async fn settle(app: &App, claim: Claim, answer: Option<Answer>) {
    let mut last = None;
    for _ in 0..ATTEMPTS_AT_ONCE {
        match write(app, &claim, answer.as_ref()).await {
            Ok(()) => return,
            Err(error) if Fault::of(&error) == Fault::Internal => return report(&error),
            Err(error) => last = Some(error),
        }
    }
    if let Some(error) = last {
        let id = request_id::current();
        tracing::warn!(request_id = %id, ?error, "the outcome of an Idempotency-Key is stored later");
    }
    let work = retry(app.clone(), claim, answer);
    tokio::spawn(request_id::scope(request_id::current(), work));
}

/// Retries until it is written or the lease has expired.
async fn retry(app: App, claim: Claim, answer: Option<Answer>) {
    let ends_at = app.clock.now() + LEASE;
    let mut delay = DELAY_MIN;
    loop {
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(DELAY_MAX);
        match write(&app, &claim, answer.as_ref()).await {
            Ok(()) => return,
            Err(error) if app.clock.now() >= ends_at => return report(&error),
            Err(error) if Fault::of(&error) == Fault::Internal => return report(&error),
            Err(_) => {}
        }
    }
}

fn report(error: &sqlx::Error) {
    let id = request_id::current();
    tracing::error!(request_id = %id, ?error, "the outcome of an Idempotency-Key could not be stored");
}

async fn write(app: &App, claim: &Claim, answer: Option<&Answer>) -> Result<(), sqlx::Error> {
    let now = app.clock.now();
    let mut conn = app.db.single().await?;
    match answer {
        Some(answer) => {
            let sealed = answer.sealed(&claim.sealer, "answer")?;
            store::put_answer(&mut conn, &claim.claimed, &sealed, now).await?;
        }
        // A commit that seemed to fail may have marked the claim.
        None if claim.is_committed || !store::release(&mut conn, &claim.claimed).await? => {
            store::end_lease(&mut conn, &claim.claimed, now).await?;
        }
        None => {}
    }
    conn.commit().await
}
