//! Compares an answer with a documented shape, field for field: names, types, nullability.

use chrono::{DateTime, NaiveDate};
use serde_json::Value;

use super::reply::keys;

/// In `shape`, a string names a type (`uuid`, `text`, `number`, `integer`, `bool`, `time`, `date`, `null`), or is itself
/// when it begins with `=`; `[x]` is a list of one or more `x`, `[]` an empty list; an object has exactly these fields.
#[track_caller]
pub fn assert_shape(value: &Value, shape: &Value) {
    if let Err(difference) = compare(value, shape, "body") {
        panic!("{difference}\nin {value:#}");
    }
}

fn compare(value: &Value, shape: &Value, path: &str) -> Result<(), String> {
    match shape {
        Value::Object(fields) => {
            if keys(value) != keys(shape) {
                return Err(format!("{path} has {:?}, not {:?}", keys(value), keys(shape)));
            }
            fields.iter().try_for_each(|(name, shape)| {
                compare(&value[name], shape, &format!("{path}.{name}"))
            })
        }
        Value::Array(shapes) => match (value.as_array(), shapes.first()) {
            (None, _) => Err(format!("{path} is no list")),
            (Some(list), None) if list.is_empty() => Ok(()),
            (Some(list), Some(shape)) if !list.is_empty() => list
                .iter()
                .enumerate()
                .try_for_each(|(index, value)| compare(value, shape, &format!("{path}[{index}]"))),
            (Some(list), _) => Err(format!("{path} has {} entries", list.len())),
        },
        Value::String(name) if is(value, name) => Ok(()),
        _ => Err(format!("{path} is {value}, not {shape}")),
    }
}

fn is(value: &Value, name: &str) -> bool {
    let text = value.as_str();
    match name {
        "uuid" => text.is_some_and(|text| {
            uuid::Uuid::try_parse(text).is_ok_and(|id| id.get_version_num() == 7)
        }),
        "text" => text.is_some_and(|text| !text.is_empty()),
        "number" => value.is_number(),
        "integer" => value.is_i64(),
        "bool" => value.is_boolean(),
        "time" => text
            .is_some_and(|text| text.ends_with('Z') && DateTime::parse_from_rfc3339(text).is_ok()),
        "date" => text.is_some_and(|text| text.parse::<NaiveDate>().is_ok()),
        "null" => value.is_null(),
        _ => name.strip_prefix('=').is_some() && name.strip_prefix('=') == text,
    }
}
