//! The heartbeat of a node on PostgreSQL, and the release of what dead nodes hold.
//!
//! Invariant: a heartbeat never waits behind requests: it has a connection of its own. A node that ends in order
//! leaves nothing to be judged.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::judge::Judge;
use super::{Node, store};
use crate::clock::Clock;
use crate::db::Db;
use crate::jobs;
use crate::model::ids::NodeId;

const BEAT_EVERY: Duration = Duration::from_millis(500);

/// A statement that takes longer is given up, and the next beat has a new connection.
const BEAT_TIMEOUT: Duration = Duration::from_secs(2);

/// A release waits for the rows that a transaction of the dead node may still hold.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

pub struct Heartbeat {
    db: Db,
    node: Node,
    clock: Clock,
    judge: Judge,
    beats: i64,
}

impl Heartbeat {
    /// `db` has connections of its own. Beats once, so that a node that serves is known.
    pub async fn start(db: Db, node: Node, clock: Clock) -> Result<Heartbeat, sqlx::Error> {
        let mut heartbeat = Heartbeat { db, node, clock, judge: Judge::new(), beats: 0 };
        heartbeat.round().await?;
        Ok(heartbeat)
    }

    /// Beats until `stop` is cancelled, which is when the node's work has ended; then its row and leases are released.
    pub async fn run_until(mut self, stop: CancellationToken) {
        let mut ticks = jobs::interval(BEAT_EVERY);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            // Each wait in it is bounded.
            if let Err(error) = self.round().await {
                tracing::warn!(?error, "a heartbeat failed");
            }
        }
        let left = release(&self.db, &self.clock, self.node.id, None);
        let left = tokio::time::timeout(RELEASE_TIMEOUT, left);
        if !matches!(left.await, Ok(Ok(_))) {
            tracing::warn!("this node could not sign off; the others see it within seconds");
        }
    }

    async fn round(&mut self) -> Result<(), sqlx::Error> {
        let mut conn = self.db.read().await?;
        let beat = store::beat(&mut conn, self.node.id, self.clock.now());
        let rows = match tokio::time::timeout(BEAT_TIMEOUT, beat).await {
            Ok(rows) => rows?,
            Err(_) => {
                conn.close_on_drop(); // it may be dead
                return Err(sqlx::Error::PoolTimedOut);
            }
        };
        drop(conn);
        // The row as it was before this beat; none before the first one.
        if self.beats > 0 && rows.iter().all(|(id, _)| *id != self.node.id) {
            tracing::warn!(
                "this node was taken for dead, since its heartbeats did not arrive; its leases went to other nodes"
            );
        }
        self.beats += 1;
        let others: Vec<_> = rows.into_iter().filter(|(id, _)| *id != self.node.id).collect();
        for (id, beat) in self.judge.observe(Instant::now(), &others) {
            // Beside the beats: a row that somebody has locked must not make this node look dead.
            tokio::spawn(bury(self.db.clone(), self.node.clone(), self.clock.clone(), id, beat));
        }
        Ok(())
    }
}

async fn bury(db: Db, node: Node, clock: Clock, id: NodeId, beat: i64) {
    let released = tokio::time::timeout(RELEASE_TIMEOUT, release(&db, &clock, id, Some(beat)));
    match released.await {
        Ok(Ok(true)) => {
            tracing::warn!(node = %id, "a node is dead; its leases are released");
            node.released.notify_one();
        }
        Ok(Ok(false)) => {}
        Ok(Err(error)) => {
            tracing::warn!(node = %id, ?error, "the leases of a dead node could not be released")
        }
        Err(_) => {
            tracing::warn!(node = %id, "the leases of a dead node could not be released in time")
        }
    }
}

/// Returns false if the node has beaten since, or another node was faster.
async fn release(
    db: &Db,
    clock: &Clock,
    id: NodeId,
    beat: Option<i64>,
) -> Result<bool, sqlx::Error> {
    let mut tx = db.begin().await?;
    if !store::remove(&mut tx, id, beat).await? {
        return Ok(false);
    }
    store::release(&mut tx, id, clock.now()).await?;
    tx.commit().await?;
    Ok(true)
}
