//! `PATCH /v1/tickets/{ticket_id}`: all or nothing.

use crate::support::shape::assert_shape;
use crate::support::{TestApp, both_databases, json};

both_databases![
    the_answer_has_the_documented_fields,
    a_status_that_a_plugin_denies_changes_nothing_else,
    a_wrong_field_changes_nothing_else,
    a_missing_edge_changes_nothing_else,
    the_same_status_is_no_transition,
    an_empty_patch_changes_nothing,
    fields_can_be_emptied,
    null_is_for_what_can_be_empty,
    amounts_have_at_most_two_decimals,
    the_largest_amounts_can_be_read_again,
    ids_that_are_not_there_are_named,
    notes_alone_are_a_note,
];

async fn the_answer_has_the_documented_fields(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let body = json!({ "status": "TRIAGE", "labor_hours": 2, "labor_rate": 65 });
    let changed = t.writer.change(&ticket, body).await.expect_status(200);
    assert_shape(
        &changed.body,
        &json!({ "id": "uuid", "status": "=TRIAGE", "updated_at": "time", "version": "integer", "plugins": [], "warnings": [] }),
    );
    let after = t.ticket(&ticket).await;
    assert_eq!(after["labor"], json!({ "hours": 2.0, "rate": 65.0, "total": 130.0 }));
    assert_eq!((&after["updated_at"], &after["version"]), (&changed["updated_at"], &json!(2)));
    let events = t.events().await;
    let (_, data) = events.iter().find(|(name, _)| name == "ticket.updated").expect("an event");
    assert_eq!(data["changed"], json!(["labor_hours", "labor_rate"]));
    assert_eq!(data["version"], 2);
}

async fn a_status_that_a_plugin_denies_changes_nothing_else(t: &TestApp) {
    t.install("guest-fickle", json!({ "do": "deny", "only_to": "TRIAGE" })).await;
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let ticket = t.create_ticket(&t.shop).await;
    let (before, known) = (t.ticket(&ticket).await, t.events().await.len());
    let body = json!({
        "status": "TRIAGE", "labor_hours": 3, "notes": "hello", "diagnostics": { "findings": "dust" },
        "parts": [{ "inventory_id": item, "quantity": 1 }],
    });
    t.change(&ticket, body).await.error(422, "PLUGIN_REJECTED");
    assert_eq!(t.ticket(&ticket).await, before);
    assert_eq!(t.event_names_after(known).await, [""; 0]);
}

async fn a_wrong_field_changes_nothing_else(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let before = t.ticket(&ticket).await;
    let nobody = "00000000-0000-7000-8000-000000000000";
    t.change(&ticket, json!({ "labor_hours": 3, "assigned_to": nobody }))
        .await
        .invalid("assigned_to");
    t.change(&ticket, json!({ "labor_hours": 3, "issue": { "severity": "urgent" } }))
        .await
        .invalid("issue.severity");
    t.change(&ticket, json!({ "labor_hours": 3, "parts": [{ "quantity": 1 }] }))
        .await
        .invalid("parts[0]");
    t.change(&ticket, json!({ "labor_hours": 3, "colour": "blue" })).await.invalid("colour");
    t.change(&ticket, json!({ "labor_hours": 3, "device": { "size": 1 } }))
        .await
        .invalid("device.size");
    t.change(&ticket, json!({ "status": "TRIAGE", "notes": "x".repeat(2_001) }))
        .await
        .invalid("notes");
    assert_eq!(t.ticket(&ticket).await, before);
}

async fn a_missing_edge_changes_nothing_else(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let before = t.ticket(&ticket).await;
    let details = t
        .change(&ticket, json!({ "status": "CLOSED", "labor_hours": 3 }))
        .await
        .details(409, "INVALID_TRANSITION");
    assert_eq!(
        details,
        json!({ "from": "INTAKE", "to": "CLOSED", "allowed": ["TRIAGE", "DIAGNOSTICS", "VOIDED"] })
    );
    assert_eq!(t.ticket(&ticket).await, before);
}

