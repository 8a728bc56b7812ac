//! Compares a response with a documented shape, field by field: names, types, nullability.

use chrono::{DateTime, NaiveDate};
use serde_json::Value;

use super::reply::keys;

/// In `shape`, a string names a type (`uuid`, `text`, `number`, `integer`, `bool`, `time`, `date`, `null`), or is
/// itself if it begins with `=`; `[x]` is a list of one or more `x`, `[]` an empty list; an object has exactly these
/// fields.
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

/// Compares a response with the reference's example: each field of the example exists, with the same type. Additional
/// fields are allowed; values are not compared.
#[track_caller]
pub fn assert_documented(value: &Value, example: &Value) {
    if let Err(difference) = compare_with_example(value, example, "body") {
        panic!("{difference}\nin {value:#}");
    }
}

fn compare_with_example(value: &Value, example: &Value, path: &str) -> Result<(), String> {
    match (value, example) {
        (Value::Object(_), Value::Object(fields)) => {
            fields.iter().try_for_each(|(name, example)| {
                let path = format!("{path}.{name}");
                let value = value.get(name).ok_or_else(|| format!("{path} is missing"))?;
                compare_with_example(value, example, &path)
            })
        }
        (Value::Array(values), Value::Array(examples)) => match examples.first() {
            Some(_) if values.is_empty() => Err(format!("{path} is empty")),
            Some(example) => values.iter().enumerate().try_for_each(|(index, value)| {
                compare_with_example(value, example, &format!("{path}[{index}]"))
            }),
            None => Ok(()),
        },
        (Value::String(_), Value::String(text)) => {
            let known = ["time", "date", "uuid"].into_iter();
            let mut kinds = known.filter(|kind| is_example_of(text, kind));
            match kinds.find(|kind| !is(value, kind)) {
                Some(kind) => Err(format!("{path} is {value}, no {kind}")),
                None => Ok(()),
            }
        }
        (Value::Number(_), Value::Number(_)) | (Value::Bool(_), Value::Bool(_)) => Ok(()),
        (Value::Null, Value::Null) => Ok(()),
        _ => Err(format!("{path} is {value}, and {example} in the reference")),
    }
}

/// The reference writes ids as `ticket-uuid`.
fn is_example_of(text: &str, kind: &str) -> bool {
    match kind {
        "uuid" => text.ends_with("-uuid") || uuid::Uuid::try_parse(text).is_ok(),
        _ => is(&Value::from(text), kind),
    }
}
