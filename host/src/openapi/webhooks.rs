//! Adds the webhooks' payloads to the document as OpenAPI 3.1 webhooks.
//!
//! Invariant: they are generated from [`OutboxEvent`], so the document lists every event with exactly its fields.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::model::outbox::OutboxEvent;

const COMPONENTS: &str = "#/components/schemas/";

pub fn add(document: &mut Value) {
    let mut referenced: Vec<(String, RefOr<Schema>)> = Vec::new();
    OutboxEvent::schemas(&mut referenced);
    let mut schemas: BTreeMap<String, Value> = referenced
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default()))
        .collect();
    let events = serde_json::to_value(OutboxEvent::schema()).unwrap_or_default();
    let mut webhooks = Map::new();
    let mut data_names = Vec::new();
    for variant in events["oneOf"].as_array().into_iter().flatten() {
        let properties = &variant["properties"];
        let event = properties["event"]["enum"][0].as_str().unwrap_or_default();
        let name =
            properties["data"]["$ref"].as_str().and_then(|path| path.strip_prefix(COMPONENTS));
        let data = name.and_then(|name| schemas.get(name)).cloned().unwrap_or_default();
        webhooks.insert(event.to_owned(), webhook(event, &variant["description"], &data));
        data_names.extend(name.map(str::to_owned));
    }
    document["webhooks"] = Value::Object(webhooks);
    // Schemas that the data refers to stay components; the data itself is inlined into its webhook.
    schemas.retain(|name, _| !data_names.contains(name));
    let Some(components) = document["components"]["schemas"].as_object_mut() else { return };
    for (name, schema) in schemas {
        components.entry(name).or_insert(schema);
    }
}

fn webhook(event: &str, summary: &Value, data: &Value) -> Value {
    let payload = json!({
        "type": "object",
        "required": ["event", "timestamp", "data"],
        "properties": {
            "event": { "type": "string", "const": event },
            "timestamp": { "type": "string", "format": "date-time", "description": "When it happened." },
            "data": data,
        },
    });
    json!({ "post": {
        "tags": ["Webhooks"],
        "operationId": event.replace('.', "_"),
        "summary": summary,
        // A receiver checks the signature; there is no API key in these requests.
        "security": [],
        "requestBody": { "required": true, "content": { "application/json": { "schema": payload } } },
        "responses": { "2XX": { "description": "Received; any other response is retried" } },
    }})
}
