//! `POST /v1/tickets`.

use std::collections::BTreeSet;

use crate::support::builders::ticket_body;
use crate::support::shape::assert_shape;
use crate::support::{TestApp, all_at_once, both_databases, json};

both_databases![
    the_answer_has_the_documented_fields,
    what_was_sent_is_what_is_stored,
    the_actor_is_the_key_or_who_it_names,
    many_at_once_get_numbers_of_their_own,
    what_is_too_long_is_refused,
];

async fn the_answer_has_the_documented_fields(t: &TestApp) {
    let created =
        t.writer.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await.expect_status(201);
    let shape = json!({
        "id": "uuid", "number": "=T000001", "status": "=INTAKE", "created_at": "time", "version": "integer",
        "plugins": [], "warnings": [],
    });
    assert_shape(&created.body, &shape);
    let location = created.header("location").expect("a location").to_owned();
    let id = created.id();
    assert_eq!(location, format!("/v1/tickets/{id}"));
    assert_eq!(t.get(&location).await["id"], id.as_str());
    let events = t.events().await;
    let (name, data) = &events[1];
    assert_eq!(name, "ticket.created");
    assert_shape(
        data,
        &json!({ "ticket_id": "uuid", "ticket_number": "=T000001", "status": "=INTAKE", "shop_id": "uuid",
                 "customer_id": "uuid" }),
    );
}

async fn what_was_sent_is_what_is_stored(t: &TestApp) {
    let body = json!({
        "customer": { "name": " Jane Smith ", "email": "jane@example.com", "phone": "555-0456" },
        "device_category": "laptop",
        "issue_description": "Won't turn on\n\"at all\" 🔥 '; drop table tickets; --",
    });
    let ticket = t.create_ticket_with(&t.shop, body).await;
    let ticket = t.ticket(&ticket).await;
    assert_eq!(ticket["shop_id"], t.shop.as_str());
    assert_eq!(ticket["customer"]["name"], "Jane Smith");
    assert_eq!(ticket["customer"]["phone"], "555-0456");
    assert_eq!(
        ticket["device"],
        json!({ "identifier": "MacBook Pro 16\"", "category": "laptop", "description": null })
    );
    assert_eq!(
        ticket["issue"]["description"],
        "Won't turn on\n\"at all\" 🔥 '; drop table tickets; --"
    );
}

async fn the_actor_is_the_key_or_who_it_names(t: &TestApp) {
    let first = t.writer.create_ticket(&t.shop).await;
    let entry = t.ticket(&first).await["timeline"][0].clone();
    assert_shape(
        &entry,
        &json!({ "status": "=INTAKE", "timestamp": "time", "actor": "=Front desk", "kind": "=created", "notes": "null",
                 "visibility": "=internal" }),
    );
    let alice = t.create_technician("Alice Tech").await;
    let second = t.create_ticket_with(&t.shop, json!({ "actor_id": alice })).await;
    assert_eq!(t.ticket(&second).await["timeline"][0]["actor"], "Alice Tech");
    let nobody = "00000000-0000-7000-8000-000000000000";
    let reply = t.post("/v1/tickets", ticket_body(&t.shop, json!({ "actor_id": nobody }))).await;
    assert_eq!(reply.invalid("actor_id"), nobody);
}

async fn many_at_once_get_numbers_of_their_own(t: &TestApp) {
    let replies =
        all_at_once((0..30).map(|_| t.post("/v1/tickets", ticket_body(&t.shop, json!({}))))).await;
    let numbers: BTreeSet<String> = replies
        .into_iter()
        .map(|reply| reply.ok()["number"].as_str().expect("a number").to_owned())
        .collect();
    let expected: BTreeSet<String> = (1..=30).map(|number| format!("T{number:06}")).collect();
    assert_eq!(numbers, expected);
    assert_eq!(
        t.get("/v1/customers").await["pagination"]["total"],
        1,
        "they are all one customer's"
    );
}

async fn what_is_too_long_is_refused(t: &TestApp) {
    let create = async |more| t.post("/v1/tickets", ticket_body(&t.shop, more)).await;
    assert_eq!(
        create(json!({ "device_identifier": "x".repeat(201) })).await.invalid("device_identifier"),
        201
    );
    assert_eq!(
        create(json!({ "issue_description": "x".repeat(10_001) }))
            .await
            .invalid("issue_description"),
        10_001
    );
    create(json!({ "issue_description": "ü".repeat(10_000) })).await.expect_status(201);
    create(json!({ "device_identifier": "a\u{0}b" })).await.invalid("device_identifier");
}
