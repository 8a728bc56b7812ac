//! The payloads of webhooks, in the place that OpenAPI 3.1 has for them.

use serde_json::{Map, Value, json};

/// A field of `data`: its name, its type (`?` at its end when it may be `null`, `-` before it when it may be absent).
type Field = (&'static str, &'static str);

/// (event, when, fields of `data`)
const EVENTS: &[(&str, &str, &[Field])] = &[
    (
        "ticket.created",
        "New ticket created",
        &[
            ("ticket_id", "uuid"),
            ("ticket_number", "string"),
            ("status", "status"),
            ("shop_id", "uuid"),
            ("customer_id", "uuid"),
        ],
    ),
    (
        "ticket.transitioned",
        "Ticket status changed",
        &[
            ("ticket_id", "uuid"),
            ("ticket_number", "string"),
            ("from_status", "status"),
            ("to_status", "status"),
            ("shop_id", "uuid"),
        ],
    ),
    (
        "ticket.updated",
        "Ticket details modified",
        &[
            ("ticket_id", "uuid"),
            ("ticket_number", "string"),
            ("shop_id", "uuid"),
            ("changed", "strings"),
            ("version", "integer"),
        ],
    ),
    (
        "payment.processed",
        "Payment received",
        &[
            ("payment_id", "uuid"),
            ("ticket_id", "uuid"),
            ("ticket_number", "string"),
            ("shop_id", "uuid"),
            ("customer_id", "uuid"),
            ("kind", "string"),
            ("amount", "number"),
            ("method", "string"),
            ("amount_paid", "number"),
            ("balance_due", "number"),
        ],
    ),
    (
        "customer.created",
        "New customer created",
        &[("customer_id", "uuid"), ("name", "string"), ("email", "string"), ("shop_id", "uuid")],
    ),
    (
        "inventory.updated",
        "Stock level changed",
        &[
            ("inventory_id", "uuid"),
            ("shop_id", "uuid"),
            ("sku", "string"),
            ("quantity_on_hand", "integer"),
            ("quantity_reserved", "integer"),
            ("quantity_available", "integer"),
            ("reason", "string"),
            ("ticket_id", "-uuid"),
        ],
    ),
    ("plugin.installed", "A plugin was installed", INSTALLATION),
    ("plugin.updated", "An installation was changed", INSTALLATION),
    ("plugin.uninstalled", "An installation was removed", INSTALLATION),
    (
        "plugin.failed",
        "A plugin broke in a request; at most once a minute for each installation",
        &[
            ("installation_id", "uuid"),
            ("plugin", "string"),
            ("version", "string"),
            ("shop_id", "uuid"),
            ("ticket_id", "uuid"),
            ("ticket_number", "string"),
            ("hook", "string"),
            ("outcome", "string"),
            ("error", "object"),
            ("on_failure", "string?"),
            ("request_id", "string"),
        ],
    ),
    (
        "webhook.disabled",
        "Another webhook was switched off, since its receiver takes nothing",
        &[
            ("webhook_id", "uuid"),
            ("url", "string"),
            ("shop_id", "uuid?"),
            ("reason", "string"),
            ("failing_since", "string?"),
        ],
    ),
    (
        "webhook.test",
        "Somebody tries the webhook",
        &[("webhook_id", "uuid"), ("shop_id", "uuid?"), ("sent_by", "string")],
    ),
];

const INSTALLATION: &[Field] = &[
    ("installation_id", "uuid"),
    ("plugin_id", "uuid"),
    ("plugin", "string"),
    ("version", "string"),
    ("shop_id", "uuid?"),
    ("shop_ids", "strings?"),
    ("hooks", "object"),
    ("changed", "-strings"),
];

pub fn add(document: &mut Value) {
    document["webhooks"] = EVENTS
        .iter()
        .map(|(event, when, data)| ((*event).to_owned(), webhook(event, when, data)))
        .collect();
}

fn webhook(event: &str, when: &str, data: &[Field]) -> Value {
    let properties: Map<String, Value> =
        data.iter().map(|(name, kind)| ((*name).to_owned(), schema(kind))).collect();
    let always = data.iter().filter(|(_, kind)| !kind.starts_with('-'));
    let names: Vec<&str> = always.map(|(name, _)| *name).collect();
    let payload = json!({
        "type": "object",
        "required": ["event", "timestamp", "data"],
        "properties": {
            "event": { "type": "string", "const": event },
            "timestamp": { "type": "string", "format": "date-time", "description": "When it happened." },
            "data": { "type": "object", "required": names, "properties": properties },
        },
    });
    json!({ "post": {
        "tags": ["Webhooks"],
        "operationId": event.replace('.', "_"),
        "summary": when,
        "requestBody": { "required": true, "content": { "application/json": { "schema": payload } } },
        "responses": { "2XX": { "description": "Received; anything else is tried again" } },
    }})
}

fn schema(kind: &str) -> Value {
    let kind = kind.trim_start_matches('-');
    if let Some(kind) = kind.strip_suffix('?') {
        let mut schema = schema(kind);
        schema["type"] = json!([schema["type"].clone(), "null"]);
        return schema;
    }
    match kind {
        "uuid" => json!({ "type": "string", "format": "uuid" }),
        "status" => json!({ "$ref": "#/components/schemas/Status" }),
        "strings" => json!({ "type": "array", "items": { "type": "string" } }),
        kind => json!({ "type": kind }),
    }
}