async fn the_same_status_is_no_transition(t: &TestApp) {
    t.install("guest-fickle", json!({ "do": "deny" })).await;
    let ticket = t.create_ticket(&t.shop).await;
    let known = t.events().await.len();
    let changed = t.change(&ticket, json!({ "status": "INTAKE", "labor_hours": 1 })).await.ok();
    assert_eq!(
        (&changed["status"], &changed["plugins"]),
        (&json!("INTAKE"), &json!([])),
        "no plugin was asked"
    );
    assert_eq!(t.event_names_after(known).await, ["ticket.updated"]);
    assert_eq!(t.ticket(&ticket).await["timeline"].as_array().map(Vec::len), Some(1));
}

async fn an_empty_patch_changes_nothing(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let (before, known) = (t.ticket(&ticket).await, t.events().await.len());
    for body in [json!({}), json!({ "status": "INTAKE" }), json!({ "notes": "  " })] {
        let changed = t.change(&ticket, body).await.ok();
        assert_eq!(changed["updated_at"], before["updated_at"]);
    }
    assert_eq!(t.ticket(&ticket).await, before);
    assert_eq!(t.event_names_after(known).await, [""; 0]);
}

async fn fields_can_be_emptied(t: &TestApp) {
    let alice = t.create_technician("Alice Tech").await;
    let ticket = t.create_ticket(&t.shop).await;
    let full = json!({
        "assigned_to": alice, "diagnostics": { "findings": "dust", "estimated_cost": 10, "recommended_parts": ["Fan"] },
        "issue": { "category": "power", "severity": "low" }, "device": { "description": "grey" },
    });
    t.change(&ticket, full).await.ok();
    t.change(&ticket, json!({ "labor_hours": 1 })).await.ok();
    let after = t.ticket(&ticket).await;
    assert_eq!(after["assigned_to_name"], "Alice Tech", "what is not named stays");
    assert_eq!(
        after["diagnostics"],
        json!({ "findings": "dust", "estimated_cost": 10.0, "recommended_parts": ["Fan"] })
    );
    assert_eq!(
        (&after["issue"]["severity"], &after["device"]["description"]),
        (&json!("low"), &json!("grey"))
    );
    let empty = json!({
        "assigned_to": null, "diagnostics": { "findings": null, "estimated_cost": null, "recommended_parts": [] },
        "issue": { "category": null, "severity": null }, "device": { "description": null },
    });
    t.change(&ticket, empty).await.ok();
    let after = t.ticket(&ticket).await;
    assert_eq!((&after["assigned_to"], &after["assigned_to_name"]), (&json!(null), &json!(null)));
    assert_eq!(
        after["diagnostics"],
        json!({ "findings": null, "estimated_cost": null, "recommended_parts": [] })
    );
    assert_eq!(
        (&after["issue"]["category"], &after["issue"]["severity"]),
        (&json!(null), &json!(null))
    );
    assert_eq!(after["device"]["description"], json!(null));
}

async fn null_is_for_what_can_be_empty(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    t.change(&ticket, json!({ "labor_hours": 2, "labor_rate": 50 })).await.ok();
    let before = t.ticket(&ticket).await;
    for field in ["status", "labor_hours", "labor_rate", "parts", "diagnostics", "issue", "device"]
    {
        let mut body = json!({ "notes": "hello" });
        body[field] = json!(null);
        let error = t.change(&ticket, body).await.error(400, "INVALID_REQUEST");
        assert_eq!(error["details"], json!({ "field": field, "value": null }));
        let message = error["message"].as_str().expect("a message");
        assert!(message.starts_with(&format!("{field}: ")), "{message}");
    }
    let names = json!({ "diagnostics": { "recommended_parts": null } });
    t.change(&ticket, names).await.invalid("diagnostics.recommended_parts");
    assert_eq!(t.ticket(&ticket).await, before);
    t.change(&ticket, json!({ "labor_hours": 0, "notes": null, "actor_id": null })).await.ok();
    let labor = t.ticket(&ticket).await["labor"].clone();
    assert_eq!(labor, json!({ "hours": 0.0, "rate": 50.0, "total": 0.0 }));
}

