//! Copies SQLite's write-ahead log into the database file while the server works.
//!
//! Invariant: no commit waits for a copy. SQLite's own copy runs inside the commit that makes the log long, which with a
//! large upload before it holds all writes up for a second.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Db;
use crate::jobs;

const EVERY: Duration = Duration::from_secs(1);

impl Db {
    /// Until `stop` is cancelled. On PostgreSQL there is nothing to do.
    pub async fn checkpoint_until(self, stop: CancellationToken) {
        if matches!(self, Db::Sqlite { .. }) {
            jobs::every(EVERY, stop, || self.checkpoint()).await;
        }
    }

    /// One copy of what no reader needs any more. It waits for nobody, and nobody waits for it.
    async fn checkpoint(&self) {
        let Db::Sqlite { checkpointer, .. } = self else { return };
        if let Err(error) =
            sqlx::query("pragma wal_checkpoint(passive)").execute(checkpointer).await
        {
            tracing::warn!(%error, "the write-ahead log could not be copied; SQLite does it later");
        }
    }
}
