//! Limits the schemas of plugins: their number of subschemas, their size with references expanded, and their
//! patterns.
//!
//! Invariant: nothing is evaluated, and the work is linear in the schema's size.

use serde_json::{Map, Value};

use super::defaults;
use super::graph::{Applies, Graph, SchemaError, escape};
use super::patterns::Budget;
use super::reference::resolve;
use crate::excerpt;

/// Subschemas after every `$ref` is expanded.
const EXPANDED_MAX: u64 = 10_000;

const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "integer", "string"];

/// Without the trailing `#` of the older ones.
const DIALECTS: [&str; 5] = [
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-04/schema",
];

/// References that depend on the dynamic scope, and names for them.
const UNSUPPORTED: [&str; 6] = [
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$recursiveAnchor",
    "$recursiveRef",
    "$vocabulary",
];

/// Rejects a schema that exceeds a limit, refers outside of itself, or has invalid types, references or patterns.
/// `check` validates the rest.
pub(crate) fn check(schema: &Value) -> Result<(), SchemaError> {
    let mut graph = Graph::read(schema)?;
    let mut patterns = Budget::default();
    for id in 0..graph.nodes.len() {
        check_own(&graph, id, &mut patterns)?;
        resolve_reference(&mut graph, schema, id)?;
    }
    check_expansion(&graph)?;
    defaults::try_fill(schema, &Value::Object(Map::new()))
        .map_err(|_| at_top("its defaults contain each other endlessly, or are too large"))?;
    Ok(())
}

fn at_top(reason: &str) -> SchemaError {
    SchemaError { place: String::new(), reason: reason.to_owned() }
}

/// Checks one subschema by itself.
fn check_own(graph: &Graph<'_>, id: usize, patterns: &mut Budget) -> Result<(), SchemaError> {
    let schema = graph.nodes[id].schema;
    let is_top = id == 0;
    let wrong = |keyword: &str, reason: String| {
        let place = format!("{}/{}", graph.place(id), escape(keyword));
        Err(SchemaError { place, reason })
    };
    if let Some(keyword) = UNSUPPORTED.into_iter().find(|keyword| schema.contains_key(*keyword)) {
        let reason =
            format!("{keyword} is not supported; use $ref with a place such as #/$defs/price");
        return wrong(keyword, reason);
    }
    for keyword in ["$id", "id"] {
        if !is_top && schema.get(keyword).is_some_and(Value::is_string) {
            let reason = format!("{keyword} is supported only at the top of the schema");
            return wrong(keyword, reason);
        }
    }
    if let Some(dialect) = schema.get("$schema")
        && !dialect.as_str().is_some_and(is_dialect)
    {
        let known = DIALECTS.join(", ");
        return wrong("$schema", format!("it must be one of {known}, or left out"));
    }
    if let Some(kind) = schema.get("type")
        && let Some(unknown) = unknown_type(kind)
    {
        let known = TYPES.join(", ");
        return wrong("type", format!("{unknown} is not a type; the types are {known}"));
    }
    if let Some(pattern) = schema.get("pattern") {
        let Some(pattern) = pattern.as_str() else {
            return wrong("pattern", "a pattern must be a string".to_owned());
        };
        if let Err(reason) = patterns.spend(pattern) {
            return wrong("pattern", reason);
        }
    }
    let names = schema.get("patternProperties").and_then(Value::as_object);
    for pattern in names.into_iter().flat_map(Map::keys) {
        if let Err(reason) = patterns.spend(pattern) {
            return wrong("patternProperties", reason);
        }
    }
    Ok(())
}

/// Adds the edge of a `$ref`.
fn resolve_reference(graph: &mut Graph<'_>, root: &Value, id: usize) -> Result<(), SchemaError> {
    let Some(reference) = graph.nodes[id].schema.get("$ref") else { return Ok(()) };
    let wrong =
        |reason: String| Err(SchemaError { place: format!("{}/$ref", graph.place(id)), reason });
    let Some(text) = reference.as_str().filter(|text| *text == "#" || text.starts_with("#/"))
    else {
        return wrong(format!(
            "{} refers to something outside of the schema; use a place inside it, such as #/$defs/price",
            shortened(reference)
        ));
    };
    let found = resolve(root, text);
    match found.map(|found| (found, graph.at(found))) {
        Some((_, Some(target))) => {
            graph.nodes[id].edges.push((target, Applies::Same));
            Ok(())
        }
        Some((Value::Bool(_), None)) => Ok(()),
        Some((_, None)) => wrong(format!(
            "{} does not point to a subschema; put shared subschemas under $defs",
            shortened(reference)
        )),
        None => wrong(format!(
            "{} points to a place that does not exist in the schema",
            shortened(reference)
        )),
    }
}

