//! The only source of time and of new ids, so that tests can move it and recorded calls can be replayed.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use uuid::{ContextV7, Timestamp, Uuid};

use crate::model::ids::Id;
use crate::model::time::Time;

/// The system's clock plus an offset set by tests.
#[derive(Clone)]
pub struct Clock {
    ahead_us: Arc<AtomicI64>,
    /// Keeps ids of the same millisecond in order.
    ids: Arc<Mutex<ContextV7>>,
}

impl Default for Clock {
    fn default() -> Self {
        Clock { ahead_us: Arc::default(), ids: Arc::new(Mutex::new(ContextV7::new())) }
    }
}

impl Clock {
    #[allow(clippy::disallowed_methods)] // the one place
    pub fn now(&self) -> Time {
        let ahead = chrono::Duration::microseconds(self.ahead_us.load(Ordering::Relaxed));
        let now: DateTime<Utc> = Utc::now();
        Time::from(now + ahead).to_stored()
    }

    /// Creates a UUIDv7 of this moment.
    pub fn new_id<T: Id>(&self) -> T {
        let now = self.now();
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        let timestamp = Timestamp::from_unix(&*self.ids, seconds, now.timestamp_subsec_nanos());
        T::from_uuid(Uuid::new_v7(timestamp))
    }

    /// Sets the clock back by `duration` from the present.
    pub fn set_back(&self, duration: std::time::Duration) {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        self.ahead_us.store(-micros, Ordering::Relaxed);
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: std::time::Duration) {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        self.ahead_us.fetch_add(micros, Ordering::Relaxed);
    }
}
