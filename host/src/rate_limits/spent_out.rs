//! Caches used-up windows, so that a flood of rejected requests causes no queries.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::rates::{Class, Spent};
use crate::keys::KeyHash;
use crate::model::time::Time;

/// Limit on cached windows; others are looked up each time.
const KNOWN_MAX: usize = 10_000;

#[derive(Default)]
pub(super) struct SpentOut(Mutex<HashMap<(KeyHash, Class), Spent>>);

impl SpentOut {
    pub(super) fn find(&self, hash: &KeyHash, class: Class, now: Time) -> Option<Spent> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = *known.get(&(*hash, class))?;
        if spent.reset_at() <= now {
            known.remove(&(*hash, class));
            return None;
        }
        Some(spent)
    }

    pub(super) fn remember(&self, hash: KeyHash, spent: Spent) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.retain(|_, other| other.window_start >= spent.window_start);
        }
        if known.len() < KNOWN_MAX {
            known.insert((hash, spent.class), spent);
        }
    }
}
