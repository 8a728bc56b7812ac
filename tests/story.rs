//! The main story of the product, from a ticket's intake to its pickup, over a real socket.

use crate::support::builders::{item_body, ticket_body};
use crate::support::{TestApp, both_databases, json};

both_databases![a_ticket_goes_through_three_plugins];

async fn a_ticket_goes_through_three_plugins(t: &TestApp) {
    let api = t.serve().await;
    let elm = api.create_shop("Elm Street").await;
    let alice = api.create_technician("Alice Tech").await;
    api.create_item(&t.shop, "SCREEN-16", 0).await;
    let far = api.create_item(&elm, "SCREEN-16", 4).await;
    let glue = api
        .post("/v1/inventory", item_body(&t.shop, "GLUE", json!({ "selling_price": 9.99 })))
        .await
        .id();
    api.install("qc-gate", json!({ "approval_threshold": 100 })).await;
    let prices = json!([{ "device": "macbook", "category": "liquid_damage", "price": 149 }]);
    api.install("intake-triage", json!({ "prices": prices })).await;
    api.install("nearest-stock", json!({ "shop_order": [elm] })).await;

    // It comes in and is enriched.
    let known = t.events().await.len();
    let intake = json!({ "issue_description": "Won't turn on, possible liquid damage", "device_category": "laptop" });
    let created = api.post("/v1/tickets", ticket_body(&t.shop, intake)).await.expect_status(201);
    assert_eq!(created["plugins"][0]["plugin"], "intake-triage");
    assert_eq!(created["plugins"][0]["outcome"], "enriched");
    let id = created.id();
    let ticket = api.ticket(&id).await;
    assert_eq!(ticket["enrichment"], "done");
    assert_eq!(ticket["issue"]["category"], "liquid_damage");
    assert_eq!(ticket["issue"]["severity"], "high");
    assert_eq!(ticket["tags"], json!(["liquid-damage"]));
    assert_eq!(ticket["diagnostics"]["estimated_cost"], 149.0);
    let set: Vec<_> = ticket["set_by_plugins"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| &entry["field"])
        .collect();
    assert_eq!(set, ["diagnostics.estimated_cost", "issue.category", "issue.severity", "tags"]);
    assert_eq!(ticket["timeline"][1]["kind"], "note");
    assert_eq!(ticket["timeline"][1]["actor"], "intake-triage (plugin)");
    assert_eq!(
        t.event_names_after(known).await,
        ["customer.created", "ticket.created", "ticket.updated"],
        "one for the customer, one for the ticket, one for the patch"
    );

    // The parts come from the second shop: the own one has none.
    let parts =
        json!([{ "sku": "SCREEN-16", "quantity": 2 }, { "inventory_id": glue, "quantity": 1 }]);
    let known = t.events().await.len();
    let changed = api.change(&id, json!({ "parts": parts, "status": "DIAGNOSTICS" })).await.ok();
    assert_eq!(changed["status"], "DIAGNOSTICS");
    assert_eq!(t.event_names_after(known).await, ["ticket.transitioned", "ticket.updated"]);
    let known = t.events().await.len();
    let planned = api.transition(&id, "IN_REPAIR").await.ok();
    assert_eq!(planned["plugins"][1]["plugin"], "nearest-stock");
    assert_eq!(planned["plugins"][1]["outcome"], "planned");
    assert_eq!(api.stock(&far).await, (4, 2, 2));
    let ticket = api.ticket(&id).await;
    assert_eq!(ticket["reservations"][0]["plugin"], "nearest-stock");
    assert_eq!(ticket["parts"][0]["held"], 2);
    let events = t.event_names_after(known).await;
    assert_eq!(events.iter().filter(|name| *name == "inventory.updated").count(), 2, "{events:?}");

    // QC is refused, with every reason at once.
    let known = t.events().await.len();
    let details = api.transition(&id, "QC_REVIEW").await.details(422, "PLUGIN_REJECTED");
    let violations = details["violations"].as_array().expect("a list");
    let reasons: Vec<_> =
        violations.iter().map(|v| (v["code"].as_str(), v["field"].as_str())).collect();
    assert_eq!(
        reasons,
        [
            (Some("TECHNICIAN_MISSING"), Some("assigned_to")),
            (Some("FINDINGS_MISSING"), Some("diagnostics.findings")),
            (Some("APPROVAL_MISSING"), Some("timeline")),
        ]
    );
    assert!(
        violations.iter().all(
            |v| v["plugin"] == "qc-gate" && v["message"].as_str().is_some_and(|m| m.len() > 20)
        )
    );
    assert_eq!(api.ticket(&id).await["status"], "IN_REPAIR");
    assert_eq!(t.event_names_after(known).await, [""; 0], "a refusal leaves no event");
    api.transition(&id, "VOIDED").await.ok();
    assert_eq!(api.stock(&far).await, (4, 0, 4), "what was held went back");

    // The same again, as it should be: asked first, and with all that QC wants to know.
    let id =
        api.create_ticket_with(&t.shop, json!({ "issue_description": "Cracked screen" })).await;
    let done = json!({ "parts": parts, "assigned_to": alice, "labor_hours": 1.5, "labor_rate": 65,
                       "diagnostics": { "findings": "The panel is broken." } });
    api.change(&id, done).await.ok();
    for status in ["DIAGNOSTICS", "WAITING_APPROVAL", "APPROVED", "IN_REPAIR"] {
        api.transition(&id, status).await.ok();
    }
    assert_eq!(api.stock(&far).await, (4, 2, 2));
    let known = t.events().await.len();
    api.transition(&id, "QC_REVIEW").await.ok();
    assert_eq!(api.stock(&far).await, (2, 0, 2), "used");
    assert_eq!(t.movements(&far).await, [(4, "initial".to_owned()), (-2, "used".to_owned())]);
    let events = t.events().await.split_off(known);
    let transitioned =
        events.iter().find(|(name, _)| name == "ticket.transitioned").expect("an event");
    assert_eq!(
        transitioned.1,
        json!({ "ticket_id": id, "ticket_number": "T000002", "shop_id": t.shop,
                "from_status": "IN_REPAIR", "to_status": "QC_REVIEW" })
    );
    let used =
        events.iter().find(|(_, data)| data["inventory_id"] == far.as_str()).expect("an event");
    assert_eq!(
        (&used.0[..], &used.1["quantity_on_hand"], &used.1["reason"]),
        ("inventory.updated", &json!(2), &json!("consumed"))
    );

    let ticket = api.ticket(&id).await;
    assert_eq!(ticket["labor"], json!({ "hours": 1.5, "rate": 65.0, "total": 97.5 }));
    assert_eq!(ticket["parts_cost"], json!(329.99));
    assert_eq!(ticket["total_cost"], json!(427.49));
    api.transition(&id, "READY_FOR_PICKUP").await.ok();
    api.transition(&id, "PICKED_UP").await.ok();
    let customer = api
        .get(&format!("/v1/customers/{}", ticket["customer"]["id"].as_str().expect("an id")))
        .await;
    assert_eq!(customer["lifetime_spend"], json!(427.49));
}
