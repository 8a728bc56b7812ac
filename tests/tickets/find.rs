//! How a desk finds a ticket: by number, email address, several statuses, time of change, nobody's; and the tags and custom
//! fields that clients set.

use std::time::Duration;

use serde_json::Value;

use crate::support::builders::ticket_body;
use crate::support::{TestApp, both_databases, json};

both_databases![
    tickets_are_found_by_what_a_desk_knows,
    a_filter_that_cannot_be_read_is_named,
    tags_and_custom_fields_are_set_by_clients,
    labels_have_bounds,
];

pub async fn found(t: &TestApp, query: &str) -> Vec<String> {
    let list = t.get(&format!("/v1/tickets?sort=number&{query}")).await.ok();
    let rows = list["data"].as_array().expect("a list");
    assert_eq!(list["pagination"]["total"], rows.len(), "{query}");
    rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
}

async fn tickets_are_found_by_what_a_desk_knows(t: &TestApp) {
    let of = async |email: &str| {
        let customer = json!({ "name": "Somebody", "email": email });
        t.post("/v1/tickets", ticket_body(&t.shop, json!({ "customer": customer })))
            .await
            .expect_status(201)
            .id()
    };
    let (a, b) = (of("jane@example.com").await, of("john@example.com").await);
    let c = of("jane@example.com").await;
    let number = t.ticket(&b).await["number"].as_str().expect("a number").to_owned();
    for text in [number.as_str(), &number.to_lowercase(), number.trim_start_matches(['T', '0'])] {
        assert_eq!(found(t, &format!("number={text}")).await, [b.as_str()], "{text}");
    }
    assert!(found(t, "number=999999").await.is_empty());
    assert_eq!(found(t, "email=JANE@example.com").await, [a.as_str(), &c]);
    assert!(found(t, "email=nobody@example.com").await.is_empty());
    // The address of a customer who was merged still finds the tickets.
    let [jane, john] = [&a, &b].map(|id| t.ticket(id));
    let [jane, john] = [jane.await, john.await]
        .map(|ticket| ticket["customer"]["id"].as_str().expect("an id").to_owned());
    t.post(&format!("/v1/customers/{jane}/merge"), json!({ "from": john })).await.ok();
    assert_eq!(found(t, "email=john@example.com").await, [a.as_str(), &b, &c]);
    assert!(found(t, &format!("email=john@example.com&customer_id={john}")).await.is_empty());

    t.transition(&a, "TRIAGE").await.ok();
    t.transition(&b, "DIAGNOSTICS").await.ok();
    assert_eq!(found(t, "status=TRIAGE,DIAGNOSTICS").await, [a.as_str(), &b]);
    assert_eq!(found(t, "status=TRIAGE,TRIAGE").await, [a.as_str()]);
    let shop = &t.shop;
    assert_eq!(found(t, &format!("status=INTAKE,TRIAGE&shop_id={shop}")).await, [a.as_str(), &c]);

    let user = json!({ "name": "Alice", "email": "alice@example.com", "role": "technician" });
    let user = t.post("/v1/users", user).await.expect_status(201).id();
    t.app.clock.advance(Duration::from_secs(3_600));
    let since = t.app.clock.now().to_string();
    t.change(&b, json!({ "assigned_to": user })).await.ok();
    assert_eq!(found(t, "assigned_to=none").await, [a.as_str(), &c]);
    assert_eq!(found(t, &format!("assigned_to={user}")).await, [b.as_str()]);
    assert_eq!(found(t, &format!("updated_after={since}")).await, [b.as_str()]);
    assert!(
        t.stranger().await.get("/v1/tickets?email=jane@example.com").await.ok()["data"]
            == json!([])
    );
}

async fn a_filter_that_cannot_be_read_is_named(t: &TestApp) {
    for (query, field) in [
        ("number=T", "number"),
        ("number=12x", "number"),
        ("number=99999999999999999999", "number"),
        ("status=TRIAGE,NOWHERE", "status"),
        ("status=TRIAGE,", "status"),
        ("assigned_to=nobody", "assigned_to"),
        ("email=%20", "email"),
        ("updated_after=yesterday", "updated_after"),
    ] {
        t.get(&format!("/v1/tickets?{query}")).await.invalid(field);
    }
}

async fn tags_and_custom_fields_are_set_by_clients(t: &TestApp) {
    let more = json!({ "tags": [" vip ", "vip", "warranty"], "custom_fields": { "serial": "C02", "bench": 7, "insured": true } });
    let id = t.post("/v1/tickets", ticket_body(&t.shop, more)).await.expect_status(201).id();
    let shown = t.ticket(&id).await;
    assert_eq!(shown["tags"], json!(["vip", "warranty"]));
    assert_eq!(shown["custom_fields"], json!({ "serial": "C02", "bench": 7.0, "insured": true }));
    let known = t.events().await.len();
    let change = json!({ "tags": ["vip"], "custom_fields": { "bench": null, "serial": "C03", "insured": true, "colour": "blue" } });
    let changed = t.change(&id, change.clone()).await.expect_status(200);
    let shown = t.ticket(&id).await;
    assert_eq!(shown["tags"], json!(["vip"]));
    assert_eq!(
        shown["custom_fields"],
        json!({ "serial": "C03", "insured": true, "colour": "blue" })
    );
    let (_, data) = t.events().await.split_off(known).remove(0);
    assert_eq!(
        data["changed"],
        json!(["tags", "custom_fields.bench", "custom_fields.colour", "custom_fields.serial"])
    );
    assert_eq!(
        t.change(&id, change).await["version"],
        changed["version"],
        "nothing is other than before"
    );
    t.change(&id, json!({ "tags": [] })).await.ok();
    assert_eq!(t.ticket(&id).await["tags"], json!([]));
}

async fn labels_have_bounds(t: &TestApp) {
    let id = t.create_ticket(&t.shop).await;
    let many: Vec<String> = (0..101).map(|number| format!("tag {number}")).collect();
    let fields: serde_json::Map<String, Value> =
        (0..101).map(|number| (format!("f{number}"), json!(1))).collect();
    for (body, field) in [
        (json!({ "tags": ["x".repeat(65)] }), "tags[0]"),
        (json!({ "tags": ["a", " "] }), "tags[1]"),
        (json!({ "tags": many }), "tags"),
        (json!({ "custom_fields": { "Big": 1 } }), "custom_fields.Big"),
        (json!({ "custom_fields": { "a": "x".repeat(1_001) } }), "custom_fields.a"),
        (json!({ "custom_fields": { "a": " " } }), "custom_fields.a"),
        (json!({ "custom_fields": fields }), "custom_fields"),
    ] {
        t.change(&id, body).await.invalid(field);
    }
    t.change(&id, json!({ "custom_fields": { "a": [1] } })).await.error(400, "INVALID_REQUEST");
    assert_eq!(t.ticket(&id).await["version"], 1);
}
