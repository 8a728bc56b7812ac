//! `GET /v1/tickets/{ticket_id}/transitions`: the possible next statuses.

use serde_json::Value;

use crate::support::client::Client;
use crate::support::shape::assert_shape;
use crate::support::{TestApp, both_databases, json};

both_databases![
    each_edge_is_listed_and_nothing_else,
    what_is_allowed_goes_through,
    a_key_that_may_only_read_is_told_so,
    a_shortage_is_told_line_by_line,
    plugins_are_asked,
    a_plugin_may_find_stock_elsewhere,
];

async fn transitions(client: &Client, ticket: &str) -> Value {
    client.get(&format!("/v1/tickets/{ticket}/transitions")).await.ok()
}

fn next<'a>(found: &'a Value, to: &str) -> &'a Value {
    let list = found["transitions"].as_array().expect("a list");
    list.iter().find(|entry| entry["to_status"] == to).unwrap_or_else(|| panic!("no {to}: {found}"))
}

async fn each_edge_is_listed_and_nothing_else(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let found = transitions(t, &ticket).await;
    let entry = json!({ "to_status": "text", "allowed": "bool", "reasons": [], "warnings": [], "plugins": [], "runs": [] });
    let shape = json!({
        "ticket_id": "uuid", "version": "integer", "current_status": "=INTAKE", "terminal": "bool",
        "transitions": [entry],
    });
    assert_shape(&found, &shape);
    for (status, terminal, expected) in [
        ("INTAKE", false, &["TRIAGE", "DIAGNOSTICS", "VOIDED"][..]),
        ("QC_REVIEW", false, &["READY_FOR_PICKUP", "QC_FAILED", "VOIDED"]),
        ("PICKED_UP", false, &["CLOSED"]),
        ("CLOSED", true, &[]),
        ("VOIDED", true, &[]),
    ] {
        let ticket = t.create_ticket_in(&t.shop, status).await;
        let found = transitions(&t.writer, &ticket).await;
        assert_eq!(
            (&found["current_status"], &found["terminal"]),
            (&json!(status), &json!(terminal))
        );
        let to: Vec<_> = found["transitions"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| entry["to_status"].as_str().expect("a status"))
            .collect();
        assert_eq!(to, expected);
        assert_eq!(found["version"], t.ticket(&ticket).await["version"]);
    }
    t.get("/v1/tickets/00000000-0000-7000-8000-000000000000/transitions").await.not_found();
    t.stranger().await.get(&format!("/v1/tickets/{ticket}/transitions")).await.not_found();
}

async fn what_is_allowed_goes_through(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 3).await;
    let parts = json!([{ "inventory_id": item, "quantity": 2 }]);
    let ticket = t.create_ticket_with_parts(&t.shop, "INTAKE", parts).await;
    let mut visited = Vec::new();
    // Always the first way that is not the end.
    loop {
        let found = transitions(t, &ticket).await;
        assert_eq!(t.ticket(&ticket).await["version"], found["version"], "asking changes nothing");
        let Some(entry) = found["transitions"].as_array().expect("a list").first() else { break };
        assert_eq!((&entry["allowed"], &entry["reasons"]), (&json!(true), &json!([])));
        let to = entry["to_status"].as_str().expect("a status").to_owned();
        t.transition(&ticket, &to).await.ok();
        visited.push(to);
    }
    assert_eq!(visited.len(), 10, "{visited:?}");
    assert_eq!(t.stock(&item).await, (1, 0, 1));
}

async fn a_key_that_may_only_read_is_told_so(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let found = transitions(&t.reader, &ticket).await;
    for entry in found["transitions"].as_array().expect("a list") {
        assert_eq!(entry["allowed"], false);
        let reason = json!({
            "code": "SCOPE", "message": "This request needs an API key of scope write; this key has scope read",
            "required_scope": "write", "lines": [], "plugin": null, "violations": [],
        });
        assert_eq!(entry["reasons"], json!([reason]));
    }
    assert_eq!(next(&transitions(&t.writer, &ticket).await, "TRIAGE")["allowed"], true);
}

