//! Replaces references to a simple schema with the schema itself.
//!
//! Invariant: the document, and types generated from it, show a time as a text with a format, not as a component.

use serde_json::{Map, Value, json};

/// Removes the component and inlines its schema into each reference.
pub fn inline(document: &mut Value, name: &str) {
    let schemas = document["components"]["schemas"].as_object_mut();
    let Some(Value::Object(schema)) = schemas.and_then(|schemas| schemas.remove(name)) else {
        return;
    };
    replace(document, &json!(format!("#/components/schemas/{name}")), &schema);
}

fn replace(value: &mut Value, reference: &Value, schema: &Map<String, Value>) {
    match value {
        Value::Object(fields) => {
            if let Some(inlined) = inlined(fields, reference, schema) {
                *fields = inlined;
            } else {
                fields.values_mut().for_each(|value| replace(value, reference, schema));
            }
        }
        Value::Array(values) => {
            values.iter_mut().for_each(|value| replace(value, reference, schema));
        }
        _ => {}
    }
}

/// The replacement for `fields`, if they are such a reference, or a choice between one and `null`.
fn inlined(
    fields: &Map<String, Value>,
    reference: &Value,
    schema: &Map<String, Value>,
) -> Option<Map<String, Value>> {
    if fields.get("$ref") == Some(reference) {
        let mut inlined = schema.clone();
        let more = fields.iter().filter(|(name, _)| *name != "$ref");
        inlined.extend(more.map(|(name, value)| (name.clone(), value.clone())));
        return Some(inlined);
    }
    let choices = fields.get("oneOf")?.as_array()?;
    let is_null = |choice: &&Value| **choice == json!({ "type": "null" });
    let [choice] = choices.iter().filter(|choice| !is_null(choice)).collect::<Vec<_>>()[..] else {
        return None;
    };
    let mut inlined = inlined(choice.as_object()?, reference, schema)?;
    inlined["type"] = json!([schema.get("type")?, "null"]);
    let more = fields.iter().filter(|(name, _)| *name != "oneOf");
    inlined.extend(more.map(|(name, value)| (name.clone(), value.clone())));
    Some(inlined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_and_what_stands_beside_them_stays() {
        let reference = || json!({ "$ref": "#/components/schemas/Time" });
        let mut document = json!({ "components": { "schemas": {
            "Time": { "type": "string", "format": "date-time" },
            "Other": { "properties": {
                "plain": reference(),
                "described": { "$ref": "#/components/schemas/Time", "description": "When." },
                "optional": { "oneOf": [{ "type": "null" }, reference()], "example": "now" },
                "other": { "$ref": "#/components/schemas/Timeline" },
                "choice": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Timeline" }] },
                "list": { "items": reference() },
            } },
        } } });
        inline(&mut document, "Time");
        let time = json!({ "type": "string", "format": "date-time" });
        let expected = json!({ "Other": { "properties": {
            "plain": time,
            "described": { "type": "string", "format": "date-time", "description": "When." },
            "optional": { "type": ["string", "null"], "format": "date-time", "example": "now" },
            "other": { "$ref": "#/components/schemas/Timeline" },
            "choice": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Timeline" }] },
            "list": { "items": time },
        } } });
        assert_eq!(document["components"]["schemas"], expected);
    }
}
