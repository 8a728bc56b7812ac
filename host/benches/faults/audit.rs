//! Compares what clients were told with what the database has.

use std::collections::{HashMap, HashSet};

use sqlx::Row;

use super::ledger::{Ledger, What, Write};
use crate::live::postgres::query;

#[derive(Default)]
pub struct Audit {
    /// Acknowledged writes that are not there.
    pub missing: Vec<String>,
    /// Writes that are there twice, acknowledged or not.
    pub doubled: Vec<String>,
}

/// All of what was written, by ticket.
struct Database {
    /// The token and the version.
    tickets: HashMap<String, (String, i64)>,
    parts: HashMap<String, i64>,
    /// By ticket and status.
    moves: HashMap<String, i64>,
    held: HashMap<String, i64>,
    payments: HashMap<String, i64>,
}

pub async fn audit(url: &str, ledger: &Ledger) -> anyhow::Result<Audit> {
    let database = Database::read(url).await?;
    let mut audit = Audit::default();
    for write in &ledger.acknowledged {
        if let Some(problem) = database.lacks(write) {
            let Write { ticket, token, what, .. } = write;
            audit.missing.push(format!("{what:?} of {token:?} ({ticket}): {problem}"));
        }
    }
    let mut tokens = HashSet::new();
    for (ticket, (token, _)) in &database.tickets {
        if !tokens.insert(token) {
            audit.doubled.push(format!("a ticket {ticket} of {token:?}"));
        }
    }
    for (what, counts) in [
        ("parts", &database.parts),
        ("a transition", &database.moves),
        ("reserved stock", &database.held),
        ("a payment", &database.payments),
    ] {
        for (ticket, count) in counts.iter().filter(|(_, count)| **count > 1) {
            audit.doubled.push(format!("{what} of {ticket}: {count}"));
        }
    }
    Ok(audit)
}

impl Database {
    async fn read(url: &str) -> anyhow::Result<Database> {
        let mut tickets = HashMap::new();
        let sql = "select id::text, device_identifier, version from tickets";
        for row in query(url, sql).await? {
            tickets.insert(row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?));
        }
        let parts = "select ticket_id::text, sum(quantity)::bigint from ticket_parts group by 1";
        let moves = "select ticket_id::text || ' ' || status, count(*) from ticket_events
                     where kind = 'transitioned' group by 1";
        let held = "select ticket_id::text, sum(quantity)::bigint from reservations
                    where state = 'held' group by 1";
        let payments = "select ticket_id::text, count(*) from payments group by 1";
        Ok(Database {
            tickets,
            parts: counts(url, parts).await?,
            moves: counts(url, moves).await?,
            held: counts(url, held).await?,
            payments: counts(url, payments).await?,
        })
    }

    /// What is wrong with an acknowledged write, if anything.
    fn lacks(&self, write: &Write) -> Option<String> {
        let Some((token, version)) = self.tickets.get(&write.ticket) else {
            return Some("no such ticket".to_owned());
        };
        if *token != write.token {
            return Some(format!("it is the ticket of {token:?}"));
        }
        if *version < write.version {
            return Some(format!("its version is {version}, {} was shown", write.version));
        }
        let count =
            |counts: &HashMap<String, i64>, key: &str| counts.get(key).copied().unwrap_or(0);
        let moved = |status: &str| count(&self.moves, &format!("{} {status}", write.ticket));
        let is_there = match write.what {
            What::Created => true,
            What::Parts => count(&self.parts, &write.ticket) > 0,
            // Approval reserves the part.
            What::Moved("APPROVED") => {
                moved("APPROVED") > 0 && count(&self.held, &write.ticket) > 0
            }
            What::Moved(status) => moved(status) > 0,
            What::Paid => count(&self.payments, &write.ticket) > 0,
        };
        (!is_there).then(|| "not there".to_owned())
    }
}

async fn counts(url: &str, sql: &str) -> anyhow::Result<HashMap<String, i64>> {
    let mut counts = HashMap::new();
    for row in query(url, sql).await? {
        counts.insert(row.try_get(0)?, row.try_get(1)?);
    }
    Ok(counts)
}
