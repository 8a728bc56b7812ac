//! The journal: what plugins were asked, and what they did.

use crate::db::{Db, Schema};

pub struct Journal {
    pub db: Db,
}

impl Journal {
    pub async fn open(db: &Db, url: &str) -> anyhow::Result<Journal> {
        let db = db.open_journal(url).await?;
        db.prepare(Schema::Migrate).await?;
        Ok(Journal { db })
    }
}
