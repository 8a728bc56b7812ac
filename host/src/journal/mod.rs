//! The journal: what plugins were asked, what they did, and why. `record`, `recorder` and `queue` take the runs of
//! requests; `write` stores them in batches; `http` shows them.
//!
//! Invariant: no request waits for the journal's database, unless its refusal has no room in the queue.

pub mod body;
pub mod http;
pub mod prune;
pub mod queue;
pub mod record;
pub mod recorder;
pub mod store;
pub mod views;
pub mod write;

use crate::db::{Db, Schema};

use queue::Queue;

pub struct Journal {
    /// On SQLite a file of its own.
    pub db: Db,
    pub queue: Queue,
    /// Off if the configuration keeps no inputs.
    pub is_on: bool,
}

impl Journal {
    pub async fn open(db: &Db, url: &str, is_on: bool) -> anyhow::Result<Journal> {
        let db = db.open_journal(url).await?;
        db.prepare(Schema::Migrate).await?;
        Ok(Journal { db, queue: Queue::default(), is_on })
    }
}
