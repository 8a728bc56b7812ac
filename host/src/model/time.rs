//! Moments: UTC, cut to microseconds (what both databases keep), RFC 3339 outside.

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use serde::Serializer;

pub type Time = DateTime<Utc>;

/// Cuts what the databases would not keep.
pub fn to_stored(time: Time) -> Time {
    time.trunc_subsecs(6)
}

/// `2026-02-21T10:00:00Z`: whole seconds unless there is more.
pub fn format(time: &Time) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// For serde: `#[serde(serialize_with = "time::serialize")]`.
pub fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(time))
}

/// Reads a moment, or a date alone, which is its midnight in UTC.
pub fn parse(text: &str) -> Result<Time, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(to_stored(time.with_timezone(&Utc)));
    }
    text.parse::<NaiveDate>()
        .ok()
        .and_then(|date| date.and_hms_opt(0, 0, 0))
        .map(|midnight| midnight.and_utc())
        .ok_or_else(|| {
            format!("{text:?} is no ISO 8601 date or time, for example 2026-01-31 or 2026-01-31T10:00:00Z")
        })
}
