//! Fills in a schema's defaults for omitted settings. It reads `properties`, `items`, `prefixItems`, `allOf`, `$ref`
//! and `additionalProperties`; a default inside of `anyOf` and the like would need an evaluation.
//!
//! Invariant: the number of steps and of added bytes is bounded, whatever the schema.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::reference::resolve;

/// Steps for the schema, plus some for each value of the settings.
const STEPS: usize = 20_000;
const STEPS_PER_VALUE: usize = 16;

/// Limit on added values and bytes of text.
const ADDED_MAX: usize = 256 << 10;

/// Limit on nesting, defaults inside of defaults included.
const DEPTH_MAX: usize = 128;

/// Limit on nested `$ref` and `allOf` before a default is found.
const REFERENCES_MAX: usize = 16;

/// The defaults are endless or too large.
#[derive(Debug, PartialEq)]
pub(super) struct Endless;

/// The settings as the plugin reads them. Unchanged without a schema, or if its defaults are endless, as schemas
/// older than the limits may be.
pub fn fill<'v>(schema: Option<&Value>, settings: &'v Value) -> Cow<'v, Value> {
    match schema.map(|schema| try_fill(schema, settings)) {
        Some(Ok(filled)) => Cow::Owned(filled),
        Some(Err(Endless)) | None => Cow::Borrowed(settings),
    }
}

pub(super) fn try_fill(schema: &Value, settings: &Value) -> Result<Value, Endless> {
    let mut filled = settings.clone();
    let steps = STEPS.saturating_add(size(settings).saturating_mul(STEPS_PER_VALUE));
    let mut filling = Filling { root: schema, steps, added: ADDED_MAX };
    filling.fill(schema, &mut filled, 0)?;
    Ok(filled)
}

struct Filling<'s> {
    root: &'s Value,
    /// The remaining budget.
    steps: usize,
    added: usize,
}

impl<'s> Filling<'s> {
    fn step(&mut self) -> Result<(), Endless> {
        self.steps = self.steps.checked_sub(1).ok_or(Endless)?;
        Ok(())
    }

    fn fill(&mut self, schema: &'s Value, value: &mut Value, depth: usize) -> Result<(), Endless> {
        self.step()?;
        let Some(schema) = schema.as_object() else { return Ok(()) };
        if depth >= DEPTH_MAX {
            return Err(Endless);
        }
        if let Some(target) = self.target(schema) {
            self.fill(target, value, depth + 1)?;
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.fill(part, value, depth + 1)?;
        }
        match value {
            Value::Object(fields) => self.fill_object(schema, fields, depth),
            Value::Array(values) => self.fill_list(schema, values, depth),
            _ => Ok(()),
        }
    }

