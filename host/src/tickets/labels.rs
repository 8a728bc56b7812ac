//! Checks the tags and custom fields that clients set.
//!
//! Invariant: the same bounds as for plugins, and one on the number of all.

use std::collections::BTreeMap;

use crate::model::distinct::each_once;
use crate::model::event::CustomValue;
use crate::model::invalid::{Invalid, check_length, check_text};
use crate::model::place::Place;

const TAGS_MAX: usize = 100;
const FIELDS_MAX: usize = 100;
pub const LABEL_CHARS_MAX: usize = 64;
const TEXT_CHARS_MAX: usize = 1_000;

/// Each once.
pub fn check_tags(tags: &[String]) -> Result<Vec<String>, Invalid> {
    check_length("tags", tags.len(), "tags", TAGS_MAX)?;
    let place = Place::of("tags");
    let checked = tags
        .iter()
        .enumerate()
        .map(|(index, tag)| check_text(place.at(index), tag, LABEL_CHARS_MAX));
    Ok(each_once(checked.collect::<Result<Vec<_>, _>>()?))
}

/// The fields with these changes; `None` removes one.
pub fn merge_fields(
    fields: &BTreeMap<String, CustomValue>,
    changes: &BTreeMap<String, Option<CustomValue>>,
) -> Result<BTreeMap<String, CustomValue>, Invalid> {
    let mut merged = fields.clone();
    let list = Place::of("custom_fields");
    for (key, value) in changes {
        let place = list.field(key);
        if !is_key(key) {
            let message = format!(
                "{place} must have a name of 1 to {LABEL_CHARS_MAX} characters of a-z 0-9 _ -"
            );
            return Err(Invalid::new(place, key, message));
        }
        match value {
            Some(CustomValue::Text(text)) => {
                let text = check_text(place, text, TEXT_CHARS_MAX)?;
                merged.insert(key.clone(), CustomValue::Text(text));
            }
            Some(value) => drop(merged.insert(key.clone(), value.clone())),
            None => drop(merged.remove(key)),
        }
    }
    check_length("custom_fields", merged.len(), "fields", FIELDS_MAX.max(fields.len()))?;
    Ok(merged)
}

fn is_key(text: &str) -> bool {
    let fits = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
    };
    (1..=LABEL_CHARS_MAX).contains(&text.len()) && text.bytes().all(fits)
}