/// Checks how many subschemas an evaluation visits. A schema may refer to itself for values inside of its own (a
/// tree), but not for the same value, which would never end.
fn check_expansion(graph: &Graph<'_>) -> Result<(), SchemaError> {
    if let Err(id) = graph.postorder(|applies| applies == Applies::Same) {
        let reason = "it refers back to itself for the same value and would never end".to_owned();
        return Err(SchemaError { place: graph.place(id), reason });
    }
    // Back edges are left out: their cost depends on how deep the settings are.
    let order = graph.postorder(|_| true).unwrap_or_else(|_| Vec::new());
    let mut expanded: Vec<u64> = vec![1; graph.nodes.len()];
    for id in order {
        let node = &graph.nodes[id];
        // They depend on the results of the other keywords, so these are evaluated once more.
        let again = ["unevaluatedProperties", "unevaluatedItems"]
            .into_iter()
            .any(|keyword| node.schema.contains_key(keyword));
        let mut sum: u64 = 1;
        for (target, applies) in &node.edges {
            let times = if again && *applies == Applies::Same { 2 } else { 1 };
            sum = sum.saturating_add(expanded[*target].saturating_mul(times));
        }
        if sum > EXPANDED_MAX {
            let reason =
                format!("with its references expanded it has more than {EXPANDED_MAX} subschemas");
            return Err(SchemaError { place: graph.place(id), reason });
        }
        expanded[id] = sum;
    }
    Ok(())
}

fn is_dialect(text: &str) -> bool {
    DIALECTS.contains(&text.strip_suffix('#').unwrap_or(text))
}

/// The first name that is not a JSON type.
fn unknown_type(kind: &Value) -> Option<String> {
    let is_known = |kind: &Value| kind.as_str().is_some_and(|kind| TYPES.contains(&kind));
    match kind {
        Value::Array(kinds) => kinds.iter().find(|kind| !is_known(kind)).map(shortened),
        kind => (!is_known(kind)).then(|| shortened(kind)),
    }
}

