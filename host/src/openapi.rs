//! The OpenAPI document: what the handlers' annotations say, completed by what holds for all of them
//! (ids in the path, the errors, the headers), so that no annotation has to repeat it.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;

/// What the annotations cannot say: title, servers, security, the order of the tags.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "RepairOps REST API",
        description = "Tickets, customers, stock, payments and figures of repair shops, with plugins that take part in the workflow.",
        license(name = "MIT", identifier = "MIT"),
    ),
    servers((url = "/", description = "This server")),
    components(schemas(ErrorBody)),
    tags(
        (name = "Tickets", description = "Repairs, from intake to pickup."),
        (name = "Customers", description = "Found or made by email when a ticket is made."),
        (name = "Inventory", description = "Stock of the shops, and what is reserved of it."),
        (name = "KPIs", description = "Daily figures, from the tickets themselves."),
        (name = "Webhooks", description = "Events, delivered to endpoints of yours."),
        (name = "API keys", description = "Who may ask for what."),
        (name = "Shops"),
        (name = "Users"),
        (name = "Plugins", description = "Uploaded WebAssembly components."),
        (name = "Installations", description = "Plugins that take part, their order and limits."),
    ),
)]
pub struct Frame;

/// The body of every error.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub struct ErrorBody {
    error: ErrorContent,
}

#[derive(Serialize, ToSchema)]
struct ErrorContent {
    /// For programs, for example `INVALID_REQUEST`.
    code: String,
    /// For people.
    message: String,
    /// What the code calls for: `field` and `value` of a bad input, `violations` of plugins …
    #[schema(value_type = Object)]
    details: Value,
    /// The same as in the header `X-Request-Id`; support finds the request by it.
    request_id: String,
}

/// The whole document as JSON.
pub fn complete(document: &OpenApi) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["components"]["securitySchemes"] = json!({ "api_key": {
        "type": "http", "scheme": "bearer",
        "description": "An API key: `Authorization: Bearer ro_live_…`. Scopes: read, write, admin; each includes those before it.",
    }});
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, item) in paths {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                complete_operation(path, method, operation);
            }
        }
    }
    require_what_is_always_there(&mut document);
    document
}

fn complete_operation(path: &str, method: &str, operation: &mut Value) {
    let mut parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        let schema = json!({ "type": "string", "format": "uuid" });
        parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
    }
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    let takes_body = operation["requestBody"].is_object();
    let mut errors = vec![
        (
            400,
            "INVALID_REQUEST: a parameter, the path or the body is not right; `details.field` says which",
        ),
        (401, "UNAUTHORIZED: no API key, or an unknown, revoked or expired one"),
        (403, "FORBIDDEN: the key's scope or the organization's tier does not allow it"),
        (429, "RATE_LIMIT_EXCEEDED: the key's requests of this hour are used up"),
        (500, "SERVER_ERROR: contact support with the request id"),
        (503, "SERVER_BUSY or PLUGIN_UNAVAILABLE: try again after `Retry-After` seconds"),
    ];
    if path.contains('{') {
        errors.push((404, "NOT_FOUND: there is no such resource in this organization"));
    }
    if method != "get" {
        errors.push((409, "CONFLICT: what is there already, or a state that does not allow it"));
        errors.push((422, "The same Idempotency-Key came with another request"));
    }
    if takes_body {
        errors.push((413, "PAYLOAD_TOO_LARGE"));
        errors.push((415, "UNSUPPORTED_MEDIA_TYPE"));
    }
    let responses = &mut operation["responses"];
    for (status, description) in errors {
        if responses[status.to_string()].is_null() {
            let content = json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } });
            responses[status.to_string()] =
                json!({ "description": description, "content": content });
        }
    }
}

/// Answers have all their fields, `null` when empty; only what a request sends may leave some out.
fn require_what_is_always_there(document: &mut Value) {
    let (mut asked, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for operation in document["paths"].as_object().into_iter().flatten().flat_map(|(_, item)| {
        item.as_object().into_iter().flatten().map(|(_, operation)| operation).collect::<Vec<_>>()
    }) {
        collect_references(&operation["requestBody"], document, &mut asked);
        collect_references(&operation["responses"], document, &mut answered);
    }
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    for name in answered.difference(&asked) {
        if let Some(schema) = schemas.get_mut(name) {
            require_all(schema);
        }
    }
}

fn require_all(schema: &mut Value) {
    for part in schema["allOf"].as_array_mut().into_iter().flatten() {
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

fn collect_references(value: &Value, document: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let name = referenced(fields);
            if let Some(name) = name
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
