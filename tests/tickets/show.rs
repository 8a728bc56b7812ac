//! `GET /v1/tickets/{ticket_id}`.

use crate::support::shape::assert_shape;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_bare_ticket_has_every_documented_field,
    a_full_ticket_has_every_documented_field,
    an_unknown_ticket_is_not_found,
];

async fn a_bare_ticket_has_every_documented_field(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let shape = json!({
        "id": "uuid", "number": "text", "status": "=INTAKE", "shop_id": "uuid",
        "customer": { "id": "uuid", "name": "text", "email": "text", "phone": "null" },
        "device": { "identifier": "text", "category": "null", "description": "null" },
        "issue": { "description": "text", "category": "null", "severity": "null" },
        "assigned_to": "null", "assigned_to_name": "null",
        "timeline": [{ "status": "text", "timestamp": "time", "actor": "text", "kind": "text", "notes": "null",
                       "visibility": "=internal" }],
        "timeline_total": "integer", "contact_name": "null",
        "diagnostics": { "findings": "null", "estimated_cost": "null", "recommended_parts": [] },
        "labor": { "hours": "number", "rate": "number", "total": "number" },
        "parts": [], "labor_cost": "number", "parts_cost": "number", "total_cost": "number",
        "amount_paid": "number", "balance_due": "number", "feedback": "null",
        "tags": [], "custom_fields": {}, "reservations": [], "set_by_plugins": [], "enrichment": "=none",
        "version": "integer", "created_at": "time", "updated_at": "time",
    });
    let ticket = t.ticket(&ticket).await;
    assert_shape(&ticket, &shape);
    assert_eq!(ticket["total_cost"], 0.0);
    assert_eq!(ticket["labor"], json!({ "hours": 0.0, "rate": 0.0, "total": 0.0 }));
}

/// The reference's sample, as far as it adds up.
async fn a_full_ticket_has_every_documented_field(t: &TestApp) {
    let alice = t.create_technician("Alice Tech").await;
    let screen = t.create_item(&t.shop, "SCREEN-IP14-001", 5).await;
    let field = json!({ "key": "shelf", "value": "B7" });
    t.install("guest-fickle", json!({ "tag": "vip", "severity": "high", "field": field })).await;
    let body = json!({
        "customer": { "name": "John Doe", "email": "john@example.com", "phone": "555-0123" },
        "device_identifier": "iPhone 14 Pro", "device_category": "smartphone", "issue_description": "Cracked screen",
    });
    let id = t.create_ticket_with(&t.shop, body).await;
    let more = json!({
        "status": "DIAGNOSTICS", "notes": "on the bench", "assigned_to": alice, "labor_hours": 1.5, "labor_rate": 65.00,
        "parts": [{ "inventory_id": screen, "name": "iPhone 14 Pro Screen", "quantity": 1, "unit_cost": 80 },
                  { "name": "Digitizer Assembly", "sku": "DIGI", "quantity": 1, "unit_cost": 80 }],
        "diagnostics": { "findings": "Screen is damaged; digitizer also broken", "estimated_cost": 259.99,
                         "recommended_parts": ["iPhone 14 Pro Screen", "Digitizer Assembly"] },
        "issue": { "category": "physical_damage" }, "device": { "description": "Blue, 256GB" },
    });
    t.change(&id, more).await.ok();
    t.transition(&id, "IN_REPAIR").await.ok();
    let ticket = t.ticket(&id).await;
    let source = json!({ "field": "text", "plugin": "=guest-fickle", "version": "text", "installation_id": "uuid", "at": "time" });
    let part = json!({ "id": "uuid", "inventory_id": "uuid", "sku": "text", "name": "text", "quantity": "integer",
                       "unit_cost": "number", "total": "number", "held": "integer", "consumed": "integer" });
    let shape = json!({
        "id": "uuid", "number": "=T000001", "status": "=IN_REPAIR", "shop_id": "uuid",
        "customer": { "id": "uuid", "name": "=John Doe", "email": "=john@example.com", "phone": "=555-0123" },
        "device": { "identifier": "=iPhone 14 Pro", "category": "=smartphone", "description": "=Blue, 256GB" },
        "issue": { "description": "=Cracked screen", "category": "=physical_damage", "severity": "=high" },
        "contact_name": "null", "timeline_total": "integer",
        "assigned_to": "uuid", "assigned_to_name": "=Alice Tech", "timeline": [{
            "status": "text", "timestamp": "time", "actor": "=Office", "kind": "text", "notes": "text",
            "visibility": "=internal" }],
        "diagnostics": { "findings": "text", "estimated_cost": "number", "recommended_parts": ["text"] },
        "labor": { "hours": "number", "rate": "number", "total": "number" },
        "parts": [part], "labor_cost": "number", "parts_cost": "number", "total_cost": "number",
        "amount_paid": "number", "balance_due": "number", "feedback": "null",
        "tags": ["=vip"], "custom_fields": { "shelf": "=B7" },
        "reservations": [{ "id": "uuid", "part_id": "uuid", "inventory_id": "uuid", "quantity": "integer",
                           "state": "=held", "plugin": "null" }],
        "set_by_plugins": [source], "enrichment": "=done", "version": "integer", "created_at": "time", "updated_at": "time",
    });
    // A list is compared entry by entry with one shape: take out what only some entries have.
    let mut compared = ticket.clone();
    compared["parts"][1]["inventory_id"] = compared["parts"][0]["inventory_id"].clone();
    compared["timeline"] = json!([compared["timeline"][1]]);
    assert_shape(&compared, &shape);
    assert_eq!(ticket["parts"][1]["inventory_id"], json!(null), "a special order");
    let statuses: Vec<_> = ticket["timeline"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| &entry["status"])
        .collect();
    assert_eq!(statuses, ["INTAKE", "DIAGNOSTICS", "IN_REPAIR"]);
    assert_eq!(ticket["labor"], json!({ "hours": 1.5, "rate": 65.0, "total": 97.5 }));
    assert_eq!(
        (&ticket["labor_cost"], &ticket["parts_cost"], &ticket["total_cost"]),
        (&json!(97.5), &json!(160.0), &json!(257.5))
    );
    assert_eq!(ticket["parts"][0]["total"], 80.0);
}

async fn an_unknown_ticket_is_not_found(t: &TestApp) {
    let error =
        t.get("/v1/tickets/00000000-0000-7000-8000-000000000000").await.error(404, "NOT_FOUND");
    assert_eq!((&error["message"], &error["details"]), (&json!("Ticket not found"), &json!({})));
}
