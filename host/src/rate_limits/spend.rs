//! Finds a key and counts one request in its window.

use std::sync::PoisonError;

use super::rates::{self, Rates};
use super::{Counted, Counter, RateLimits, Spent, store};
use crate::db::{Db, Fault};
use crate::keys::KeyHash;
use crate::keys::store::{KeyRow, find_by_hash};
use crate::model::people::Scope;
use crate::model::time::Time;

/// A key and the state of its window; `None` if limits are off or the key is not valid any more.
pub struct Found {
    pub key: KeyRow,
    pub spent: Option<Spent>,
}

impl RateLimits {
    /// The state of a window that is known to be used up, without a query.
    pub fn refused(&self, hash: &KeyHash, class: Scope, now: Time) -> Option<Spent> {
        self.rates.and_then(|_| self.spent_out.find(hash, class, now))
    }

    pub async fn find_and_spend(
        &self,
        db: &Db,
        hash: &KeyHash,
        class: Scope,
        now: Time,
    ) -> Result<Option<Found>, sqlx::Error> {
        let found = match (self.rates, &self.quick) {
            (Some(rates), Some(quick)) => {
                match in_database(quick, rates, hash, class, now).await {
                    // Reads continue while the database is read-only; this node counts meanwhile.
                    Err(error) if Fault::of(&error).concerns_writes() => {
                        self.in_memory(quick, Some(rates), hash, class, now).await?
                    }
                    found => found?,
                }
            }
            (rates, _) => self.in_memory(db, rates, hash, class, now).await?,
        };
        if let Some(spent) = found.as_ref().and_then(|found| found.spent)
            && !spent.is_allowed()
        {
            self.spent_out.remember(*hash, spent);
        }
        Ok(found)
    }

    async fn in_memory(
        &self,
        db: &Db,
        rates: Option<Rates>,
        hash: &KeyHash,
        class: Scope,
        now: Time,
    ) -> Result<Option<Found>, sqlx::Error> {
        let mut conn = db.read().await?;
        let Some(key) = find_by_hash(&mut conn, hash).await? else { return Ok(None) };
        if !key.works(now) {
            return Ok(Some(Found { key, spent: None }));
        }
        let counted = (key.org_id, key.key_id, class);
        let mut stored = None;
        if rates.is_some() && !self.knows(&counted) {
            stored = store::window(&mut conn, counted).await?;
        }
        drop(conn);
        let counter = self.count(counted, stored, now);
        let spent = rates.map(|rates| Spent {
            class,
            limit: rates.of(class),
            used: counter.used,
            window_start: counter.window_start,
        });
        Ok(Some(Found { key, spent }))
    }

    fn knows(&self, counted: &Counted) -> bool {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).contains_key(counted)
    }

    /// `stored` is the database's count, if this node has none for the window yet.
    fn count(&self, counted: Counted, stored: Option<(Time, i64)>, now: Time) -> Counter {
        let start = rates::window_start(now);
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = counters.entry(counted).or_insert_with(|| {
            let (window_start, used) = stored.unwrap_or((start, 0));
            Counter { window_start, used, last_used_at: now, is_new: true }
        });
        if counter.window_start < start {
            counter.window_start = start;
            counter.used = 0;
        }
        counter.used += 1;
        counter.last_used_at = counter.last_used_at.max(now);
        counter.is_new = true;
        *counter
    }
}

async fn in_database(
    quick: &Db,
    rates: Rates,
    hash: &KeyHash,
    class: Scope,
    now: Time,
) -> Result<Option<Found>, sqlx::Error> {
    let mut conn = quick.read().await?;
    let row = store::find_and_spend(&mut conn, hash, class, rates::window_start(now), now).await?;
    Ok(row.map(|row| {
        let spent = row.window_start.zip(row.used).map(|(window_start, used)| Spent {
            class,
            limit: rates.of(class),
            used,
            window_start,
        });
        Found { key: row.key, spent }
    }))
}
