//! Applies rules to all schemas: responses have all their fields, texts have no NUL character, a parameter may be
//! absent but not `null`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::model::money::AMOUNT_MAX;

/// No NUL character anywhere.
const TEXT: &str = r"^[^\x00]*$";
/// The same, with at least one visible character.
const TEXT_NOT_BLANK: &str = r"^[^\x00]*[^\s\x00-\x1f\x7f-\x9f][^\x00]*$";

pub fn complete(document: &mut Value) {
    add_alternatives(document);
    name_what_pages_have(document);
    let (asked, answered) =
        (references(document, "requestBody"), references(document, "responses"));
    let schemas = document["components"]["schemas"].as_object_mut().into_iter().flatten();
    for (name, schema) in schemas {
        if asked.contains(name) {
            constrain_texts(schema);
            constrain_amounts(schema);
        } else if answered.contains(name) {
            require_all(schema);
        }
    }
    for parameter in parameters(document) {
        let schema = &mut parameter["schema"];
        forbid_null(schema);
        constrain_texts(schema);
    }
}

/// Adds what attributes of a struct cannot express: which fields go together, what the entries of a list are.
fn add_alternatives(document: &mut Value) {
    let text = json!({ "type": "string", "minLength": 1 });
    let price = json!({ "type": "number", "minimum": 0, "maximum": 10_000_000 });
    let part = json!([
        { "required": ["inventory_id"], "properties": { "inventory_id": { "type": "string" } } },
        { "required": ["sku"], "properties": { "sku": text } },
        { "required": ["name", "unit_cost"], "properties": { "name": text, "unit_cost": price } },
    ]);
    if let Some(schema) = document.pointer_mut("/components/schemas/PartChange") {
        schema["anyOf"] = part;
    }
    let names = "/components/schemas/DiagnosticsChange/properties/recommended_parts";
    if let Some(names) = document.pointer_mut(names) {
        names["items"] = json!({ "type": "string", "minLength": 1, "maxLength": 200 });
        names["maxItems"] = json!(100);
    }
    for (name, kinds) in [
        ("NewTicket", json!(["string", "number", "boolean"])),
        ("TicketChange", json!(["string", "number", "boolean", "null"])),
    ] {
        let place = format!("/components/schemas/{name}/properties");
        if let Some(properties) = document.pointer_mut(&place) {
            let fields = &mut properties["custom_fields"];
            fields["additionalProperties"] =
                json!({ "type": kinds, "minLength": 1, "maxLength": 1000 });
            fields["propertyNames"] = json!({ "pattern": "^[a-z0-9_-]{1,64}$" });
            fields["maxProperties"] = json!(100);
            properties["tags"]["items"] =
                json!({ "type": "string", "minLength": 1, "maxLength": 64 });
        }
    }
    let changes = [
        "quantity",
        "adjust",
        "name",
        "category",
        "cost",
        "selling_price",
        "reorder_level",
        "supplier",
    ];
    let one_of = |names: &[&str]| -> Value {
        names.iter().map(|name| json!({ "required": [name] })).collect()
    };
    if let Some(schema) = document.pointer_mut("/components/schemas/InventoryChange") {
        schema["anyOf"] = one_of(&changes);
        schema["not"] = json!({ "required": ["quantity", "adjust"] });
        let counts = json!({ "anyOf": one_of(&["quantity", "adjust"]) });
        let mut releases = one_of(&["quantity", "adjust"]);
        if let Some(list) = releases.as_array_mut() {
            list.push(json!({ "properties": { "release": { "const": false } } }));
        }
        schema["dependentSchemas"] = json!({ "reason": counts, "release": { "anyOf": releases } });
    }
    if let Some(schema) = document.pointer_mut("/components/schemas/WebhookReplay") {
        schema["oneOf"] = one_of(&["since", "after"]);
    }
}

