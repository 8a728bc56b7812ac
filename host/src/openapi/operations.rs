//! Adds what all operations share: ids in the path, `Idempotency-Key` on writes, the errors of each kind, and
//! response headers.

use serde_json::{Map, Value, json};

use super::CODES;

/// (status, name of the component, when)
const ERRORS: &[(u16, &str, &str)] = &[
    (400, "BadRequest", "A parameter, the path or the body is invalid; `details.field` says which"),
    (401, "Unauthorized", "No API key, or an unknown, revoked or expired one"),
    (403, "Forbidden", "The key's scope or the organization's tier does not allow it"),
    (404, "NotFound", "The resource does not exist in this organization"),
    (408, "RequestTimeout", "The body paused for too long, or was not complete in time"),
    (409, "Conflict", "The resource already exists, or its state does not allow the request"),
    (413, "TooLarge", "The body is too large"),
    (415, "UnsupportedMediaType", "The body has another `Content-Type`"),
    (
        422,
        "Unprocessable",
        "Plugins rejected the request, or the `Idempotency-Key` was already used for a different request",
    ),
    (429, "TooManyRequests", "The key or its organization has no requests left in this hour"),
    (500, "ServerError", "Contact support with the request id"),
    (
        503,
        "Unavailable",
        "The server or its database is not available at the moment or took too long, or a required plugin failed",
    ),
];

pub fn complete(document: &mut Value) {
    let components = &mut document["components"];
    components["headers"] = headers();
    components["parameters"] = json!({ "IdempotencyKey": {
        "name": "Idempotency-Key", "in": "header", "required": false,
        "description": "Up to 255 printable ASCII characters of the client's choice. A retry within 24 hours returns \
                        the first response, and nothing is done twice; with a different body it is a 422, and while \
                        the first request is in progress a 409.",
        "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]([\\x20-\\x7e]*[\\x21-\\x7e])?$" },
        "example": "2f9c5a0e-7d1b-4c38-9e64-0b8d5f3a1c27",
    }});
    for (status, name, description) in ERRORS {
        components["responses"][name] = error(*status, description);
    }
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            complete_operation(path, method, operation);
        }
    }
    add_links(document);
}

/// Adds links from each creation to the operations on the created resource.
fn add_links(document: &mut Value) {
    let mut links = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        let Some((made_at, parameter)) = split_last_id(path) else { continue };
        let creation = &document["paths"][made_at]["post"]["responses"]["201"];
        if !creation.is_object() {
            continue;
        }
        let outer: Map<String, Value> = ids_of(made_at)
            .map(|name| (name.to_owned(), json!(format!("$request.path.{name}"))))
            .collect();
        for (_, operation) in item.as_object().into_iter().flatten() {
            let mut parameters = outer.clone();
            parameters.insert(parameter.to_owned(), json!("$response.body#/id"));
            let link = json!({ "operationId": operation["operationId"], "parameters": parameters });
            links.push((made_at.to_owned(), link));
        }
    }
    for (made_at, link) in links {
        let name = link["operationId"].as_str().unwrap_or_default().to_owned();
        document["paths"][made_at]["post"]["responses"]["201"]["links"][name] = link;
    }
}

/// `/v1/tickets/{ticket_id}/transition` -> `/v1/tickets`, `ticket_id`
fn split_last_id(path: &str) -> Option<(&str, &str)> {
    let (made_at, rest) = path.rsplit_once("/{")?;
    Some((made_at, rest.split('}').next()?))
}

