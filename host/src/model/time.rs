//! Moments: UTC, cut to microseconds (what both databases keep), RFC 3339 outside.

use chrono::{DateTime, Datelike, NaiveDate, SubsecRound, Utc};
use serde::{Deserialize, Deserializer, Serializer};
use utoipa::openapi::schema::{KnownFormat, OneOfBuilder, SchemaFormat, Type};
use utoipa::openapi::{ObjectBuilder, Schema};

use super::invalid::Invalid;

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

/// The same for one that may be `null`.
pub fn serialize_option<S: Serializer>(
    time: &Option<Time>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serialize(time, serializer),
        None => serializer.serialize_none(),
    }
}

/// Reads a moment in a body: `#[serde(default, deserialize_with = "time::deserialize_option")]`. A date
/// alone is none.
pub fn deserialize_option<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Time>, D::Error> {
    Option::<String>::deserialize(deserializer)?.map(|text| read(&text)).transpose()
}

/// The same for one that must be there.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    read(&String::deserialize(deserializer)?)
}

fn read<E: serde::de::Error>(text: &str) -> Result<Time, E> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(_) => parse(text).map_err(E::custom),
        Err(_) => Err(E::custom(format!(
            "{text:?} is no RFC 3339 date and time, for example 2026-01-31T10:00:00Z"
        ))),
    }
}

/// Reads a moment, or a date alone, which is its midnight in UTC. Years have four digits: in the text of one database,
/// others would not sort.
pub fn parse(text: &str) -> Result<Time, String> {
    let time = match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Some(to_stored(time.with_timezone(&Utc))),
        Err(_) => text
            .parse::<NaiveDate>()
            .ok()
            .and_then(|date| date.and_hms_opt(0, 0, 0))
            .map(|time| time.and_utc()),
    };
    time.filter(|time| (0..=9_999).contains(&time.year())).ok_or_else(|| {
        format!(
            "{text:?} is no ISO 8601 date or time, for example 2026-01-31 or 2026-01-31T10:00:00Z"
        )
    })
}

/// The same for a query parameter.
pub fn parse_filter(field: &str, text: Option<String>) -> Result<Option<Time>, Invalid> {
    text.map(|text| parse(&text).map_err(|message| Invalid::new(field, text, message))).transpose()
}

/// A date alone, of a query parameter.
pub fn parse_date(field: &str, text: Option<String>) -> Result<Option<NaiveDate>, Invalid> {
    let Some(text) = text else { return Ok(None) };
    let date = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok();
    let date = date.filter(|date| text.len() == 10 && (1..=9_999).contains(&date.year()));
    let message = format!("{field} must be a date, for example 2026-01-31");
    date.map(Some).ok_or_else(|| Invalid::new(field, text, message))
}

/// The schema of a moment or date to filter by.
pub fn filter_schema() -> Schema {
    let text = |format| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(format)))
    };
    OneOfBuilder::new().item(text(KnownFormat::DateTime)).item(text(KnownFormat::Date)).into()
}