/// Makes a list's `data` refer to a schema instead of repeating its fields.
fn name_what_pages_have(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    let names: Vec<String> = schemas.keys().cloned().collect();
    for name in names {
        if let Some(page) = schemas.get_mut(&format!("Page_{name}")) {
            let reference = format!("#/components/schemas/{name}");
            page["properties"]["data"]["items"] = json!({ "$ref": reference });
        }
    }
}

/// The schemas that the given part of any operation refers to.
fn references(document: &Value, part: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for item in document["paths"].as_object().into_iter().flatten().map(|(_, item)| item) {
        for (_, operation) in item.as_object().into_iter().flatten() {
            collect_references(&operation[part], document, &mut found);
        }
    }
    found
}

fn collect_references(value: &Value, document: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = referenced(fields)
                && found.insert(name.to_owned())
            {
                collect_references(&document["components"]["schemas"][name], document, found);
            }
            fields.values().for_each(|value| collect_references(value, document, found));
        }
        Value::Array(values) => {
            values.iter().for_each(|value| collect_references(value, document, found));
        }
        _ => {}
    }
}

fn referenced(fields: &Map<String, Value>) -> Option<&str> {
    fields.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/")
}

/// Looks up without inserting; indexing would add missing entries.
fn list_mut<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Vec<Value>> {
    value.get_mut(name)?.as_array_mut()
}

fn parameters(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    document["paths"]
        .as_object_mut()
        .into_iter()
        .flatten()
        .flat_map(|(_, item)| item.as_object_mut().into_iter().flatten())
        .flat_map(|(_, operation)| list_mut(operation, "parameters").into_iter().flatten())
        .filter(|parameter| parameter["schema"].is_object())
}

/// Responses have all their fields, `null` if empty; only request fields may be absent.
fn require_all(schema: &mut Value) {
    for part in list_mut(schema, "allOf").into_iter().flatten() {
        require_all(part);
    }
    let Some(properties) = schema["properties"].as_object() else { return };
    let names: Vec<Value> = properties
        .iter()
        .filter(|(_, property)| property["x-may-be-absent"] != true)
        .map(|(name, _)| json!(name))
        .collect();
    schema["required"] = Value::Array(names);
}

/// Constrains every free text of a request: those without a pattern, format or enumeration.
fn constrain_texts(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let is_free = ["pattern", "format", "enum", "const"]
                .iter()
                .all(|name| !fields.contains_key(*name));
            if is_free && fields.get("type").is_some_and(may_be_text) {
                let not_blank =
                    fields.get("minLength").and_then(Value::as_u64).is_some_and(|min| min > 0);
                let pattern = if not_blank { TEXT_NOT_BLANK } else { TEXT };
                fields.insert("pattern".to_owned(), json!(pattern));
            }
            for (name, value) in fields.iter_mut() {
                if name != "example" && name != "examples" && name != "default" {
                    constrain_texts(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(constrain_texts),
        _ => {}
    }
}

/// Amounts in requests are bounded; sums in responses are not.
fn constrain_amounts(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if referenced(fields).is_some_and(|name| ["Money", "Hours"].contains(&name)) {
                fields.entry("minimum").or_insert(json!(0));
                fields.entry("maximum").or_insert(json!(AMOUNT_MAX / 100));
            }
            fields.values_mut().for_each(constrain_amounts);
        }
        Value::Array(values) => values.iter_mut().for_each(constrain_amounts),
        _ => {}
    }
}

fn may_be_text(kind: &Value) -> bool {
    kind == "string" || kind.as_array().is_some_and(|kinds| kinds.contains(&json!("string")))
}

fn forbid_null(schema: &mut Value) {
    if let Some(kinds) = list_mut(schema, "type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = &kinds[..] {
            schema["type"] = kind.clone();
        }
    }
    if let Some(choices) = list_mut(schema, "oneOf") {
        choices.retain(|choice| choice["type"] != "null");
        if let [choice] = &choices[..] {
            *schema = choice.clone();
        }
    }
}