fn ids_of(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn headers() -> Value {
    json!({
        "RequestId": { "required": true, "schema": { "type": "string", "pattern": "^[A-Za-z0-9._-]{8,64}$" },
            "description": "The request's id, for support; the client's own if it sent \
                            one.", "example": "req_5f0c3b7a9d2e4c61b8a7f013" },
        "RateLimitLimit": { "schema": { "type": "integer", "minimum": 1 }, "example": 1000,
            "description": "How many requests of this class the key has in an hour, or its organization if that has \
                            fewer left. Absent when the server has no limits." },
        "RateLimitRemaining": { "schema": { "type": "integer", "minimum": 0 }, "example": 999,
            "description": "How many requests are left." },
        "RateLimitReset": { "schema": { "type": "integer" }, "example": 1646899200,
            "description": "When the limit resets, as a Unix time in seconds." },
        "RetryAfter": { "required": true, "schema": { "type": "integer", "minimum": 0 }, "example": 1,
            "description": "After how many seconds to retry." },
        "Location": { "required": true, "schema": { "type": "string" },
            "description": "The path of the created resource." },
        "WwwAuthenticate": { "required": true, "schema": { "type": "string" }, "example": "Bearer",
            "description": "How to authenticate." },
        "IdempotencyReplayed": { "schema": { "type": "string", "enum": ["true"] },
            "description": "Present if the response is a stored one, for a retry with an `Idempotency-Key`." },
    })
}

fn error(status: u16, description: &str) -> Value {
    let codes: Vec<String> = CODES
        .iter()
        .filter(|(_, of, _)| *of == status)
        .map(|(code, ..)| format!("`{code}`"))
        .collect();
    let schema = json!({ "$ref": "#/components/schemas/Error" });
    json!({
        "description": format!("{}: {description}", codes.join(", ")),
        "content": { "application/json": { "schema": schema } },
        "headers": headers_of(status, true),
    })
}

fn headers_of(status: u16, is_write: bool) -> Value {
    let mut names = vec![("X-Request-Id", "RequestId")];
    if status != 401 {
        names.extend([
            ("X-RateLimit-Limit", "RateLimitLimit"),
            ("X-RateLimit-Remaining", "RateLimitRemaining"),
            ("X-RateLimit-Reset", "RateLimitReset"),
        ]);
    }
    match status {
        201 => names.push(("Location", "Location")),
        401 => names.push(("WWW-Authenticate", "WwwAuthenticate")),
        429 | 503 => names.push(("Retry-After", "RetryAfter")),
        _ => {}
    }
    if is_write && status < 429 && status != 401 && status != 403 {
        names.push(("Idempotency-Replayed", "IdempotencyReplayed"));
    }
    let reference = |name| json!({ "$ref": format!("#/components/headers/{name}") });
    names.into_iter().map(|(name, component)| (name.to_owned(), reference(component))).collect()
}

fn complete_operation(path: &str, method: &str, operation: &mut Value) {
    let is_write = method != "get";
    let mut parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    for name in ids_of(path) {
        if parameters.iter().any(|parameter| parameter["name"] == name) {
            continue;
        }
        let schema = json!({ "type": "string", "format": "uuid" });
        let what = name.trim_end_matches("_id").replace('_', " ");
        let description = format!("The id of the {what}.");
        parameters.push(
            json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema }),
        );
    }
    if is_write {
        parameters.push(json!({ "$ref": "#/components/parameters/IdempotencyKey" }));
    }
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some(content) =
        operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut)
    {
        // utoipa describes bytes as a list of numbers.
        for (_, content) in content.iter_mut().filter(|(kind, _)| *kind != "application/json") {
            content["schema"] = json!({ "type": "string", "format": "binary" });
        }
    }
    let takes_body = operation["requestBody"].is_object();
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (status, response) in responses.iter_mut() {
        add_headers(status, is_write, response);
    }
    for (status, name, _) in ERRORS {
        let applies = match status {
            404 => path.contains('{'),
            409 | 422 => is_write,
            408 | 413 | 415 => takes_body,
            _ => true,
        };
        if applies {
            let reference = || json!({ "$ref": format!("#/components/responses/{name}") });
            responses.entry(status.to_string()).or_insert_with(reference);
        }
    }
}

fn add_headers(status: &str, is_write: bool, response: &mut Value) {
    let (Ok(status), Some(response)) = (status.parse(), response.as_object_mut()) else { return };
    let headers = response.entry("headers").or_insert_with(|| Value::Object(Map::new()));
    let (Some(headers), Value::Object(all)) =
        (headers.as_object_mut(), headers_of(status, is_write))
    else {
        return;
    };
    for (name, header) in all {
        headers.entry(name).or_insert(header);
    }
}