/// Short JSON for a message.
fn shortened(value: &Value) -> String {
    excerpt::text(&excerpt::value(value).to_string(), excerpt::NAME_BYTES_MAX).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(schema: &Value) -> (String, String) {
        let error = check(schema).expect_err("the schema is refused");
        (error.place, error.reason)
    }

    /// `$defs` that each apply the next one `times`.
    fn chain(length: usize, times: usize) -> Value {
        let defs: Map<String, Value> = (0..length)
            .map(|n| {
                let next = json!({ "$ref": format!("#/$defs/{}", n + 1) });
                (n.to_string(), json!({ "allOf": vec![next; times] }))
            })
            .chain([(length.to_string(), json!({ "type": "object" }))])
            .collect();
        json!({ "$ref": "#/$defs/0", "$defs": defs })
    }

    #[test]
    fn ordinary_schemas_are_taken() {
        for schema in [
            json!({}),
            json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/s.json",
                "type": "object", "required": ["a"], "additionalProperties": false,
                "properties": {
                    "a": { "type": ["string", "null"], "pattern": "^[a-z]+$" },
                    "b": { "$ref": "#/$defs/a~1b%20c" },
                    "c": { "items": { "$ref": "#/properties/a" } },
                    "d": true,
                },
                "$defs": { "a/b c": { "enum": [{ "type": "no schema, a value" }] } },
            }),
            json!({
                "$schema": "http://json-schema.org/draft-07/schema#",
                "dependencies": { "a": ["b"], "b": { "required": ["c"] } },
                "definitions": { "x": { "items": [{ "type": "string" }], "additionalItems": false } },
            }),
            // A tree: rules inside of rules.
            json!({
                "properties": { "rule": { "$ref": "#/$defs/rule" } },
                "$defs": { "rule": { "anyOf": [
                    { "type": "string" },
                    { "properties": { "all": { "items": { "$ref": "#/$defs/rule" } } } },
                    { "properties": { "any": { "items": { "$ref": "#/$defs/rule" } } } },
                ] } },
            }),
            chain(50, 1),
        ] {
            assert_eq!(check(&schema), Ok(()), "{schema}");
        }
    }

    #[test]
    fn what_references_expand_to_is_bounded() {
        let (place, reason) = refused(&chain(26, 2));
        assert!(reason.contains("more than 10000 subschemas"), "{reason}");
        assert!(place.starts_with("/$defs/"), "{place}");
        assert!(check(&chain(9, 2)).is_ok());
        assert!(refused(&chain(60, 3)).1.contains("expanded"));
        let wide = json!({ "properties": { "a": { "anyOf": vec![json!({}); 2_000] } } });
        assert!(refused(&wide).1.contains("more than 2000 subschemas"));
    }

    #[test]
    fn unevaluated_keywords_count_twice() {
        let mut schema = json!({ "type": "object" });
        for _ in 0..20 {
            schema = json!({ "allOf": [schema], "unevaluatedProperties": false });
        }
        assert!(refused(&schema).1.contains("expanded"));
    }

    #[test]
    fn references_without_an_end_are_refused() {
        for schema in [
            json!({ "$ref": "#" }),
            json!({ "allOf": [{ "not": { "$ref": "#" } }] }),
            json!({ "$ref": "#/$defs/a", "$defs": { "a": { "anyOf": [{ "$ref": "#/$defs/a" }] } } }),
        ] {
            assert!(refused(&schema).1.contains("never end"), "{schema}");
        }
        let endless = json!({ "properties": { "a": { "$ref": "#", "default": {} } } });
        assert!(refused(&endless).1.contains("defaults"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let at = |schema: Value| refused(&schema);
        let (place, reason) = at(json!({ "properties": { "a/b": { "type": "text" } } }));
        assert_eq!(place, "/properties/a~1b/type");
        assert!(reason.contains(r#""text" is not a type"#), "{reason}");
        for elsewhere in
            ["http://127.0.0.1:1/s.json", "other.json#/a", "#name", "file:///etc/passwd", ""]
        {
            let (place, reason) = at(json!({ "items": [{ "$ref": elsewhere }] }));
            assert_eq!(place, "/items/0/$ref");
            assert!(reason.contains("outside of the schema"), "{reason}");
        }
        assert!(at(json!({ "$ref": "#/$defs/a" })).1.contains("does not exist"));
        assert!(at(json!({ "$ref": "#/x", "x": { "y": 1 } })).1.contains("under $defs"));
        assert_eq!(at(json!({ "not": { "$id": "https://example.com" } })).0, "/not/$id");
        assert_eq!(at(json!({ "$schema": "https://example.com/dialect" })).0, "/$schema");
        assert_eq!(at(json!({ "$dynamicRef": "#a" })).0, "/$dynamicRef");
        let (place, reason) = at(json!({ "items": { "pattern": "a(?=b)" } }));
        assert_eq!(place, "/items/pattern");
        assert!(reason.contains("look-ahead"), "{reason}");
        let bombs: Vec<Value> = (0..40).map(|_| json!({ "pattern": r"\pL{100}a" })).collect();
        assert_eq!(at(json!({ "anyOf": bombs })).0, "/anyOf/0/pattern");
        assert_eq!(at(json!({ "patternProperties": { r"\pL{100}": {} } })).0, "/patternProperties");
        assert_eq!(at(json!({ "not": 1 })).0, "/not");
        assert_eq!(at(json!([])).0, "");
    }

    #[test]
    fn places_are_written_for_errors_alone() {
        // 30 KB of a name above 1,500 subschemas: writing out each place would be 45 MB.
        let long = "x".repeat(30_000);
        let inner: Vec<Value> = (0..1_500).map(|_| json!({ "type": "string" })).collect();
        let mut schema = json!({ "properties": { &long: { "anyOf": inner } } });
        assert_eq!(check(&schema), Ok(()));
        schema["properties"][&long]["anyOf"][1_499] = json!(7);
        let (place, _) = refused(&schema);
        assert!(place.ends_with("…/anyOf/1499") && place.len() < 200, "{place}");
    }
}