async fn amounts_have_at_most_two_decimals(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    assert_eq!(
        t.change(&ticket, json!({ "labor_rate": 65.001 })).await.invalid("labor_rate"),
        65.001
    );
    assert_eq!(
        t.change(&ticket, json!({ "labor_hours": 1.005 })).await.invalid("labor_hours"),
        1.005
    );
    assert_eq!(t.change(&ticket, json!({ "labor_rate": -1 })).await.invalid("labor_rate"), -1);
    assert_eq!(t.change(&ticket, json!({ "labor_rate": "65" })).await.invalid("labor_rate"), "65");
    let cost = json!({ "diagnostics": { "estimated_cost": 0.125 } });
    assert_eq!(t.change(&ticket, cost).await.invalid("diagnostics.estimated_cost"), 0.125);
    let parts = json!({ "parts": [{ "name": "Screen", "quantity": 1, "unit_cost": 1.999 }] });
    assert_eq!(t.change(&ticket, parts).await.invalid("parts[0].unit_cost"), 1.999);
    t.change(&ticket, json!({ "labor_hours": 0.29, "labor_rate": 100.1 })).await.ok();
    assert_eq!(
        t.ticket(&ticket).await["labor"],
        json!({ "hours": 0.29, "rate": 100.1, "total": 29.03 })
    );
}

async fn the_largest_amounts_can_be_read_again(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let line = |number: usize| json!({ "name": format!("Gold {number}"), "quantity": 1_000_000, "unit_cost": 10_000_000 });
    let lines: Vec<_> = (0..200).map(line).collect();
    let most = json!({ "labor_hours": 100_000, "labor_rate": 1_000_000, "parts": lines });
    t.change(&ticket, most).await.ok();
    let detail = t.ticket(&ticket).await;
    assert_eq!(detail["total_cost"], 2_000_100_000_000_000.0);
    assert_eq!(t.get("/v1/tickets").await.ok()["data"][0]["total_cost"], detail["total_cost"]);
    for status in ["DIAGNOSTICS", "IN_REPAIR", "QC_REVIEW", "READY_FOR_PICKUP", "PICKED_UP"] {
        t.transition(&ticket, status).await.ok();
    }
    let customers = t.get("/v1/customers").await.ok();
    assert_eq!(customers["data"][0]["lifetime_spend"], detail["total_cost"]);

    let ticket = t.create_ticket(&t.shop).await;
    t.change(&ticket, json!({ "labor_rate": 1_000_000.01 })).await.invalid("labor_rate");
    let line = json!([{ "name": "Gold", "quantity": 1, "unit_cost": 10_000_000.01 }]);
    t.change(&ticket, json!({ "parts": line })).await.invalid("parts[0].unit_cost");
}

async fn ids_that_are_not_there_are_named(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let nobody = "00000000-0000-7000-8000-000000000000";
    assert_eq!(
        t.change(&ticket, json!({ "assigned_to": nobody })).await.invalid("assigned_to"),
        nobody
    );
    assert_eq!(
        t.change(&ticket, json!({ "assigned_to": "alice" })).await.invalid("assigned_to"),
        "alice"
    );
    assert_eq!(
        t.change(&ticket, json!({ "actor_id": nobody, "labor_hours": 1 }))
            .await
            .invalid("actor_id"),
        nobody
    );
    t.change(nobody, json!({ "labor_hours": 1 })).await.not_found();
}

async fn notes_alone_are_a_note(t: &TestApp) {
    let alice = t.create_technician("Alice Tech").await;
    let ticket = t.create_ticket(&t.shop).await;
    t.change(&ticket, json!({ "notes": " The customer called. ", "actor_id": alice })).await.ok();
    let entry = t.ticket(&ticket).await["timeline"][1].clone();
    assert_eq!((&entry["kind"], &entry["status"]), (&json!("note"), &json!("INTAKE")));
    assert_eq!(
        (&entry["actor"], &entry["notes"]),
        (&json!("Alice Tech"), &json!("The customer called."))
    );
}
