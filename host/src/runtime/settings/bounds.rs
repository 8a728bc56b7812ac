//! Which schemas a plugin may carry: a bound on the number of subschemas, on what they come to with their references
//! expanded, and on their patterns. Nothing is evaluated, and the work is linear in the schema's size.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::reference::resolve;
use super::{defaults, patterns};
use crate::model::excerpt;

/// Subschemas that are written down.
const SUBSCHEMAS_MAX: usize = 2_000;

/// Subschemas with every `$ref` replaced by what it refers to.
const EXPANDED_MAX: u64 = 10_000;

const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "integer", "string"];

/// Without the `#` that the older ones end with.
const DIALECTS: [&str; 5] = [
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-04/schema",
];

/// References that depend on where evaluation came from, and names for them.
const UNSUPPORTED: [&str; 6] = [
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$recursiveAnchor",
    "$recursiveRef",
    "$vocabulary",
];

/// Why a plugin may not carry a schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at {}: {reason}", if place.is_empty() { "its top" } else { place })]
pub struct SchemaError {
    /// A JSON Pointer into the schema; empty for the schema itself.
    pub place: String,
    pub reason: String,
}

/// Where a keyword's subschemas are.
#[derive(Clone, Copy)]
enum Shape {
    One,
    List,
    OneOrList,
    /// An object with a schema for each name; values that are lists of names are no schemas.
    Named,
}

/// To which values a keyword applies its subschemas.
#[derive(Clone, Copy, PartialEq)]
enum Applies {
    /// To the value that the schema itself is for.
    Same,
    /// To values inside of it.
    Inside,
    /// To nothing, unless a `$ref` names them.
    Never,
}

const KEYWORDS: [(&str, Shape, Applies); 22] = [
    ("$defs", Shape::Named, Applies::Never),
    ("definitions", Shape::Named, Applies::Never),
    ("contentSchema", Shape::One, Applies::Never),
    ("allOf", Shape::List, Applies::Same),
    ("anyOf", Shape::List, Applies::Same),
    ("oneOf", Shape::List, Applies::Same),
    ("not", Shape::One, Applies::Same),
    ("if", Shape::One, Applies::Same),
    ("then", Shape::One, Applies::Same),
    ("else", Shape::One, Applies::Same),
    ("dependentSchemas", Shape::Named, Applies::Same),
    ("dependencies", Shape::Named, Applies::Same),
    ("properties", Shape::Named, Applies::Inside),
    ("patternProperties", Shape::Named, Applies::Inside),
    ("additionalProperties", Shape::One, Applies::Inside),
    ("unevaluatedProperties", Shape::One, Applies::Inside),
    ("propertyNames", Shape::One, Applies::Inside),
    ("items", Shape::OneOrList, Applies::Inside),
    ("prefixItems", Shape::List, Applies::Inside),
    ("additionalItems", Shape::One, Applies::Inside),
    ("unevaluatedItems", Shape::One, Applies::Inside),
    ("contains", Shape::One, Applies::Inside),
];

/// Refuses a schema that is over a bound, that refers to something outside of itself, or whose types, references or
/// patterns are not what they should be. What the rest of it means is for `check` to see.
pub(in crate::runtime) fn check(schema: &Value) -> Result<(), SchemaError> {
    let graph = Graph::read(schema)?;
    graph.check_expansion()?;
    defaults::try_fill(schema, &Value::Object(Map::new()))
        .map_err(|_| at_top("its defaults contain each other without an end, or are too large"))?;
    Ok(())
}

fn at_top(reason: &str) -> SchemaError {
    SchemaError { place: String::new(), reason: reason.to_owned() }
}

/// One subschema. Its place is written out only for an error.
struct Node<'s> {
    schema: &'s Map<String, Value>,
    /// The schema around it, the keyword there, and the name or index under the keyword.
    parent: Option<(usize, &'s str, Option<Segment<'s>>)>,
    edges: Vec<(usize, Applies)>,
}

#[derive(Clone, Copy)]
enum Segment<'s> {
    Name(&'s str),
    Index(usize),
}

struct Graph<'s> {
    nodes: Vec<Node<'s>>,
    /// For `$ref`: which node stands at an address.
    by_address: HashMap<*const Value, usize>,
    patterns: patterns::Budget,
}

impl<'s> Graph<'s> {
    fn read(root: &'s Value) -> Result<Self, SchemaError> {
        let mut graph = Graph {
            nodes: Vec::new(),
            by_address: HashMap::new(),
            patterns: patterns::Budget::default(),
        };
        graph.add(root, None)?;
        // Grows while it is read: the subschemas of each node are appended.
        let mut next = 0;
        while next < graph.nodes.len() {
            graph.read_node(next)?;
            next += 1;
        }
        for id in 0..graph.nodes.len() {
            graph.resolve_reference(root, id)?;
        }
        Ok(graph)
    }

