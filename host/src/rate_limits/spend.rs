//! Finds a key and counts one request in its window and in its organization's.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::PoisonError;

use super::rates::{self, Budget, Class, Rates};
use super::{Counted, CountedOrg, Counter, RateLimits, Spent, store};
use crate::db::{Db, Fault};
use crate::keys::KeyHash;
use crate::keys::store::{KeyRow, find_by_hash};
use crate::model::time::Time;

/// A key and the state of the narrower of its windows; `None` if limits are off or the key is not valid any more.
pub struct Found {
    pub key: KeyRow,
    pub spent: Option<Spent>,
}

impl RateLimits {
    /// The state of a window that is known to be used up, without a query.
    pub fn refused(&self, hash: &KeyHash, class: Class, now: Time) -> Option<Spent> {
        self.rates.and_then(|_| self.spent_out.find(hash, class, now))
    }

    pub async fn find_and_spend(
        &self,
        db: &Db,
        hash: &KeyHash,
        class: Class,
        now: Time,
    ) -> Result<Option<Found>, sqlx::Error> {
        let found = match (self.rates, &self.quick) {
            (Some(rates), Some(quick)) => {
                match self.in_database(quick, rates, hash, class, now).await {
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
        class: Class,
        now: Time,
    ) -> Result<Option<Found>, sqlx::Error> {
        let mut conn = db.read().await?;
        let Some(key) = find_by_hash(&mut conn, hash).await? else { return Ok(None) };
        if !key.works(now) {
            return Ok(Some(Found { key, spent: None }));
        }
        let counted = (key.org_id, key.key_id, class);
        let counted_org = (key.org_id, class);
        let (mut stored, mut stored_org) = (None, None);
        if rates.is_some() {
            let (knows_key, knows_org) = self.knows(&counted, &counted_org);
            if !knows_key {
                stored = store::window(&mut conn, counted).await?;
            }
            if self.organization_rates.is_some() && !knows_org {
                stored_org = store::organization_window(&mut conn, counted_org).await?;
            }
        }
        drop(conn);
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = count(&mut counters.keys, counted, stored, now);
        let spent = rates.map(|rates| {
            let spent = counter.spent(Budget::Key, class, rates);
            let of_organization = self.organization_rates.filter(|_| spent.is_allowed());
            let organization = of_organization.map(|rates| {
                count(&mut counters.organizations, counted_org, stored_org, now).spent(
                    Budget::Organization,
                    class,
                    rates,
                )
            });
            Spent::narrower(spent, organization)
        });
        Ok(Some(Found { key, spent }))
    }

    async fn in_database(
        &self,
        quick: &Db,
        rates: Rates,
        hash: &KeyHash,
        class: Class,
        now: Time,
    ) -> Result<Option<Found>, sqlx::Error> {
        let mut conn = quick.read().await?;
        let limit = rates.of(class);
        let counts_org = self.organization_rates.is_some();
        let start = rates::window_start(now);
        let row =
            store::find_and_spend(&mut conn, hash, class, start, now, limit, counts_org).await?;
        Ok(row.map(|row| {
            let spent = |budget, rates: Rates, window: (Option<Time>, Option<i64>)| {
                let (window_start, used) = window.0.zip(window.1)?;
                Some(Spent { budget, class, limit: rates.of(class), used, window_start })
            };
            let organization = self.organization_rates.and_then(|rates| {
                spent(Budget::Organization, rates, (row.org_window_start, row.org_used))
            });
            let key_spent = spent(Budget::Key, rates, (row.window_start, row.used));
            let spent = key_spent.map(|key| Spent::narrower(key, organization));
            Found { key: row.key, spent }
        }))
    }

    fn knows(&self, counted: &Counted, counted_org: &CountedOrg) -> (bool, bool) {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        (counters.keys.contains_key(counted), counters.organizations.contains_key(counted_org))
    }
}

/// `stored` is the database's count, if this node has none for the window yet.
fn count<K: Eq + Hash>(
    counters: &mut HashMap<K, Counter>,
    counted: K,
    stored: Option<(Time, i64)>,
    now: Time,
) -> Counter {
    let start = rates::window_start(now);
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

impl Counter {
    fn spent(self, budget: Budget, class: Class, rates: Rates) -> Spent {
        let Counter { window_start, used, .. } = self;
        Spent { budget, class, limit: rates.of(class), used, window_start }
    }
}
