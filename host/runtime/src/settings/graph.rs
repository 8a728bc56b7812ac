//! A schema as a graph of its subschemas, with edges for the values that each one applies to.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::excerpt;

/// Limit on subschemas.
const SUBSCHEMAS_MAX: usize = 2_000;

/// Why a schema was rejected.
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
    /// An object with a schema for each name; entries that are lists of names are skipped.
    Named,
}

/// The values that a keyword applies its subschemas to.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Applies {
    /// The schema's own value.
    Same,
    /// Values inside of it.
    Inside,
    /// None, unless a `$ref` names them.
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

/// One subschema. Its path is written out only for an error.
pub(super) struct Node<'s> {
    pub schema: &'s Map<String, Value>,
    /// The enclosing schema, the keyword there, and the name or index under the keyword.
    parent: Option<(usize, &'s str, Option<Segment<'s>>)>,
    pub edges: Vec<(usize, Applies)>,
}

#[derive(Clone, Copy)]
pub(super) enum Segment<'s> {
    Name(&'s str),
    Index(usize),
}

pub(super) struct Graph<'s> {
    pub nodes: Vec<Node<'s>>,
    /// For `$ref`: the node at an address.
    by_address: HashMap<*const Value, usize>,
}

impl<'s> Graph<'s> {
    /// Collects all subschemas; references are not resolved yet.
    pub fn read(root: &'s Value) -> Result<Self, SchemaError> {
        let mut graph = Graph { nodes: Vec::new(), by_address: HashMap::new() };
        graph.add(root, None)?;
        // The list grows in this loop: the subschemas of each node are appended.
        let mut next = 0;
        while next < graph.nodes.len() {
            graph.read_node(next)?;
            next += 1;
        }
        Ok(graph)
    }

    /// The subschema at this very value.
    pub fn at(&self, value: &Value) -> Option<usize> {
        self.by_address.get(&std::ptr::from_ref(value)).copied()
    }

    /// All nodes in postorder. A back edge closes a cycle: an error that names the node if only edges for the same
    /// value are followed, otherwise skipped.
    pub fn postorder(&self, follows: impl Fn(Applies) -> bool) -> Result<Vec<usize>, usize> {
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

    pub fn place(&self, id: usize) -> String {
        self.place_of(self.nodes[id].parent)
    }

    /// `None` for `true` and `false`, which are schemas without subschemas.
    fn add(
        &mut self,
        value: &'s Value,
        parent: Option<(usize, &'s str, Option<Segment<'s>>)>,
    ) -> Result<Option<usize>, SchemaError> {
        let schema = match value {
            Value::Object(schema) => schema,
            Value::Bool(_) if parent.is_some() => return Ok(None),
            _ => {
                let reason = "a schema must be an object".to_owned();
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

/// The subschemas of one keyword. Values of the wrong shape are skipped; the metaschema rejects them.
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

/// Escapes a segment of a JSON Pointer and cuts long names.
pub(super) fn escape(name: &str) -> String {
    excerpt::text(name, excerpt::NAME_BYTES_MAX).replace('~', "~0").replace('/', "~1")
}
