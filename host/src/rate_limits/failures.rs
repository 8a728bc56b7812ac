//! Limits requests without a valid key, which have no window of their own, by the client's address.
//!
//! Invariant: an address over its limit for this minute is rejected before any lookup, unless its key was valid on
//! this node before.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use ipnet::IpNet;
use quick_cache::sync::Cache;

use super::address::Network;
use crate::keys::KeyHash;
use crate::model::time::Time;

const WINDOW: TimeDelta = TimeDelta::minutes(1);
pub const WINDOW_SECONDS: i64 = WINDOW.num_seconds();

/// Addresses counted separately in one minute; all others share a count.
const ADDRESSES_MAX: usize = 50_000;

/// Limit on remembered valid keys.
const GOOD_MAX: usize = 10_000;

pub struct Failures {
    /// 0 means unlimited.
    per_minute: u32,
    trusted_proxies: Vec<IpNet>,
    minute: Mutex<Minute>,
    good: Cache<KeyHash, ()>,
}

struct Minute {
    start: Time,
    counts: HashMap<Network, u32>,
    others: u32,
}

/// An address exceeded its limit of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    pub limit: u32,
    pub reset_at: Time,
}

impl Failures {
    pub fn new(per_minute: u32, trusted_proxies: Vec<IpNet>) -> Failures {
        Failures {
            per_minute,
            trusted_proxies,
            minute: Mutex::new(Minute {
                start: DateTime::<Utc>::MIN_UTC.into(),
                counts: HashMap::new(),
                others: 0,
            }),
            good: Cache::new(GOOD_MAX),
        }
    }

    pub fn trusts(&self, proxy: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(&proxy))
    }

    /// Checks whether this address may try another key.
    pub fn check(&self, from: Option<Network>, key: &KeyHash, now: Time) -> Result<(), TooMany> {
        let Some(from) = from.filter(|_| self.per_minute > 0) else { return Ok(()) };
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        minute.turn(now);
        let count = minute.counts.get(&from).copied().unwrap_or(minute.others_of(from));
        if count < self.per_minute || self.good.get(key).is_some() {
            return Ok(());
        }
        Err(TooMany { limit: self.per_minute, reset_at: minute.start + WINDOW })
    }

    /// Counts a failure. Returns an error if the limit is exceeded.
    pub fn count(&self, from: Option<Network>, now: Time) -> Result<(), TooMany> {
        let Some(from) = from.filter(|_| self.per_minute > 0) else { return Ok(()) };
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        minute.turn(now);
        let count = minute.count(from);
        if count <= self.per_minute {
            return Ok(());
        }
        Err(TooMany { limit: self.per_minute, reset_at: minute.start + WINDOW })
    }

    pub fn remember_good(&self, key: &KeyHash) {
        if self.per_minute > 0 && self.good.get(key).is_none() {
            self.good.insert(*key, ());
        }
    }

    pub fn forget_good(&self, key: &KeyHash) {
        self.good.remove(key);
    }
}

impl Minute {
    fn turn(&mut self, now: Time) {
        let start = now.duration_trunc(WINDOW).map_or(now, Time::from);
        if self.start != start {
            *self = Minute { start, counts: HashMap::new(), others: 0 };
        }
    }

    fn is_full(&self) -> bool {
        self.counts.len() >= ADDRESSES_MAX
    }

    /// The shared count, if this address is not counted separately.
    fn others_of(&self, from: Network) -> u32 {
        if self.is_full() && !self.counts.contains_key(&from) { self.others } else { 0 }
    }

    fn count(&mut self, from: Network) -> u32 {
        let full = self.is_full();
        let count = match self.counts.get_mut(&from) {
            Some(count) => count,
            None if full => &mut self.others,
            None => self.counts.entry(from).or_default(),
        };
        *count = count.saturating_add(1);
        *count
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn network(number: u32) -> Option<Network> {
        Some(Network::of(IpAddr::V4(Ipv4Addr::from(number))))
    }

    #[test]
    fn a_minute_has_its_number_of_failures() {
        let failures = Failures::new(3, Vec::new());
        let now = Time::UNIX_EPOCH + TimeDelta::seconds(61);
        for _ in 0..3 {
            assert_eq!(failures.check(network(1), &[0; 32], now), Ok(()));
            assert_eq!(failures.count(network(1), now), Ok(()));
        }
        let too_many = TooMany { limit: 3, reset_at: Time::UNIX_EPOCH + TimeDelta::seconds(120) };
        assert_eq!(failures.count(network(1), now), Err(too_many));
        assert_eq!(failures.check(network(1), &[0; 32], now), Err(too_many));
        assert_eq!(failures.check(network(2), &[0; 32], now), Ok(()), "another address");
        assert_eq!(failures.check(None, &[0; 32], now), Ok(()), "no address");
        failures.remember_good(&[7; 32]);
        assert_eq!(failures.check(network(1), &[7; 32], now), Ok(()), "a key that worked");
        let later = now + TimeDelta::seconds(59);
        assert_eq!(failures.check(network(1), &[0; 32], later), Ok(()), "the next minute");
    }

    #[test]
    fn its_memory_has_an_end() {
        let failures = Failures::new(3, Vec::new());
        for number in 0..ADDRESSES_MAX as u32 + 10 {
            let _ = failures.count(network(number), Time::UNIX_EPOCH);
        }
        let minute = failures.minute.lock().expect("no panic");
        assert_eq!((minute.counts.len(), minute.others), (ADDRESSES_MAX, 10));
        drop(minute);
        assert!(failures.check(network(u32::MAX), &[0; 32], Time::UNIX_EPOCH).is_err());
        assert!(failures.check(network(1), &[0; 32], Time::UNIX_EPOCH).is_ok());
    }

    #[test]
    fn a_host_has_many_addresses_of_version_6() {
        let of =
            |text: &str| Network::of(IpAddr::V6(text.parse::<Ipv6Addr>().expect("an address")));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), Network::of(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))));
    }
}
