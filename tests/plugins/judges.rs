//! `pre-create` and `pre-update`: allowed, warned, refused, failing open and closed.

use std::time::Duration;

use serde_json::Value;

use crate::support::builders::ticket_body;
use crate::support::client::Asked;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_ticket_is_made_only_if_no_plugin_denies,
    a_failure_of_pre_create_is_closed_or_open,
    a_change_is_made_only_if_no_plugin_denies,
    one_answer_has_the_violations_of_fields_and_status,
    a_failure_of_pre_update_is_closed_or_open,
    what_is_no_change_of_fields_is_not_asked_about,
    a_new_ticket_can_be_assigned,
];

fn create(t: &TestApp, more: Value) -> impl Asked + use<> {
    t.post("/v1/tickets", ticket_body(&t.shop, more))
}

fn told(details: &Value) -> &str {
    details["violations"][0]["message"].as_str().expect("a message")
}

async fn count(t: &TestApp) -> Value {
    let customers = t.get("/v1/customers").await["pagination"]["total"].clone();
    let tickets = t.get("/v1/tickets").await["pagination"]["total"].clone();
    json!([tickets, customers])
}

async fn a_ticket_is_made_only_if_no_plugin_denies(t: &TestApp) {
    let installation = t.install("guest-judge", json!({ "pre_create": "tell" })).await;
    let more = json!({ "device_category": "phone", "tags": ["vip"], "custom_fields": { "serial": "C39" },
        "customer": { "name": "Jane", "email": "jane@example.com", "phone": "555-0123" } });
    let known = t.events().await.len();
    let details = create(t, more.clone()).await.details(422, "PLUGIN_REJECTED");
    let text = told(&details);
    assert!(
        text.contains(r#"Some("phone")"#)
            && text.contains(
                r#"Jane known false Some("jane@example.com") Some("555-0123") | ["vip"] serial"#
            ),
        "{text}"
    );
    assert_eq!(
        (&details["violations"][0]["hook"], &details["plugins"][0]["outcome"]),
        (&json!("pre-create"), &json!("denied"))
    );
    // Nothing is left of it, not even the customer or a number.
    assert_eq!((count(t).await, t.events().await.len()), (json!([0, 0]), known));
    t.reconfigure(&installation, json!({ "settings": { "pre_create": "warn" } })).await.ok();
    let created = create(t, more.clone()).await.expect_status(201);
    let id = created["id"].as_str().expect("an id").to_owned();
    assert_eq!(created["warnings"][0]["code"], "WARNED");
    assert_eq!(created["warnings"][0]["hook"], "pre-create");
    assert_eq!(t.ticket(&id).await["number"], "T000001");
    t.reconfigure(&installation, json!({ "settings": { "pre_create": "tell" } })).await.ok();
    let details = create(t, more.clone()).await.details(422, "PLUGIN_REJECTED");
    assert!(told(&details).contains("Jane known true"), "{details}");
    // Input that is wrong anyway is said first, and asks no plugin.
    create(t, json!({ "shop_id": t.app.clock.new_id::<repairops::model::ids::ShopId>() }))
        .await
        .invalid("shop_id");
    create(t, json!({ "issue_description": " " })).await.invalid("issue_description");
    // Two plugins: all violations of both.
    t.install(
        "intake-check",
        json!({ "rules": [{ "categories": ["*"], "fields": ["condition", "case"] }] }),
    )
    .await;
    let details = create(t, more).await.details(422, "PLUGIN_REJECTED");
    let codes: Vec<&Value> =
        details["violations"].as_array().expect("a list").iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["TOLD", "FIELD_MISSING", "FIELD_MISSING"]);
    // An Idempotency-Key of a refused request may be used again.
    let body = ticket_body(&t.shop, json!({}));
    let key = |body: &Value| {
        let request = t.request(axum::http::Method::POST, "/v1/tickets");
        let request = request.header("content-type", "application/json");
        t.send(request.header("idempotency-key", "again-1"), body.to_string().into())
    };
    key(&body).await.error(422, "PLUGIN_REJECTED");
    t.reconfigure(&installation, json!({ "hooks": { "pre-create": { "mode": "off" } } }))
        .await
        .ok();
    let body =
        ticket_body(&t.shop, json!({ "custom_fields": { "condition": "good", "case": "none" } }));
    key(&body).await.expect_status(201);
}