    fn fill_object(
        &mut self,
        schema: &'s Map<String, Value>,
        fields: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), Endless> {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            self.step()?;
            if !fields.contains_key(name)
                && let Some(default) = self.default_of(property, 0)?
            {
                let size = size(default).saturating_add(name.len());
                self.added = self.added.checked_sub(size).ok_or(Endless)?;
                fields.insert(name.clone(), default.clone());
            }
            if let Some(value) = fields.get_mut(name) {
                self.fill(property, value, depth + 1)?;
            }
        }
        // `patternProperties` is not read, so neither is what it leaves to the others.
        if let Some(rest) = schema.get("additionalProperties").filter(|rest| rest.is_object())
            && !schema.contains_key("patternProperties")
        {
            for (name, value) in fields.iter_mut() {
                self.step()?;
                if properties.is_none_or(|properties| !properties.contains_key(name)) {
                    self.fill(rest, value, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    fn fill_list(
        &mut self,
        schema: &'s Map<String, Value>,
        values: &mut [Value],
        depth: usize,
    ) -> Result<(), Endless> {
        let items = schema.get("items");
        // Before draft 2020-12, `items` with a list is today's `prefixItems`.
        let first = schema.get("prefixItems").or(items).and_then(Value::as_array);
        let rest = items.filter(|items| items.is_object()).or_else(|| {
            schema.get("additionalItems").filter(|_| items.is_some_and(Value::is_array))
        });
        let count = first.map_or(0, Vec::len);
        for (index, value) in values.iter_mut().enumerate() {
            let schema =
                first.and_then(|first| first.get(index)).or(rest.filter(|_| index >= count));
            if let Some(schema) = schema {
                self.fill(schema, value, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Its own default, or that of a `$ref` or `allOf`.
    fn default_of(
        &mut self,
        property: &'s Value,
        depth: usize,
    ) -> Result<Option<&'s Value>, Endless> {
        self.step()?;
        let Some(schema) = property.as_object().filter(|_| depth < REFERENCES_MAX) else {
            return Ok(None);
        };
        if let Some(default) = schema.get("default") {
            return Ok(Some(default));
        }
        let parts = schema.get("allOf").and_then(Value::as_array);
        for part in self.target(schema).into_iter().chain(parts.into_iter().flatten()) {
            if let Some(default) = self.default_of(part, depth + 1)? {
                return Ok(Some(default));
            }
        }
        Ok(None)
    }

    fn target(&self, schema: &Map<String, Value>) -> Option<&'s Value> {
        resolve(self.root, schema.get("$ref")?.as_str()?)
    }
}

/// Counts values and bytes of text.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 1,
        Value::Array(values) => values.iter().fold(1, |sum, value| sum + size(value)),
        Value::Object(fields) => {
            fields.iter().fold(1, |sum, (name, value)| sum + name.len() + size(value))
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(schema: Value, settings: Value) -> Value {
        fill(Some(&schema), &settings).into_owned()
    }

    #[test]
    fn what_is_left_out_gets_its_default_at_every_depth() {
        let schema = json!({
            "properties": {
                "limit": { "default": 5 },
                "note": { "type": "string" },
                "mail": { "default": {}, "properties": { "to": { "$ref": "#/$defs/to" } } },
                "copy": { "allOf": [{ "title": "Copy" }, { "$ref": "#/$defs/to" }] },
                "prices": { "items": { "properties": { "parts": { "default": [] } } } },
                "pair": { "prefixItems": [true, { "properties": { "x": { "default": 1 } } }] },
            },
            "additionalProperties": { "properties": { "y": { "default": 2 } } },
            "allOf": [{ "properties": { "also": { "default": null } } }],
            "$defs": { "to": { "default": "owner" } },
        });
        let settings =
            json!({ "limit": 7, "prices": [{}, { "parts": [1] }], "pair": [{}, {}], "other": {} });
        let expected = json!({
            "limit": 7, "mail": { "to": "owner" }, "copy": "owner", "prices": [{ "parts": [] }, { "parts": [1] }],
            "pair": [{}, { "x": 1 }], "other": { "y": 2 }, "also": null,
        });
        assert_eq!(filled(schema, settings), expected);
        assert_eq!(*fill(None, &json!({ "a": 1 })), json!({ "a": 1 }));
    }

    #[test]
    fn defaults_without_an_end_change_nothing() {
        let endless = json!({ "properties": { "a": { "$ref": "#", "default": {} } } });
        assert_eq!(try_fill(&endless, &json!({})), Err(Endless));
        assert_eq!(filled(endless, json!({ "b": 1 })), json!({ "b": 1 }));
        let twice = |next: &str| {
            let next = format!("#/$defs/{next}");
            json!({ "allOf": [{ "$ref": next }, { "$ref": next }] })
        };
        let mut schema = twice("0");
        let names: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        schema["$defs"] =
            names.iter().zip(&names[1..]).map(|(name, next)| (name.clone(), twice(next))).collect();
        assert_eq!(try_fill(&schema, &json!({})), Err(Endless));
        let large = json!({ "properties": { "a": { "default": "x".repeat(ADDED_MAX) } } });
        assert_eq!(try_fill(&large, &json!({})), Err(Endless));
    }

    #[test]
    fn long_settings_are_filled_too() {
        let schema = json!({ "items": { "properties": { "a": { "default": 1 } } } });
        let settings: Value = (0..50_000).map(|_| json!({})).collect();
        let filled = filled(schema, settings);
        assert_eq!(filled[49_999], json!({ "a": 1 }));
    }
}
