//! Compares a response with a documented sample, field by field: names, types, nullability, and values.

use chrono::{DateTime, NaiveDate};
use serde_json::Value;

use repairops::model::workflow;

/// Everything of the sample must be there, with the same type and the same value. Ids, times and dates of the sample
/// stand for any; so do the values at the places in `except`, such as `data[].cost`. Fields beside the documented
/// ones are allowed.
#[track_caller]
pub fn assert_documented(found: &Value, sample: &Value, except: &[&str]) {
    if let Err(difference) = compare(found, sample, "", except) {
        panic!("{difference}\nin {found:#}\ndocumented {sample:#}");
    }
}

fn compare(found: &Value, sample: &Value, place: &str, except: &[&str]) -> Result<(), String> {
    match (sample, found) {
        (Value::Object(fields), Value::Object(_)) => {
            fields.iter().try_for_each(|(name, sample)| {
                let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                let found = found.get(name).ok_or_else(|| format!("{place} is not there"))?;
                compare(found, sample, &place, except)
            })
        }
        (Value::Array(samples), Value::Array(values)) => {
            let place = format!("{place}[]");
            if except.contains(&place.as_str()) {
                let sample = samples.first().ok_or("an empty sample")?;
                if values.is_empty() {
                    return Err(format!("{place} is empty"));
                }
                return values.iter().try_for_each(|value| compare(value, sample, &place, except));
            }
            if samples.len() != values.len() {
                return Err(format!("{place} has {} entries, not {}", values.len(), samples.len()));
            }
            let mut pairs = values.iter().zip(samples);
            pairs.try_for_each(|(value, sample)| compare(value, sample, &place, except))
        }
        (Value::String(sample), Value::String(found)) => {
            compare_text(found, sample, except.contains(&place))
                .map_err(|error| format!("{place}: {error}"))
        }
        (Value::Number(sample), Value::Number(found)) => {
            let is_equal = sample.as_f64() == found.as_f64();
            let found_is_fit = !sample.is_i64()
                || found.is_i64()
                || found.as_f64().is_some_and(|n| n.fract() == 0.0);
            if found_is_fit && (is_equal || except.contains(&place)) {
                Ok(())
            } else {
                Err(format!("{place} is {found}, not {sample}"))
            }
        }
        (Value::Bool(sample), Value::Bool(found)) if sample == found || except.contains(&place) => {
            Ok(())
        }
        _ => Err(format!("{place} is {found}, not {sample}")),
    }
}

/// A text of the sample that has a form of its own stands for all of that form.
fn compare_text(found: &str, sample: &str, any_value: bool) -> Result<(), String> {
    let is_uuid = |text: &str| uuid::Uuid::try_parse(text).is_ok();
    let is_time = |text: &str| DateTime::parse_from_rfc3339(text).is_ok() && text.ends_with('Z');
    let is_date = |text: &str| text.parse::<NaiveDate>().is_ok();
    let is_status = |text: &str| workflow::DEFAULT.find(text).is_some();
    let is_fit = if sample.ends_with("-uuid") && sample != "invalid-uuid" || is_uuid(sample) {
        is_uuid(found)
    } else if is_time(sample) {
        is_time(found)
    } else if is_date(sample) {
        is_date(found)
    } else if any_value {
        is_status(sample) == is_status(found)
    } else {
        found == sample
    };
    if is_fit { Ok(()) } else { Err(format!("{found:?} is not like {sample:?}")) }
}
