//! What is sent: the reference's payload, event by event, and the headers.

use chrono::DateTime;
use serde_json::Value;

use super::{create, deliver};
use crate::support::receiver::Receiver;
use crate::support::shape::assert_shape;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_request_has_the_documented_payload_and_standard_headers,
    tickets_and_customers_tell_what_happened,
    stock_tells_what_happened,
    an_endpoint_gets_what_it_asked_for,
    without_an_endpoint_nothing_waits,
    payments_tell_what_happened,
    every_event_is_as_the_document_says,
];

/// The `data` of the events of that name that came.
fn data(receiver: &Receiver, event: &str) -> Vec<Value> {
    let all = receiver.received().into_iter().map(|request| request.json());
    all.filter(|body| body["event"] == event).map(|body| body["data"].clone()).collect()
}

async fn a_request_has_the_documented_payload_and_standard_headers(t: &TestApp) {
    let ticket = t.create_ticket_in(&t.shop, "IN_REPAIR").await;
    let receiver = Receiver::start().await;
    let webhook = create(t, &receiver.url, json!({})).await;
    let moved = t.transition(&ticket, "QC_REVIEW").await.ok();
    assert_eq!(deliver(&t.app).await, 1);
    let request = receiver.one();
    assert_shape(
        &request.json(),
        &json!({
            "event": "=ticket.transitioned",
            "timestamp": format!("={}", moved["timestamp"].as_str().expect("a time")),
            "data": {
                "ticket_id": format!("={ticket}"), "ticket_number": "=T000001", "from_status": "=IN_REPAIR",
                "to_status": "=QC_REVIEW", "shop_id": format!("={}", t.shop),
            },
        }),
    );
    assert_eq!(request.header("content-type"), "application/json");
    let agent = concat!("RepairOps-Webhooks/", env!("CARGO_PKG_VERSION"));
    assert_eq!(request.header("user-agent"), agent);
    assert_shape(&json!(request.header("webhook-id")), &json!("uuid"));
    let sent: i64 = request.header("webhook-timestamp").parse().expect("a number");
    let now = t.app.clock.now().timestamp();
    assert!((now - 60..=now).contains(&sent), "{sent} {now}");
    assert_eq!(request.signatures_by(webhook["secret"].as_str().expect("a secret")), 1);
    assert_eq!(request.header("webhook-signature").split(' ').count(), 1);
}

async fn tickets_and_customers_tell_what_happened(t: &TestApp) {
    let receiver = Receiver::start().await;
    create(t, &receiver.url, json!({})).await;
    let ticket = t.create_ticket(&t.shop).await;
    let technician = t.create_technician("Alice Tech").await;
    let body = json!({ "status": "DIAGNOSTICS", "assigned_to": technician, "labor_hours": 2 });
    t.change(&ticket, body).await.ok();
    deliver(&t.app).await;
    assert_eq!(
        receiver.events(),
        ["customer.created", "ticket.created", "ticket.transitioned", "ticket.updated"]
    );
    let shop = format!("={}", t.shop);
    let customer = &t.ticket(&ticket).await["customer"]["id"];
    assert_shape(
        &data(&receiver, "customer.created")[0],
        &json!({ "customer_id": format!("={}", customer.as_str().expect("an id")), "name": "=Jane Smith",
                 "email": "=jane@example.com", "shop_id": shop }),
    );
    assert_shape(
        &data(&receiver, "ticket.created")[0],
        &json!({ "ticket_id": format!("={ticket}"), "ticket_number": "=T000001", "status": "=INTAKE",
                 "shop_id": shop, "customer_id": "uuid" }),
    );
    let updated = &data(&receiver, "ticket.updated")[0];
    assert_eq!(updated["changed"], json!(["labor_hours", "assigned_to"]));
    assert_eq!((&updated["shop_id"], &updated["version"]), (&json!(t.shop), &json!(2)));
}

async fn stock_tells_what_happened(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let receiver = Receiver::start().await;
    create(t, &receiver.url, json!({ "events": ["inventory.updated"] })).await;
    let body = json!({ "quantity": 10, "reason": "purchased" });
    t.patch(&format!("/v1/inventory/{item}"), body).await.ok();
    deliver(&t.app).await;
    assert_shape(
        &data(&receiver, "inventory.updated")[0],
        &json!({ "inventory_id": format!("={item}"), "shop_id": format!("={}", t.shop), "sku": "=SCREEN",
                 "quantity_on_hand": "integer", "quantity_reserved": "integer", "quantity_available": "integer",
                 "reason": "=purchased" }),
    );
    receiver.clear();
    let parts = json!([{ "inventory_id": item, "quantity": 3 }]);
    let ticket = t.create_ticket_with_parts(&t.shop, "IN_REPAIR", parts).await;
    deliver(&t.app).await;
    let held = &data(&receiver, "inventory.updated")[0];
    assert_eq!((&held["reason"], &held["ticket_id"]), (&json!("reserved"), &json!(ticket)));
    assert_eq!((&held["quantity_on_hand"], &held["quantity_available"]), (&json!(10), &json!(7)));
}

