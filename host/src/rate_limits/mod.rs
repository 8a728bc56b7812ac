//! Limits requests per key and class, and per organization and class, in fixed windows of an hour (the class is the
//! scope that the route needs, or one of its own), and failed authentications per address.
//!
//! Invariants: a window admits exactly as many requests as its limit, on any number of nodes; a GET never waits for a
//! disk; what a key's window refuses does not count against its organization. On PostgreSQL the count is one upsert in the statement that looks the key up anyway, on connections with
//! asynchronous commit; while PostgreSQL is read-only, each node counts in memory. SQLite has one process, so its
//! counts are in memory, and are written back every second and at shutdown.

pub mod address;
mod errors;
pub mod failures;
pub mod flush;
pub mod headers;
pub mod rates;
mod spend;
mod spent_out;
pub mod store;

use std::collections::HashMap;
use std::sync::Mutex;

use crate::config::{DatabaseConfig, LimitConfig};
use crate::db::Db;
use crate::model::ids::{KeyId, OrgId};
use crate::model::time::Time;
use failures::Failures;
use rates::{Class, Rates};
use spent_out::SpentOut;

pub use rates::Spent;

/// Shared by all requests of this node.
pub struct RateLimits {
    rates: Option<Rates>,
    /// Of an organization, all its keys together.
    organization_rates: Option<Rates>,
    /// PostgreSQL only: sessions with asynchronous commit.
    quick: Option<Db>,
    counters: Mutex<Counters>,
    spent_out: SpentOut,
    pub failures: Failures,
}

/// The key of a window.
type Counted = (OrgId, KeyId, Class);

/// The key of an organization's window.
type CountedOrg = (OrgId, Class);

/// The windows in memory.
#[derive(Default)]
struct Counters {
    keys: HashMap<Counted, Counter>,
    organizations: HashMap<CountedOrg, Counter>,
}

/// One window, in memory.
#[derive(Clone, Copy, Debug)]
struct Counter {
    window_start: Time,
    used: i64,
    last_used_at: Time,
    /// Not written back yet.
    is_new: bool,
}

impl RateLimits {
    pub fn new(
        config: &LimitConfig,
        db: &Db,
        database: &DatabaseConfig,
    ) -> anyhow::Result<RateLimits> {
        Ok(RateLimits {
            rates: config.rate_limits.0,
            organization_rates: config
                .rate_limits
                .0
                .and_then(|rates| config.organization_rate_limits.of(rates)),
            quick: db.open_quick(&database.url, database.connections)?,
            counters: Mutex::default(),
            spent_out: SpentOut::default(),
            failures: Failures::new(
                config.auth_failures_per_minute,
                config.trusted_proxies.clone(),
            ),
        })
    }

    pub async fn close(&self) {
        if let Some(quick) = &self.quick {
            quick.close().await;
        }
    }
}
