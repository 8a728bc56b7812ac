//! The payloads of webhooks, in the place that OpenAPI 3.1 has for them.

use serde_json::{Map, Value, json};

/// A field of `data`: its name, its type (`?` when it may be `null`).
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
        &[("inventory_id", "uuid"), ("shop_id", "uuid"), ("sku", "string")],
    ),
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
    let names: Vec<&str> = data.iter().map(|(name, _)| *name).collect();
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
    match kind {
        "uuid" => json!({ "type": "string", "format": "uuid" }),
        "status" => json!({ "$ref": "#/components/schemas/Status" }),
        "strings" => json!({ "type": "array", "items": { "type": "string" } }),
        kind => json!({ "type": kind }),
    }
}