async fn an_endpoint_gets_what_it_asked_for(t: &TestApp) {
    let (all, some) = (Receiver::start().await, Receiver::start().await);
    create(t, &all.url, json!({ "events": ["*"] })).await;
    create(t, &some.url, json!({ "events": ["ticket.transitioned", "payment.processed"] })).await;
    let ticket = t.create_ticket(&t.shop).await;
    t.transition(&ticket, "TRIAGE").await.ok();
    assert_eq!(deliver(&t.app).await, 4);
    assert_eq!(all.events(), ["customer.created", "ticket.created", "ticket.transitioned"]);
    assert_eq!(some.events(), ["ticket.transitioned"]);
    assert_eq!(some.ids()[0], all.ids()[2], "an event has one id, wherever it goes");
    assert_eq!(deliver(&t.app).await, 0, "and goes once");
    for request in all.received() {
        let time = request.json()["timestamp"].as_str().expect("a time").to_owned();
        assert!(DateTime::parse_from_rfc3339(&time).is_ok_and(|_| time.ends_with('Z')), "{time}");
    }
}

async fn without_an_endpoint_nothing_waits(t: &TestApp) {
    t.create_ticket(&t.shop).await;
    let receiver = Receiver::start().await;
    create(t, &receiver.url, json!({})).await;
    assert_eq!(deliver(&t.app).await, 0);
    assert_eq!(receiver.received().len(), 0, "what was before it is not for it");
    assert_eq!(t.events().await.len(), 2, "but it can be replayed");
}

async fn payments_tell_what_happened(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let receiver = Receiver::start().await;
    create(t, &receiver.url, json!({ "events": ["payment.processed"] })).await;
    let body = json!({ "amount": 50, "method": "card" });
    t.post(&format!("/v1/tickets/{ticket}/payments"), body).await.expect_status(201);
    deliver(&t.app).await;
    let paid = &data(&receiver, "payment.processed")[0];
    assert_eq!((&paid["ticket_id"], &paid["shop_id"]), (&json!(ticket), &json!(t.shop)));
    assert_eq!(paid["amount"], 50.0);
}

async fn every_event_is_as_the_document_says(t: &TestApp) {
    let document = t.get("/v1/openapi.json").await.ok();
    let (receiver, gone) = (Receiver::start().await, Receiver::start().await);
    let webhook = create(t, &receiver.url, json!({})).await;
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let parts = json!([{ "inventory_id": item, "quantity": 1 }]);
    let ticket = t.create_ticket_with_parts(&t.shop, "IN_REPAIR", parts).await;
    let body = json!({ "amount": 50, "method": "card" });
    t.post(&format!("/v1/tickets/{ticket}/payments"), body).await.expect_status(201);
    let id = t.install("guest-trap", json!({})).await;
    t.transition(&ticket, "QC_REVIEW").await.error(422, "PLUGIN_FAILED");
    repairops::plugins::report_failures::write(&t.app).await;
    t.reconfigure(&id, json!({ "shop_ids": [t.shop] })).await.ok();
    let next =
        t.upload_bytes(&crate::support::builders::build_of("guest-trap", "0.2.0")).await.id();
    t.post(&format!("/v1/installations/{id}/upgrade"), json!({ "plugin_id": next })).await.ok();
    t.post(&format!("/v1/installations/{id}/rollback"), json!({})).await.ok();
    t.delete(&format!("/v1/installations/{id}")).await.expect_status(200);
    gone.answers(crate::support::receiver::Answer::Status(410));
    create(t, &gone.url, json!({ "events": ["ticket.updated"] })).await;
    t.change(&ticket, json!({ "labor_hours": 1 })).await.ok();
    t.post(&format!("{}/test", super::path(&webhook)), json!({})).await.ok();
    let customer = json!({ "name": "Jane Doe", "email": "other@example.com" });
    let other = t.create_ticket_with(&t.shop, json!({ "customer": customer })).await;
    let of =
        async |id: &str| t.ticket(id).await["customer"]["id"].as_str().expect("an id").to_owned();
    let (stays, goes) = (of(&ticket).await, of(&other).await);
    let path = format!("/v1/customers/{stays}");
    t.patch(&path, json!({ "address": "1 Main St" })).await.ok();
    t.post(&format!("{path}/merge"), json!({ "from": goes })).await.ok();
    let customer = json!({ "name": "Joe Doe", "email": "joe@example.com" });
    let erased = t.create_ticket_with(&t.shop, json!({ "customer": customer })).await;
    t.transition(&erased, "VOIDED").await.ok();
    t.delete(&format!("/v1/customers/{}", of(&erased).await)).await.ok();
    deliver(&t.app).await;

    let documented = crate::support::reply::keys(&document["webhooks"]);
    let mut seen = receiver.events();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, documented);
    for request in receiver.received() {
        let body = request.json();
        let event = body["event"].as_str().expect("a name");
        let place = format!("#/webhooks/{event}/post/requestBody/content/application~1json/schema");
        let mut schema = document.clone();
        schema["$ref"] = json!(place);
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let errors: Vec<String> =
            validator.iter_errors(&body).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{body:#}");
        let data = &document["webhooks"][event]["post"]["requestBody"]["content"]["application/json"]
            ["schema"]["properties"]["data"]["properties"];
        let known = crate::support::reply::keys(data);
        for name in crate::support::reply::keys(&body["data"]) {
            assert!(known.contains(&name), "{event} has {name}");
        }
    }
}