    /// `None` for `true` and `false`, which are schemas without parts.
    fn add(
        &mut self,
        value: &'s Value,
        parent: Option<(usize, &'s str, Option<Segment<'s>>)>,
    ) -> Result<Option<usize>, SchemaError> {
        let schema = match value {
            Value::Object(schema) => schema,
            Value::Bool(_) if parent.is_some() => return Ok(None),
            _ => {
                let reason = "a schema has to be an object".to_owned();
                return Err(SchemaError { place: self.place_of(parent), reason });
            }
        };
        if self.nodes.len() == SUBSCHEMAS_MAX {
            let reason = format!("the schema has more than {SUBSCHEMAS_MAX} subschemas");
            return Err(SchemaError { place: self.place_of(parent), reason });
        }
        self.by_address.insert(std::ptr::from_ref(value), self.nodes.len());
        self.nodes.push(Node { schema, parent, edges: Vec::new() });
        Ok(Some(self.nodes.len() - 1))
    }

    fn read_node(&mut self, id: usize) -> Result<(), SchemaError> {
        let schema = self.nodes[id].schema;
        self.check_own(id)?;
        for (keyword, shape, applies) in KEYWORDS {
            let Some((keyword, value)) = schema.get_key_value(keyword) else { continue };
            for (segment, child) in children(shape, value) {
                let child = self.add(child, Some((id, keyword, segment)))?;
                if applies != Applies::Never
                    && let Some(child) = child
                {
                    self.nodes[id].edges.push((child, applies));
                }
            }
        }
        Ok(())
    }

    /// What a subschema says by itself.
    fn check_own(&mut self, id: usize) -> Result<(), SchemaError> {
        let schema = self.nodes[id].schema;
        let is_top = id == 0;
        let wrong = |graph: &Self, keyword: &str, reason: String| {
            let place = format!("{}/{}", graph.place(id), escape(keyword));
            Err(SchemaError { place, reason })
        };
        if let Some(keyword) = UNSUPPORTED.into_iter().find(|keyword| schema.contains_key(*keyword))
        {
            let reason =
                format!("{keyword} is not supported; use $ref with a place such as #/$defs/price");
            return wrong(self, keyword, reason);
        }
        for keyword in ["$id", "id"] {
            if !is_top && schema.get(keyword).is_some_and(Value::is_string) {
                let reason = format!("{keyword} is supported at the schema's top alone");
                return wrong(self, keyword, reason);
            }
        }
        if let Some(dialect) = schema.get("$schema")
            && !dialect.as_str().is_some_and(is_dialect)
        {
            let known = DIALECTS.join(", ");
            return wrong(self, "$schema", format!("it has to be one of {known}, or left out"));
        }
        if let Some(kind) = schema.get("type")
            && let Some(unknown) = unknown_type(kind)
        {
            let known = TYPES.join(", ");
            return wrong(self, "type", format!("{unknown} is not a type; the types are {known}"));
        }
        if let Some(pattern) = schema.get("pattern") {
            let Some(pattern) = pattern.as_str() else {
                return wrong(self, "pattern", "a pattern has to be a text".to_owned());
            };
            if let Err(reason) = self.patterns.spend(pattern) {
                return wrong(self, "pattern", reason);
            }
        }
        let names = schema.get("patternProperties").and_then(Value::as_object);
        for pattern in names.into_iter().flat_map(Map::keys) {
            if let Err(reason) = self.patterns.spend(pattern) {
                return wrong(self, "patternProperties", reason);
            }
        }
        Ok(())
    }

    fn resolve_reference(&mut self, root: &Value, id: usize) -> Result<(), SchemaError> {
        let Some(reference) = self.nodes[id].schema.get("$ref") else { return Ok(()) };
        let wrong =
            |reason: String| Err(SchemaError { place: format!("{}/$ref", self.place(id)), reason });
        let Some(text) = reference.as_str().filter(|text| *text == "#" || text.starts_with("#/"))
        else {
            return wrong(format!(
                "{} refers to something outside of the schema; use a place inside it, such as #/$defs/price",
                shortened(reference)
            ));
        };
        let found = resolve(root, text);
        match found.map(|found| (found, self.by_address.get(&std::ptr::from_ref(found)))) {
            Some((_, Some(target))) => {
                let target = *target;
                self.nodes[id].edges.push((target, Applies::Same));
                Ok(())
            }
            Some((Value::Bool(_), None)) => Ok(()),
            Some((_, None)) => wrong(format!(
                "at {} there is no subschema; put what is shared under $defs",
                shortened(reference)
            )),
            None => wrong(format!("there is nothing at {}", shortened(reference))),
        }
    }