async fn a_failure_of_pre_create_is_closed_or_open(t: &TestApp) {
    let installation = t.install("guest-judge", json!({ "pre_create": "trap" })).await;
    let setup = t.get(&format!("/v1/installations/{installation}")).await.ok()["hooks"].clone();
    for hook in ["pre-create", "pre-update", "pre-transition"] {
        assert_eq!(setup[hook]["on_failure"], "closed", "{hook}");
    }
    for (what, outcome) in
        [("trap", "trap"), ("error", "error"), ("bad-output", "bad_output"), ("loop", "fuel")]
    {
        let settings = json!({ "settings": { "pre_create": what } });
        t.reconfigure(&installation, settings).await.ok();
        let details = create(t, json!({})).await.details(422, "PLUGIN_FAILED");
        assert_eq!(
            (&details["hook"], &details["outcome"]),
            (&json!("pre-create"), &json!(outcome)),
            "{what}"
        );
    }
    assert_eq!(count(t).await, json!([0, 0]));
    repairops::plugins::report_failures::write(&t.app).await;
    let (name, data) = t.events().await.pop().expect("an event");
    assert_eq!((name.as_str(), &data["hook"]), ("plugin.failed", &json!("pre-create")));
    assert_eq!((&data["ticket_id"], &data["ticket_number"]), (&json!(null), &json!(null)));
    assert_eq!(data["shop_id"], t.shop.as_str());
    let open = json!({ "hooks": { "pre-create": { "on_failure": "open" } } });
    t.reconfigure(&installation, open).await.ok();
    let created = create(t, json!({})).await.expect_status(201);
    assert_eq!(created["warnings"][0]["code"], "PLUGIN_FAILED_OPEN");
    assert_eq!(created["plugins"][0]["outcome"], "fuel");
}

async fn a_change_is_made_only_if_no_plugin_denies(t: &TestApp) {
    let installation = t.install("guest-judge", json!({ "pre_update": "tell" })).await;
    let id = t.create_ticket(&t.shop).await;
    let before = t.ticket(&id).await;
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let change = json!({ "labor_hours": 1.5, "labor_rate": 10, "notes": "why",
        "parts": [{ "inventory_id": item, "quantity": 1 }], "custom_fields": { "rush": true } });
    let details = t.change(&id, change.clone()).await.details(422, "PLUGIN_REJECTED");
    assert_eq!(
        told(&details),
        "INTAKE -> INTAKE | hours 0 -> 150 | parts 0 -> 1 | due 0 -> 17500 | \
         labor_hours,labor_rate,custom_fields.rush,parts | Some(\"why\")"
    );
    assert_eq!(t.ticket(&id).await, before);
    t.reconfigure(&installation, json!({ "settings": { "pre_update": "warn" } })).await.ok();
    let changed = t.change(&id, change).await.ok();
    assert_eq!(
        (&changed["warnings"][0]["code"], &changed["plugins"][0]["hook"]),
        (&json!("WARNED"), &json!("pre-update"))
    );
    assert_eq!(t.ticket(&id).await["labor"]["hours"], 1.5);
}

async fn one_answer_has_the_violations_of_fields_and_status(t: &TestApp) {
    t.install("guest-judge", json!({ "pre_update": "tell", "pre_transition": "deny" })).await;
    t.install("fickle-0-1-0", json!({ "do": "deny" })).await;
    let id = t.create_ticket(&t.shop).await;
    let body = json!({ "status": "TRIAGE", "labor_hours": 1 });
    let details = t.change(&id, body).await.details(422, "PLUGIN_REJECTED");
    let of = |field: &str| -> Vec<Value> {
        details["violations"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| one[field].clone())
            .collect()
    };
    assert_eq!(of("hook"), ["pre-update", "pre-transition", "pre-transition"]);
    assert_eq!(of("plugin"), ["guest-judge", "guest-judge", "fickle-0-1-0"]);
    // Both are asked about the same ticket, which is still in its status.
    assert!(told(&details).starts_with("INTAKE -> INTAKE | hours 0 -> 100"), "{details}");
    let hooks: Vec<&Value> =
        details["plugins"].as_array().expect("runs").iter().map(|run| &run["hook"]).collect();
    assert_eq!(hooks, ["pre-update", "pre-transition", "pre-transition"]);
    assert_eq!(t.ticket(&id).await["status"], "INTAKE");
    // Only the status: no pre-update.
    let details = t.transition(&id, "TRIAGE").await.details(422, "PLUGIN_REJECTED");
    assert_eq!(details["plugins"].as_array().map(Vec::len), Some(2));
}

