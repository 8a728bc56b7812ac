//! What an erasure answers, and what is possible afterwards.

use axum::http::Method;

use super::{customer_of, erase, finish, holders};
use crate::support::builders::ticket_body;
use crate::support::shape::assert_shape;
use crate::support::{TestApp, both_databases, json};

both_databases![
    open_tickets_are_in_the_way,
    the_answer_says_what_was_changed,
    erasing_again_changes_nothing,
    an_erased_customer_is_neither_changed_nor_merged,
    the_old_address_makes_a_new_customer,
    only_an_admin_erases_and_only_of_the_organization,
    stored_responses_are_gone_and_nothing_is_repeated,
    a_request_in_progress_leaves_nothing,
    another_customer_of_the_same_name_stays,
    figures_stay,
];

async fn open_tickets_are_in_the_way(t: &TestApp) {
    let ended = t.create_ticket_in(&t.shop, "CLOSED").await;
    let open = t.create_ticket_in(&t.shop, "PICKED_UP").await;
    let customer = customer_of(t, &ended).await;
    let path = format!("/v1/customers/{customer}");
    let error = t.delete(&path).await.error(409, "CONFLICT");
    let number = t.ticket(&open).await["number"].clone();
    assert_eq!(
        error["details"],
        json!({ "reason": "open_tickets", "count": 1, "tickets": [
            { "ticket_id": open, "ticket_number": number, "status": "PICKED_UP" }
        ]})
    );
    assert_eq!(t.get(&path).await["name"], "Jane Smith", "nothing was changed");
    t.transition(&open, "CLOSED").await.ok();
    t.delete(&path).await.ok();
}

async fn the_answer_says_what_was_changed(t: &TestApp) {
    let ticket = t.create_ticket_in(&t.shop, "VOIDED").await;
    let customer = customer_of(t, &ticket).await;
    let path = format!("/v1/customers/{customer}");
    t.patch(&path, json!({ "phone": "555-0123" })).await.ok();
    let before = t.get(&path).await.ok();
    let answer = erase(t, &customer).await;
    assert_shape(
        &answer,
        &json!({
            "customer_id": format!("={customer}"), "erased_at": "time", "finished_at": "null",
            "rows": { "customers": "integer", "events": "integer" },
        }),
    );
    let after = t.get(&path).await.ok();
    for (field, value) in [
        ("name", json!("erased")),
        ("email", json!("erased")),
        ("phone", json!("erased")),
        ("address", json!(null)),
        ("other_emails", json!([])),
    ] {
        assert_eq!(after[field], value, "{field}");
    }
    assert_eq!(after["version"], before["version"].as_i64().expect("a number") + 1);
    assert_eq!(after["repairs"], before["repairs"]);
    assert_eq!(t.ticket(&ticket).await["customer"]["name"], "erased");
    let event = t.events().await.pop().expect("an event");
    assert_eq!(
        event,
        ("customer.erased".to_owned(), json!({ "customer_id": customer, "shop_id": null }))
    );
}

async fn erasing_again_changes_nothing(t: &TestApp) {
    let customer = customer_of(t, &t.create_ticket_in(&t.shop, "VOIDED").await).await;
    let first = erase(t, &customer).await;
    let (events, shown) =
        (t.events().await, t.get(&format!("/v1/customers/{customer}")).await.ok());
    let second = erase(t, &customer).await;
    assert_eq!((&second["rows"], &second["erased_at"]), (&json!({}), &first["erased_at"]));
    finish(t).await;
    let third = erase(t, &customer).await;
    assert_eq!((&third["rows"], &third["erased_at"]), (&json!({}), &first["erased_at"]));
    assert!(third["finished_at"].is_string(), "{third}");
    assert_eq!(t.events().await, events);
    assert_eq!(t.get(&format!("/v1/customers/{customer}")).await.ok(), shown);
}

async fn an_erased_customer_is_neither_changed_nor_merged(t: &TestApp) {
    let customer = customer_of(t, &t.create_ticket_in(&t.shop, "VOIDED").await).await;
    let joe = json!({ "customer": { "name": "Joe", "email": "joe@example.com" } });
    let other = customer_of(t, &t.create_ticket_with(&t.shop, joe).await).await;
    erase(t, &customer).await;
    let path = format!("/v1/customers/{customer}");
    let refused = t.patch(&path, json!({ "name": "Jane Smith" })).await.details(409, "CONFLICT");
    assert_eq!(refused, json!({ "reason": "erased" }));
    for (into, from) in [(&customer, &other), (&other, &customer)] {
        let merge = t.post(&format!("/v1/customers/{into}/merge"), json!({ "from": from })).await;
        let refused = json!({ "reason": "erased", "customer_id": customer });
        assert_eq!(merge.details(409, "CONFLICT"), refused);
    }
}

