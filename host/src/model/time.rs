//! Moments: UTC, truncated to microseconds (the precision of both databases), RFC 3339 outside.
//!
//! Invariant: the JSON, database and OpenAPI forms of a moment are defined only here, so that no field needs an
//! attribute for it.

use std::fmt;
use std::ops::{Add, Deref, Sub};

use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{AnyOfBuilder, KnownFormat, SchemaFormat, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::invalid::Invalid;

/// A moment. It dereferences to `chrono::DateTime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct Time(DateTime<Utc>);

impl Time {
    pub const UNIX_EPOCH: Time = Time(DateTime::UNIX_EPOCH);

    /// Truncates to the precision of the databases.
    pub fn to_stored(self) -> Time {
        Time(self.0.trunc_subsecs(6))
    }
}

impl From<DateTime<Utc>> for Time {
    fn from(time: DateTime<Utc>) -> Self {
        Time(time)
    }
}

impl Deref for Time {
    type Target = DateTime<Utc>;

    fn deref(&self) -> &DateTime<Utc> {
        &self.0
    }
}

/// Adds a duration of `chrono` or of the standard library.
impl<D> Add<D> for Time
where
    DateTime<Utc>: Add<D, Output = DateTime<Utc>>,
{
    type Output = Time;

    fn add(self, duration: D) -> Time {
        Time(self.0 + duration)
    }
}

impl Sub<TimeDelta> for Time {
    type Output = Time;

    fn sub(self, duration: TimeDelta) -> Time {
        Time(self.0 - duration)
    }
}

impl Sub<std::time::Duration> for Time {
    type Output = Time;

    fn sub(self, duration: std::time::Duration) -> Time {
        Time(self.0 - duration)
    }
}

impl Sub for Time {
    type Output = TimeDelta;

    fn sub(self, earlier: Time) -> TimeDelta {
        self.0 - earlier.0
    }
}

/// `2026-02-21T10:00:00Z`: fractions only if they are not zero.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// In a body, a date alone is rejected.
impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match DateTime::parse_from_rfc3339(&text) {
            Ok(_) => parse(&text).map_err(serde::de::Error::custom),
            Err(_) => Err(serde::de::Error::custom(format!(
                "{text:?} is not an RFC 3339 date and time; expected something like 2026-01-31T10:00:00Z"
            ))),
        }
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        text_schema(KnownFormat::DateTime).into()
    }
}

/// The document inlines it instead of naming a component: see `openapi::inline`.
impl ToSchema for Time {}

/// Parses a moment, or a date alone as midnight in UTC. Years have four digits: SQLite compares texts, and others
/// would sort wrong.
pub fn parse(text: &str) -> Result<Time, String> {
    let time = match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Some(Time(time.with_timezone(&Utc)).to_stored()),
        Err(_) => text
            .parse::<NaiveDate>()
            .ok()
            .and_then(|date| date.and_hms_opt(0, 0, 0))
            .map(|time| Time(time.and_utc())),
    };
    time.filter(|time| (0..=9_999).contains(&time.year())).ok_or_else(|| {
        format!(
            "{text:?} is not an ISO 8601 date or time; expected something like 2026-01-31 or 2026-01-31T10:00:00Z"
        )
    })
}

/// Parses a moment in a query parameter.
pub fn parse_filter(field: &str, text: Option<String>) -> Result<Option<Time>, Invalid> {
    text.map(|text| parse(&text).map_err(|message| Invalid::new(field, text, message))).transpose()
}

/// Parses a date in a query parameter.
pub fn parse_date(field: &str, text: Option<String>) -> Result<Option<NaiveDate>, Invalid> {
    let Some(text) = text else { return Ok(None) };
    let date = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok();
    let date = date.filter(|date| text.len() == 10 && (1..=9_999).contains(&date.year()));
    let message = format!("{field} must be a date; expected something like 2026-01-31");
    date.map(Some).ok_or_else(|| Invalid::new(field, text, message))
}

/// The schema of a moment or date in a filter.
pub fn filter_schema() -> Schema {
    let (moment, date) = (text_schema(KnownFormat::DateTime), text_schema(KnownFormat::Date));
    AnyOfBuilder::new().item(moment).item(date).into()
}

fn text_schema(format: KnownFormat) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(format)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_one_form_in_json() {
        let time = |text: &str| serde_json::from_value::<Time>(text.into());
        for (sent, shown) in [
            ("2026-02-21T10:00:00Z", "2026-02-21T10:00:00Z"),
            ("2026-02-21T12:00:00+02:00", "2026-02-21T10:00:00Z"),
            ("2026-02-21T10:00:00.5Z", "2026-02-21T10:00:00.500Z"),
            ("2026-02-21T10:00:00.123456789Z", "2026-02-21T10:00:00.123456Z"),
        ] {
            let time = time(sent).unwrap();
            assert_eq!(serde_json::to_value(time).unwrap(), shown);
            assert_eq!(time.to_string(), shown);
        }
        for wrong in ["2026-02-21", "now", "", "12026-02-21T10:00:00Z"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert_eq!(serde_json::from_str::<Option<Time>>("null").unwrap(), None);
    }
}
