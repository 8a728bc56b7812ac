//! Counts the statements that an operation sends to the database, which measures its cost without a clock.

use repairops::db::Db;

/// Counts from its creation. BEGIN and COMMIT are not counted.
pub struct Statements {
    db: Db,
    before: u64,
}

impl Statements {
    pub fn counted(db: &Db) -> Statements {
        Statements { before: db.statements(), db: db.clone() }
    }

    pub fn so_far(&self) -> u64 {
        self.db.statements() - self.before
    }
}