async fn a_failure_of_pre_update_is_closed_or_open(t: &TestApp) {
    let installation = t.install("guest-judge", json!({ "pre_update": "trap" })).await;
    let id = t.create_ticket(&t.shop).await;
    let body = json!({ "diagnostics": { "findings": "dust" } });
    let details = t.change(&id, body.clone()).await.details(422, "PLUGIN_FAILED");
    assert_eq!((&details["hook"], &details["outcome"]), (&json!("pre-update"), &json!("trap")));
    assert_eq!(t.ticket(&id).await["diagnostics"]["findings"], json!(null));
    let open = json!({ "hooks": { "pre-update": { "on_failure": "open" } } });
    t.reconfigure(&installation, open).await.ok();
    let changed = t.change(&id, body).await.ok();
    assert_eq!(changed["warnings"][0]["code"], "PLUGIN_FAILED_OPEN");
    let last = t.ticket(&id).await["timeline"].as_array().expect("a list").last().cloned();
    let last = last.expect("an entry");
    assert_eq!((&last["kind"], &last["visibility"]), (&json!("note"), &json!("internal")));
}

async fn what_is_no_change_of_fields_is_not_asked_about(t: &TestApp) {
    let id = t.create_ticket(&t.shop).await;
    t.install("guest-judge", json!({ "pre_update": "deny" })).await;
    // The same values, notes alone, a transition, a payment, and what a plugin sets.
    t.change(&id, json!({ "labor_hours": 0 })).await.ok();
    t.change(&id, json!({ "notes": "called" })).await.ok();
    t.transition(&id, "TRIAGE").await.ok();
    let payment = json!({ "amount": 5, "method": "cash" });
    t.post(&format!("/v1/tickets/{id}/payments"), payment).await.expect_status(201);
    t.install("intake-triage", json!({})).await;
    let other = t.create_ticket(&t.shop).await;
    assert_eq!(t.ticket(&other).await["enrichment"], "done");
    t.change(&id, json!({ "labor_hours": 1 })).await.error(422, "PLUGIN_REJECTED");
}

async fn a_new_ticket_can_be_assigned(t: &TestApp) {
    let alice = t.create_technician("Alice").await;
    let installation = t.install("guest-judge", json!({ "assign_to": alice })).await;
    let created = create(t, json!({})).await.expect_status(201);
    let run = &created["plugins"][1];
    assert_eq!((&run["outcome"], &run["set"]), (&json!("enriched"), &json!(["assigned_to"])));
    let ticket = t.ticket(created["id"].as_str().expect("an id")).await;
    assert_eq!(
        (&ticket["assigned_to"], &ticket["assigned_to_name"]),
        (&json!(alice), &json!("Alice"))
    );
    assert_eq!(ticket["set_by_plugins"][0]["field"], "assigned_to");
    let found = t.get(&format!("/v1/tickets?assigned_to={alice}")).await.ok();
    assert_eq!(found["pagination"]["total"], 1);
    // Somebody who is not there, or of another organization, is an invalid answer; the ticket is stored.
    let stranger = t.stranger().await;
    let theirs = stranger
        .post(
            "/v1/users",
            json!({ "name": "Eve", "email": "eve@example.com", "role": "technician" }),
        )
        .await
        .expect_status(201)
        .id();
    for nobody in [theirs.as_str(), "00000000-0000-7000-8000-000000000000", "alice", ""] {
        t.reconfigure(&installation, json!({ "settings": { "assign_to": nobody } })).await.ok();
        let created = create(t, json!({})).await.expect_status(201);
        let run = &created["plugins"][1];
        assert_eq!(
            (&run["outcome"], &run["set"]),
            (&json!("bad_output"), &json!([])),
            "{nobody:?}"
        );
        assert_eq!(created["warnings"][0]["code"], "PLUGIN_FAILED_OPEN", "{nobody:?}");
        let ticket = t.ticket(created["id"].as_str().expect("an id")).await;
        assert_eq!(
            (&ticket["assigned_to"], &ticket["enrichment"]),
            (&json!(null), &json!("pending"))
        );
    }
    t.app.clock.advance(Duration::from_secs(3_600));
    t.reconfigure(&installation, json!({ "settings": { "assign_to": alice } })).await.ok();
    assert_eq!(repairops::tickets::enrich_due::run_due(&t.app).await.expect("work"), 4);
    let found = t.get(&format!("/v1/tickets?assigned_to={alice}")).await.ok();
    assert_eq!(found["pagination"]["total"], 5);
}