async fn a_shortage_is_told_line_by_line(t: &TestApp) {
    let screen = t.create_item(&t.shop, "SCREEN", 1).await;
    let glue = t.create_item(&t.shop, "GLUE", 9).await;
    let parts = json!([
        { "inventory_id": screen, "quantity": 3 },
        { "inventory_id": glue, "quantity": 3 },
        { "name": "Special", "quantity": 3, "unit_cost": 1 },
    ]);
    let ticket = t.create_ticket_with_parts(&t.shop, "WAITING_APPROVAL", parts).await;
    let warned = transitions(t, &ticket).await;
    let approved = next(&warned, "APPROVED");
    assert_eq!((&approved["allowed"], &approved["reasons"]), (&json!(true), &json!([])));
    assert_eq!(approved["warnings"][0]["lines"][0]["missing"], 2, "it would hold what there is");
    t.transition(&ticket, "APPROVED").await.ok();
    let found = transitions(t, &ticket).await;
    let repair = next(&found, "IN_REPAIR");
    assert_eq!(repair["allowed"], false);
    let reason = &repair["reasons"][0];
    assert_eq!(reason["code"], "INSUFFICIENT_STOCK");
    let refused = t.transition(&ticket, "IN_REPAIR").await.details(409, "INSUFFICIENT_STOCK");
    assert_eq!(reason["lines"], refused["lines"], "the same as when it is tried");
    assert_eq!(reason["lines"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&reason["lines"][0]["inventory_id"], &reason["lines"][0]["missing"]),
        (&json!(screen), &json!(2))
    );
    assert_eq!(next(&found, "VOIDED")["allowed"], true);
    t.patch(&format!("/v1/inventory/{screen}"), json!({ "quantity": 3 })).await.ok();
    assert_eq!(next(&transitions(t, &ticket).await, "IN_REPAIR")["allowed"], true);
    t.transition(&ticket, "IN_REPAIR").await.ok();
}

async fn plugins_are_asked(t: &TestApp) {
    let installation = t.install("guest-fickle", json!({ "do": "deny" })).await;
    let ticket = t.create_ticket(&t.shop).await;
    let found = transitions(t, &ticket).await;
    let entry = next(&found, "TRIAGE");
    assert_eq!(entry["allowed"], false);
    assert_eq!(entry["reasons"][0]["violations"][0]["code"], "FICKLE");
    let asked = json!({ "plugin": "guest-fickle", "installation_id": installation, "hook": "pre-transition" });
    assert_eq!(entry["plugins"], json!([asked]));
    t.transition(&ticket, "TRIAGE").await.error(422, "PLUGIN_REJECTED");
    t.delete(&format!("/v1/installations/{installation}")).await.ok();
    assert_eq!(next(&transitions(t, &ticket).await, "TRIAGE")["plugins"], json!([]));
}

async fn a_plugin_may_find_stock_elsewhere(t: &TestApp) {
    let elm = t.create_shop("Elm Street").await;
    let own = t.create_item(&t.shop, "SCREEN", 0).await;
    t.create_item(&elm, "SCREEN", 4).await;
    let installation = t.install("nearest-stock", json!({ "shop_order": [elm] })).await;
    let parts = json!([{ "inventory_id": own, "quantity": 1 }]);
    let ticket = t.create_ticket_with_parts(&t.shop, "DIAGNOSTICS", parts).await;
    let found = transitions(t, &ticket).await;
    let repair = next(&found, "IN_REPAIR");
    assert_eq!((&repair["allowed"], &repair["reasons"]), (&json!(true), &json!([])));
    assert_eq!(
        (&repair["warnings"], &repair["runs"][0]["outcome"]),
        (&json!([]), &json!("planned"))
    );
    let asked = json!({ "plugin": "nearest-stock", "installation_id": installation, "hook": "reserve-inventory" });
    assert_eq!(repair["plugins"], json!([asked]));
    assert_eq!(next(&found, "VOIDED")["plugins"], json!([]), "no stock is needed there");
    t.transition(&ticket, "IN_REPAIR").await.ok();
}
