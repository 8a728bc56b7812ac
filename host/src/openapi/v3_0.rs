//! The document in OpenAPI 3.0, for generators that do not know 3.1.
//!
//! Invariant: what 3.0 cannot express is left out, never said otherwise: the 3.0 document accepts all that the other one
//! accepts.

use serde_json::{Map, Value, json};

/// Keywords of JSON Schema that 3.0 does not have.
const UNKNOWN: [&str; 12] = [
    "$schema",
    "contentEncoding",
    "contentMediaType",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "examples",
    "if",
    "patternProperties",
    "propertyNames",
    "then",
    "unevaluatedProperties",
];

pub fn convert(mut document: Value) -> Value {
    document["openapi"] = json!("3.0.3");
    if let Some(license) = document["info"]["license"].as_object_mut() {
        license.remove("identifier");
    }
    let Some(root) = document.as_object_mut() else { return document };
    root.remove("jsonSchemaDialect");
    // 3.0 has no webhooks; many generators read this extension.
    if let Some(webhooks) = root.remove("webhooks") {
        root.insert("x-webhooks".to_owned(), webhooks);
    }
    schemas_in(&mut document);
    document
}

/// Converts every schema: those of components, and each `schema` of a parameter, header or content.
fn schemas_in(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match (name.as_str(), value) {
                    ("schema", schema) => convert_schema(schema),
                    ("schemas", Value::Object(schemas)) => {
                        schemas.values_mut().for_each(convert_schema);
                    }
                    ("example" | "examples", _) => {}
                    (_, value) => schemas_in(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(schemas_in),
        _ => {}
    }
}

fn convert_schema(schema: &mut Value) {
    let Value::Object(fields) = schema else {
        // `true` accepts anything, and so does an empty schema.
        *schema = json!({});
        return;
    };
    if let Some(value) = fields.remove("const") {
        fields.insert("enum".to_owned(), json!([value]));
    }
    if let Some(example) = fields.get("examples").and_then(|list| list.get(0)).cloned() {
        fields.entry("example").or_insert(example);
    }
    UNKNOWN.iter().for_each(|name| drop(fields.remove(*name)));
    convert_bounds(fields);
    convert_null(fields); // before its parts, which lose their `null` too
    for name in ["allOf", "anyOf", "oneOf"] {
        if let Some(Value::Array(parts)) = fields.get_mut(name) {
            parts.iter_mut().for_each(convert_schema);
        }
    }
    for name in ["items", "not"] {
        if let Some(part) = fields.get_mut(name) {
            convert_schema(part);
        }
    }
    if let Some(more) = fields.get_mut("additionalProperties")
        && !more.is_boolean()
    {
        convert_schema(more);
    }
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(convert_schema);
    }
    // Beside `$ref`, 3.0 ignores everything.
    if fields.len() > 1
        && let Some(reference) = fields.remove("$ref")
    {
        let parts = fields.entry("allOf").or_insert(json!([]));
        if let Value::Array(parts) = parts {
            parts.push(json!({ "$ref": reference }));
        }
    }
}

/// In 3.1 a number, in 3.0 a flag beside the bound.
fn convert_bounds(fields: &mut Map<String, Value>) {
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if let Some(number) = fields.remove(exclusive).filter(Value::is_number) {
            fields.insert(bound.to_owned(), number);
            fields.insert(exclusive.to_owned(), json!(true));
        }
    }
}

/// `null` is a flag in 3.0, and a schema has one type.
fn convert_null(fields: &mut Map<String, Value>) {
    let mut is_nullable = false;
    if let Some(Value::Array(kinds)) = fields.get("type").cloned() {
        let kinds: Vec<Value> = kinds.into_iter().filter(|kind| kind != "null").collect();
        is_nullable = true;
        match &kinds[..] {
            [kind] => drop(fields.insert("type".to_owned(), kind.clone())),
            kinds => {
                fields.remove("type");
                let any: Value = kinds.iter().map(|kind| json!({ "type": kind })).collect();
                fields.insert("anyOf".to_owned(), any);
            }
        }
    }
    for name in ["oneOf", "anyOf"] {
        let Some(Value::Array(parts)) = fields.get_mut(name) else { continue };
        let before = parts.len();
        parts.retain(|part| part["type"] != "null" && part["enum"] != json!([null]));
        if parts.len() == before {
            continue;
        }
        is_nullable = true;
        if let [only] = &parts[..] {
            let only = only.clone();
            fields.remove(name);
            fields.insert("allOf".to_owned(), json!([only]));
        }
    }
    if fields.get("type").is_some_and(|kind| kind == "null") {
        fields.remove("type");
        is_nullable = true;
    }
    if is_nullable {
        fields.insert("nullable".to_owned(), json!(true));
        if let Some(Value::Array(values)) = fields.get_mut("enum")
            && !values.contains(&Value::Null)
        {
            values.push(Value::Null);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(mut schema: Value, expected: Value) {
        convert_schema(&mut schema);
        assert_eq!(schema, expected);
    }

    #[test]
    fn null_becomes_a_flag() {
        becomes(
            json!({ "type": ["string", "null"] }),
            json!({ "type": "string", "nullable": true }),
        );
        becomes(
            json!({ "oneOf": [{ "type": "null" }, { "$ref": "#/a" }], "description": "d" }),
            json!({ "allOf": [{ "$ref": "#/a" }], "description": "d", "nullable": true }),
        );
        becomes(
            json!({ "type": ["string", "number", "null"] }),
            json!({ "anyOf": [{ "type": "string" }, { "type": "number" }], "nullable": true }),
        );
        becomes(
            json!({ "type": ["string", "null"], "enum": ["a"] }),
            json!({ "type": "string", "enum": ["a", null], "nullable": true }),
        );
    }

    #[test]
    fn the_rest_of_a_schema_is_converted_everywhere() {
        becomes(
            json!({ "type": "object", "properties": { "a": { "const": "x" }, "examples": { "type": "string" } },
                    "dependentSchemas": {}, "additionalProperties": true }),
            json!({ "type": "object", "properties": { "a": { "enum": ["x"] }, "examples": { "type": "string" } },
                    "additionalProperties": true }),
        );
        becomes(
            json!({ "$ref": "#/a", "description": "d" }),
            json!({ "allOf": [{ "$ref": "#/a" }], "description": "d" }),
        );
        becomes(
            json!({ "exclusiveMinimum": 0 }),
            json!({ "minimum": 0, "exclusiveMinimum": true }),
        );
        becomes(json!({ "examples": ["a", "b"] }), json!({ "example": "a" }));
        becomes(json!(true), json!({}));
    }
}