async fn the_old_address_makes_a_new_customer(t: &TestApp) {
    let first = t.create_ticket_in(&t.shop, "VOIDED").await;
    let joe = json!({ "customer": { "name": "Joe", "email": "joe@example.com" } });
    let second = t.create_ticket_with(&t.shop, joe.clone()).await;
    t.transition(&second, "VOIDED").await.ok();
    let (customer, other) = (customer_of(t, &first).await, customer_of(t, &second).await);
    t.post(&format!("/v1/customers/{customer}/merge"), json!({ "from": other })).await.ok();
    erase(t, &customer).await;
    let again = customer_of(t, &t.create_ticket(&t.shop).await).await;
    let joe_again = customer_of(t, &t.create_ticket_with(&t.shop, joe).await).await;
    assert!(again != customer && joe_again != customer && joe_again != again);
    let gone = t.delete(&format!("/v1/customers/{other}")).await.error(404, "NOT_FOUND");
    assert_eq!(gone["details"], json!({ "merged_into": customer }));
    // A second erased customer has the same address, which is none.
    let more = t.get("/v1/tickets?limit=500").await.ok();
    for ticket in more["data"].as_array().expect("a list") {
        let id = ticket["id"].as_str().expect("an id");
        if ticket["status"] != "VOIDED" {
            t.transition(id, "VOIDED").await.ok();
        }
    }
    erase(t, &again).await;
    erase(t, &joe_again).await;
    assert_eq!(t.get("/v1/customers?name=erased").await["pagination"]["total"], 3);
}

async fn only_an_admin_erases_and_only_of_the_organization(t: &TestApp) {
    let customer = customer_of(t, &t.create_ticket_in(&t.shop, "VOIDED").await).await;
    let path = format!("/v1/customers/{customer}");
    t.writer.delete(&path).await.error(403, "FORBIDDEN");
    t.stranger().await.delete(&path).await.not_found();
    t.delete("/v1/customers/00000000-0000-7000-8000-000000000000").await.not_found();
    assert_eq!(t.get(&path).await["name"], "Jane Smith");
}

async fn stored_responses_are_gone_and_nothing_is_repeated(t: &TestApp) {
    let body = ticket_body(&t.shop, json!({})).to_string();
    let create = || {
        let request = t.writer.request(Method::POST, "/v1/tickets");
        let request = request.header("content-type", "application/json");
        t.writer.send(request.header("idempotency-key", "one"), body.clone().into())
    };
    let ticket = create().await.expect_status(201).id();
    t.transition(&ticket, "VOIDED").await.ok();
    let customer = customer_of(t, &ticket).await;
    let request = t.request(Method::DELETE, &format!("/v1/customers/{customer}"));
    let erased = t.send(request.header("idempotency-key", "two"), Vec::new().into()).await;
    assert_eq!(erased.ok()["rows"]["idempotency_keys"], 2, "its own first one is among them");
    create().await.error(409, "IDEMPOTENCY_ANSWER_LOST");
    assert_eq!(t.get("/v1/tickets").await["pagination"]["total"], 1);
    let request = t.request(Method::DELETE, &format!("/v1/customers/{customer}"));
    let again = t.send(request.header("idempotency-key", "two"), Vec::new().into()).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

async fn a_request_in_progress_leaves_nothing(t: &TestApp) {
    let ticket = t.create_ticket_in(&t.shop, "VOIDED").await;
    erase(t, &customer_of(t, &ticket).await).await;
    // It had read the customer before.
    let note = json!({ "notes": "Jane Smith is called back under JANE@example.com." });
    t.change(&ticket, note).await.ok();
    assert_eq!(holders(t, "Jane Smith").await, ["erasures", "ticket_events"]);
    finish(t).await;
    assert_eq!(holders(t, "Jane Smith").await, [""; 0]);
    let timeline = t.ticket(&ticket).await["timeline"].clone();
    let last = timeline.as_array().and_then(|all| all.last()).expect("an entry").clone();
    assert_eq!(last["notes"], "erased is called back under erased.");
}

async fn another_customer_of_the_same_name_stays(t: &TestApp) {
    let erased = t.create_ticket_in(&t.shop, "VOIDED").await;
    let other = json!({
        "customer": { "name": "Jane Smith", "email": "other@example.com" },
        "issue_description": "Jane Smith dropped it",
    });
    let other = t.create_ticket_with(&t.shop, other).await;
    let before = (t.ticket(&other).await, t.events().await[2..].to_vec());
    erase(t, &customer_of(t, &erased).await).await;
    finish(t).await;
    assert_eq!(t.ticket(&other).await, before.0);
    assert_eq!(holders(t, "Jane Smith").await, ["customers", "events", "tickets"]);
}

async fn figures_stay(t: &TestApp) {
    let ticket = t.create_ticket_in(&t.shop, "READY_FOR_PICKUP").await;
    t.transition(&ticket, "PICKED_UP").await.ok();
    let payment = json!({ "amount": 5, "method": "cash" });
    t.post(&format!("/v1/tickets/{ticket}/payments"), payment).await.expect_status(201);
    t.transition(&ticket, "CLOSED").await.ok();
    let customer = customer_of(t, &ticket).await;
    let path = format!("/v1/customers/{customer}");
    let before = t.get(&path).await.ok();
    erase(t, &customer).await;
    let after = t.get(&path).await.ok();
    for figure in ["total_tickets", "lifetime_spend", "last_repair_date", "created_at"] {
        assert_eq!(after[figure], before[figure], "{figure}");
    }
    assert_eq!(t.ticket(&ticket).await["amount_paid"], 5.0);
}
