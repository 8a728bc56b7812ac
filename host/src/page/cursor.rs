//! Cursors: where a page ended, as an opaque text. A cursor names the sort and the filters that it belongs to, but
//! not the organization, which comes from the key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Column, Listed, Window};
use crate::db::Value;
use crate::model::invalid::Invalid;

/// Longer texts are rejected: our keys are short.
const LENGTH_MAX: usize = 4_000;

#[derive(Serialize, Deserialize)]
struct Content {
    filter: String,
    sort: String,
    keys: Vec<serde_json::Value>,
    id: Uuid,
}

/// Identifies a list and its filters.
pub fn fingerprint(list: &str, filter: &impl Serialize) -> String {
    let filter = serde_json::to_string(filter).unwrap_or_default();
    hex::encode(&Sha256::digest(format!("{list} {filter}"))[..8])
}

pub fn write(row: &impl Listed, window: &Window) -> String {
    let key = |value| match value {
        Value::Time(time) => time.timestamp_micros().into(),
        Value::Int(number) => number.into(),
        Value::Text(text) => text.into(),
        Value::Uuid(id) => id.to_string().into(),
    };
    let content = Content {
        filter: window.fingerprint.clone(),
        sort: window.sort_text(),
        keys: row.keys(window.sort.name).into_iter().map(key).collect(),
        id: row.id(),
    };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&content).unwrap_or_default())
}

/// The sort keys after which the page starts.
pub fn read(text: &str, window: &Window) -> Result<Vec<Value>, Invalid> {
    let invalid = |message: String| Invalid::new("cursor", text, message);
    let forged = || {
        let message = "cursor is not valid for this list; use the value of pagination.next_cursor";
        invalid(message.to_owned())
    };
    let content = (text.len() <= LENGTH_MAX).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten();
    let content: Content =
        content.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(forged)?;
    if content.filter != window.fingerprint {
        let message = "cursor belongs to another list or to other filters; send it with the same ones, or start \
                       without it";
        return Err(invalid(message.to_owned()));
    }
    if content.sort != window.sort_text() {
        let message = format!(
            "cursor belongs to sort={}; send it with the same sort, or start without it",
            content.sort
        );
        return Err(invalid(message));
    }
    let columns = window.sort.columns;
    if content.keys.len() != columns.len() {
        return Err(forged());
    }
    let values = columns.iter().zip(&content.keys).map(|(column, key)| value(*column, key));
    let mut values = values.collect::<Option<Vec<_>>>().ok_or_else(forged)?;
    if window.slice.order.len() > columns.len() {
        values.push(Value::Uuid(content.id));
    }
    Ok(values)
}

/// `None` for keys that the database would reject as values of the column.
fn value(column: Column, key: &serde_json::Value) -> Option<Value> {
    match column {
        Column::Int(_) => key.as_i64().map(Value::Int),
        Column::Text(_) => key
            .as_str()
            .filter(|text| !text.contains('\0'))
            .map(|text| Value::Text(text.to_owned())),
        Column::Time(_) => DateTime::from_timestamp_micros(key.as_i64()?)
            .filter(|time| (0..=9_999).contains(&time.year()))
            .map(|time| Value::Time(time.into())),
    }
}
