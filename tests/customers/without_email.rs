//! Customers without an email address, where the operator allows them.

use repairops::organizations;
use serde_json::Value;

use crate::support::builders::ticket_body;
use crate::support::{TestApp, both_databases, json};

both_databases![
    an_email_address_may_be_missing_only_where_that_is_allowed,
    customers_without_an_email_address_are_never_taken_for_each_other,
    a_merge_gives_an_email_address_to_who_has_none,
];

async fn allow_none(t: &TestApp) {
    let mut tx = t.app.db.begin().await.expect("a transaction");
    let is_there = organizations::store::set_customers_without_email(&mut tx, t.org, true).await;
    assert!(is_there.expect("an update"));
    tx.commit().await.expect("a commit");
}

async fn an_email_address_may_be_missing_only_where_that_is_allowed(t: &TestApp) {
    let post = |customer: Value| {
        t.post("/v1/tickets", ticket_body(&t.shop, json!({ "customer": customer })))
    };
    let without = [
        json!({ "name": "Jane Smith" }),
        json!({ "name": "Jane Smith", "email": null }),
        json!({ "name": "Jane Smith", "email": " " }),
    ];
    for customer in &without {
        let value = post(customer.clone()).await.invalid("customer.email");
        assert_eq!(value, customer["email"]);
    }
    assert_eq!(t.get("/v1/customers").await["pagination"]["total"], 0, "nothing is left of it");
    // No plugin is asked about what is wrong anyway.
    let judge = t.install("guest-judge", json!({ "pre_create": "deny" })).await;
    post(without[0].clone()).await.invalid("customer.email");
    t.delete(&format!("/v1/installations/{judge}")).await.expect_status(200);
    allow_none(t).await;
    for customer in &without {
        let created = post(customer.clone()).await.expect_status(201);
        let shown = t.ticket(created["id"].as_str().expect("an id")).await;
        assert_eq!(shown["customer"]["email"], json!(null));
        assert_eq!((&created["warnings"], &shown["contact_name"]), (&json!([]), &json!(null)));
    }
    post(json!({ "name": "Jane Smith", "email": "jane" })).await.invalid("customer.email");
    let body = ticket_body(&t.shop, json!({ "customer": { "name": "Jane Smith" } }));
    let stranger = t.stranger().await;
    let shop = stranger.create_shop("Elm Street").await;
    let mut elsewhere = body.clone();
    elsewhere["shop_id"] = json!(shop);
    stranger.post("/v1/tickets", elsewhere).await.invalid("customer.email");
}

async fn customers_without_an_email_address_are_never_taken_for_each_other(t: &TestApp) {
    allow_none(t).await;
    let create = async |phone: &str| {
        let customer = json!({ "name": "Jane Smith", "phone": phone });
        let id = t.create_ticket_with(&t.shop, json!({ "customer": customer })).await;
        t.ticket(&id).await["customer"]["id"].as_str().expect("an id").to_owned()
    };
    let (first, second) = (create("555-0123").await, create("555-0123").await);
    assert_ne!(first, second);
    let created = t.events().await.into_iter().filter(|(name, _)| name == "customer.created");
    let emails: Vec<_> = created.map(|(_, data)| data["email"].clone()).collect();
    assert_eq!(emails, [json!(null), json!(null)]);
    let list = t.get("/v1/customers").await.ok();
    assert_eq!(
        (&list["pagination"]["total"], &list["data"][0]["email"]),
        (&json!(2), &json!(null))
    );

    // Contact data can be changed, and an address can be given.
    let path = format!("/v1/customers/{first}");
    let changed = t.patch(&path, json!({ "phone": "555-1" })).await.ok();
    assert_eq!((&changed["email"], &changed["phone"]), (&json!(null), &json!("555-1")));
    let changed = t.patch(&path, json!({ "email": "jane@example.com" })).await.ok();
    assert_eq!(changed["email"], "jane@example.com");
    let known = super::customer(t, "Jane Smith", "JANE@example.com", None).await;
    assert_eq!(known, first);
    let other = format!("/v1/customers/{second}");
    t.patch(&other, json!({ "email": "jane@example.com" })).await.error(409, "CONFLICT");
    t.patch(&other, json!({ "email": null })).await.invalid("email");
}

async fn a_merge_gives_an_email_address_to_who_has_none(t: &TestApp) {
    allow_none(t).await;
    let customer = async |customer: Value| {
        let id = t.create_ticket_with(&t.shop, json!({ "customer": customer })).await;
        t.ticket(&id).await["customer"]["id"].as_str().expect("an id").to_owned()
    };
    let walk_in = customer(json!({ "name": "Jane" })).await;
    let tickets = t.get(&format!("/v1/tickets?customer_id={walk_in}")).await.ok();
    let first = tickets["data"][0]["id"].as_str().expect("an id").to_owned();
    let version = t.ticket(&first).await["version"].clone();
    let jane = customer(json!({ "name": "Jane", "email": "jane@example.com" })).await;
    let again = customer(json!({ "name": "Jane" })).await;
    let merge = |to: &str, from: &str| {
        t.post(&format!("/v1/customers/{to}/merge"), json!({ "from": from }))
    };
    let merged = merge(&walk_in, &jane).await.ok();
    assert_eq!(
        (&merged["email"], &merged["other_emails"], &merged["total_tickets"]),
        (&json!("jane@example.com"), &json!([]), &json!(2))
    );
    assert_ne!(t.ticket(&first).await["version"], version, "the ticket shows the address");
    let merged = merge(&walk_in, &again).await.ok();
    assert_eq!((&merged["other_emails"], &merged["total_tickets"]), (&json!([]), &json!(3)));
    let known = super::customer(t, "Jane", "jane@example.com", None).await;
    assert_eq!(known, walk_in);
}