    /// How many subschemas an evaluation goes through. A schema may refer to itself for values inside of its own (a
    /// tree), but not for the same value, which would have no end.
    fn check_expansion(&self) -> Result<(), SchemaError> {
        if let Err(id) = self.postorder(|applies| applies == Applies::Same) {
            let reason = "it refers back to itself for the same value, which has no end".to_owned();
            return Err(SchemaError { place: self.place(id), reason });
        }
        // A reference back is left out: what it costs depends on how deep the settings are.
        let order = self.postorder(|_| true).unwrap_or_else(|_| Vec::new());
        let mut expanded: Vec<u64> = vec![1; self.nodes.len()];
        for id in order {
            let node = &self.nodes[id];
            // They look at what the other keywords have evaluated, and so evaluate these once more.
            let again = ["unevaluatedProperties", "unevaluatedItems"]
                .into_iter()
                .any(|keyword| node.schema.contains_key(keyword));
            let mut sum: u64 = 1;
            for (target, applies) in &node.edges {
                let times = if again && *applies == Applies::Same { 2 } else { 1 };
                sum = sum.saturating_add(expanded[*target].saturating_mul(times));
            }
            if sum > EXPANDED_MAX {
                let reason = format!(
                    "with its references expanded it has more than {EXPANDED_MAX} subschemas"
                );
                return Err(SchemaError { place: self.place(id), reason });
            }
            expanded[id] = sum;
        }
        Ok(())
    }

    /// All nodes, each after those that its edges lead to. An edge back to a node that is not finished closes a circle:
    /// an error that names the node when edges for the same value alone are followed, else passed over.
    fn postorder(&self, follows: impl Fn(Applies) -> bool) -> Result<Vec<usize>, usize> {
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let is_strict = !follows(Applies::Inside);
        let mut states = vec![State::New; self.nodes.len()];
        let mut order = Vec::with_capacity(self.nodes.len());
        for start in 0..self.nodes.len() {
            if states[start] != State::New {
                continue;
            }
            states[start] = State::Open;
            let mut open = vec![(start, 0)];
            while let Some((id, next)) = open.pop() {
                let Some((target, applies)) = self.nodes[id].edges.get(next).copied() else {
                    states[id] = State::Done;
                    order.push(id);
                    continue;
                };
                open.push((id, next + 1));
                if !follows(applies) {
                    continue;
                }
                match states[target] {
                    State::New => {
                        states[target] = State::Open;
                        open.push((target, 0));
                    }
                    State::Open if is_strict => return Err(target),
                    State::Open | State::Done => {}
                }
            }
        }
        Ok(order)
    }

    fn place(&self, id: usize) -> String {
        self.place_of(self.nodes[id].parent)
    }

    fn place_of(&self, mut parent: Option<(usize, &'s str, Option<Segment<'s>>)>) -> String {
        let mut segments = Vec::new();
        while let Some((id, keyword, segment)) = parent {
            match segment {
                Some(Segment::Name(name)) => segments.push(escape(name)),
                Some(Segment::Index(index)) => segments.push(index.to_string()),
                None => {}
            }
            segments.push(escape(keyword));
            parent = self.nodes[id].parent;
        }
        segments.iter().rev().map(|segment| format!("/{segment}")).collect()
    }
}

/// The subschemas of one keyword. What does not have the keyword's shape is for the metaschema to refuse.
fn children(shape: Shape, value: &Value) -> Vec<(Option<Segment<'_>>, &Value)> {
    match (shape, value) {
        (Shape::Named, Value::Object(named)) => named
            .iter()
            .filter(|(_, value)| !value.is_array())
            .map(|(name, value)| (Some(Segment::Name(name)), value))
            .collect(),
        (Shape::List | Shape::OneOrList, Value::Array(values)) => values
            .iter()
            .enumerate()
            .map(|(index, value)| (Some(Segment::Index(index)), value))
            .collect(),
        (Shape::One | Shape::OneOrList, value) => vec![(None, value)],
        _ => Vec::new(),
    }
}

fn is_dialect(text: &str) -> bool {
    DIALECTS.contains(&text.strip_suffix('#').unwrap_or(text))
}

/// The first type of those that are named that is none.
fn unknown_type(kind: &Value) -> Option<String> {
    let is_known = |kind: &Value| kind.as_str().is_some_and(|kind| TYPES.contains(&kind));
    match kind {
        Value::Array(kinds) => kinds.iter().find(|kind| !is_known(kind)).map(shortened),
        kind => (!is_known(kind)).then(|| shortened(kind)),
    }
}

/// JSON for a message.
fn shortened(value: &Value) -> String {
    excerpt::text(&excerpt::value(value).to_string(), excerpt::NAME_BYTES_MAX).into_owned()
}

/// As a segment of a JSON Pointer; a name that is too long to be of use is cut.
fn escape(name: &str) -> String {
    excerpt::text(name, excerpt::NAME_BYTES_MAX).replace('~', "~0").replace('/', "~1")
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
            assert!(refused(&schema).1.contains("has no end"), "{schema}");
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
        assert!(at(json!({ "$ref": "#/$defs/a" })).1.contains("there is nothing"));
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
