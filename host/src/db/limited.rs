//! Bounds how long this side waits for the database.
//!
//! Invariant: every wait for PostgreSQL goes through here; a connection that did not answer in time is closed.

use std::io;
use std::time::Duration;

/// How long a statement of a server may take. A statement that needs longer is a fault; a connection that does not
/// answer for so long is dead.
pub const STATEMENT_MAX: Duration = Duration::from_secs(15);

/// How long the check of an idle connection may take.
pub(super) const PING_MAX: Duration = Duration::from_secs(2);

/// Runs the future for `max`; without it, to its end.
pub async fn limited<T>(
    max: Option<Duration>,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let Some(max) = max else { return answer.await };
    tokio::time::timeout(max, answer).await.unwrap_or_else(|_| Err(late(max)))
}

/// An error of the connection, so that the request is a 503 and the connection is closed.
fn late(max: Duration) -> sqlx::Error {
    let message = format!("the database did not answer within {} s", max.as_secs());
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, message))
}
