//! Versions of customers and stock items: `ETag`, `If-Match`, `If-None-Match`; and routes that have none.

use axum::body::Bytes;
use axum::http::Method;
use serde_json::Value;

use crate::support::builders::ticket_body;
use crate::support::client::Asked;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_stock_item_has_versions,
    a_customer_has_versions,
    a_condition_that_cannot_be_checked_is_refused,
    stock_is_adjusted_by_a_difference,
    reservations_that_no_longer_fit_end_if_asked,
    many_adjustments_at_once_all_count,
];

fn upon(t: &TestApp, path: &str, tag: &str, body: Value) -> impl Asked + use<> {
    let request = t.request(Method::PATCH, path).header("if-match", tag);
    let request = request.header("content-type", "application/json");
    t.send(request, Bytes::from(body.to_string()))
}

fn unless(t: &TestApp, path: &str, tag: &str) -> impl Asked + use<> {
    t.send(t.request(Method::GET, path).header("if-none-match", tag), Bytes::new())
}

async fn tag(t: &TestApp, path: &str) -> String {
    t.get(path).await.header("etag").expect("a tag").to_owned()
}

async fn a_stock_item_has_versions(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let path = format!("/v1/inventory/{item}");
    let first = tag(t, &path).await;
    assert!(first.starts_with("\"1."), "{first}");
    unless(t, &path, &first).await.expect_status(304);
    let changed = upon(t, &path, &first, json!({ "quantity": 7 })).await.expect_status(200);
    assert_eq!(changed["version"], 2);
    let second = changed.header("etag").expect("a tag").to_owned();
    assert_eq!(second, tag(t, &path).await);
    unless(t, &path, &first).await.expect_status(200);
    let stale = upon(t, &path, &first, json!({ "quantity": 9 })).await;
    assert_eq!(stale.details(412, "PRECONDITION_FAILED"), json!({ "current_version": 2 }));
    assert_eq!(t.stock(&item).await, (7, 0, 7));
    // A ticket that reserves makes a version too.
    let parts = json!([{ "inventory_id": item, "quantity": 2 }]);
    t.create_ticket_with_parts(&t.shop, "APPROVED", parts).await;
    upon(t, &path, &second, json!({ "quantity": 9 })).await.error(412, "PRECONDITION_FAILED");
    // What changes nothing makes neither a version nor a movement nor an event.
    let (known, moves) = (t.events().await.len(), t.movements(&item).await.len());
    for body in [
        json!({ "quantity": 7, "reason": "counted" }),
        json!({ "adjust": 0 }),
        json!({ "name": "Part SCREEN" }),
    ] {
        assert_eq!(t.patch(&path, body).await.ok()["version"], 3);
    }
    assert_eq!(
        (t.event_names_after(known).await.len(), t.movements(&item).await.len()),
        (0, moves)
    );
    assert_eq!(t.get("/v1/inventory").await["data"][0]["version"], 3);
}

async fn a_customer_has_versions(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let id = t.ticket(&ticket).await["customer"]["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/customers/{id}");
    let first = tag(t, &path).await;
    unless(t, &path, &first).await.expect_status(304);
    let changed =
        upon(t, &path, &first, json!({ "address": "1 Main St" })).await.expect_status(200);
    assert_eq!(changed["version"], 2);
    assert_eq!(changed.header("etag").expect("a tag"), tag(t, &path).await);
    let stale = upon(t, &path, &first, json!({ "name": "Somebody" })).await;
    assert_eq!(stale.details(412, "PRECONDITION_FAILED"), json!({ "current_version": 2 }));
    let same = t.patch(&path, json!({ "address": "1 Main St" })).await.ok();
    assert_eq!(same["version"], 2);
    // Another repair shows in the response, but is no change of the customer.
    let second = tag(t, &path).await;
    t.create_ticket(&t.shop).await;
    unless(t, &path, &second).await.expect_status(200);
    upon(t, &path, &second, json!({ "name": "John Q. Doe" })).await.expect_status(200);
}

/// Every write whose document has no `If-Match`.
async fn a_condition_that_cannot_be_checked_is_refused(t: &TestApp) {
    let document = t.get("/v1/openapi.json").await.ok();
    let mut refused = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let takes = operation["parameters"].as_array().is_some_and(|parameters| {
                parameters.iter().any(|parameter| parameter["name"] == "If-Match")
            });
            if method == "get" || method == "parameters" || takes {
                continue;
            }
            let method: Method = method.to_uppercase().parse().expect("a method");
            let path = path.split('/').map(|part| match part.starts_with('{') {
                true => "00000000-0000-7000-8000-000000000000",
                false => part,
            });
            let path = path.collect::<Vec<_>>().join("/");
            let request = t.request(method, &path).header("if-match", "\"1\"");
            t.send(request, Bytes::new()).await.invalid("If-Match");
            refused += 1;
        }
    }
    assert!(refused > 15, "{refused}");
}

async fn stock_is_adjusted_by_a_difference(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let path = format!("/v1/inventory/{item}");
    let body = json!({ "adjust": -2, "reason": "damaged" });
    assert_eq!(t.patch(&path, body).await.ok()["quantity_on_hand"], 3);
    assert_eq!(t.patch(&path, json!({ "adjust": 4 })).await.ok()["quantity_on_hand"], 7);
    let moves = t.movements(&item).await;
    assert_eq!(moves[1..], [(-2, "damaged".to_owned()), (4, "adjusted".to_owned())]);
    for adjust in [-8, 1_000_000_000] {
        let details = t.patch(&path, json!({ "adjust": adjust })).await.details(409, "CONFLICT");
        assert_eq!(details, json!({ "field": "adjust", "value": adjust, "quantity_on_hand": 7 }));
    }
    t.patch(&path, json!({ "adjust": 1, "quantity": 1 })).await.invalid("adjust");
    t.patch(&path, json!({ "adjust": null })).await.invalid("adjust");
    t.patch(&path, json!({ "name": "Screen", "release": true })).await.invalid("release");
    assert_eq!(t.stock(&item).await, (7, 0, 7));
}

async fn reservations_that_no_longer_fit_end_if_asked(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 10).await;
    let path = format!("/v1/inventory/{item}");
    let mut tickets = Vec::new();
    for quantity in [3, 2, 4] {
        let parts = json!([{ "inventory_id": item, "quantity": quantity }]);
        tickets.push(t.create_ticket_with_parts(&t.shop, "IN_REPAIR", parts).await);
    }
    assert_eq!(t.stock(&item).await, (10, 9, 1));
    let refused = t.patch(&path, json!({ "quantity": 4 })).await.details(409, "CONFLICT");
    assert_eq!((&refused["reserved"], &refused["value"]), (&json!(9), &json!(4)));
    t.patch(&path, json!({ "quantity": 9, "release": true })).await.ok();
    assert_eq!(t.stock(&item).await, (9, 9, 0), "all of them fit");

    let (known, moves) = (t.events().await.len(), t.movements(&item).await.len());
    let before: Vec<_> = [&tickets[0], &tickets[1], &tickets[2]].map(|id| id.clone()).into();
    let versions = async || {
        let mut all = Vec::new();
        for id in &before {
            all.push(t.ticket(id).await["version"].as_i64().expect("a version"));
        }
        all
    };
    let old = versions().await;
    t.patch(&path, json!({ "quantity": 4, "release": true, "reason": "stolen" })).await.ok();
    // The newest two end: 4 and 2; the oldest still fits.
    assert_eq!(t.stock(&item).await, (4, 3, 1));
    let new = versions().await;
    assert_eq!([new[0] - old[0], new[1] - old[1], new[2] - old[2]], [0, 1, 1]);
    assert_eq!(t.movements(&item).await[moves..], [(-5, "stolen".to_owned())], "one movement");
    assert_eq!(
        t.event_names_after(known).await,
        ["inventory.updated", "ticket.updated", "ticket.updated"]
    );
    let ticket = t.ticket(&tickets[2]).await;
    assert_eq!(ticket["parts"][0]["held"], 0);
    let note = ticket["timeline"].as_array().expect("a list").last().expect("an entry").clone();
    assert_eq!(note["kind"], "note");
    assert_eq!(
        note["notes"],
        "4 of Part SCREEN (SCREEN) are no longer reserved, because only 4 are on hand"
    );
    // What consumes tries again, and says what is missing.
    let short = t.transition(&tickets[2], "QC_REVIEW").await.details(409, "INSUFFICIENT_STOCK");
    assert_eq!(short["lines"][0]["missing"], 3);
    t.patch(&path, json!({ "adjust": 3 })).await.ok();
    t.transition(&tickets[2], "QC_REVIEW").await.ok();
    assert_eq!(t.stock(&item).await, (3, 3, 0));
    t.transition(&tickets[1], "QC_REVIEW").await.error(409, "INSUFFICIENT_STOCK");
}

/// Beside transitions of the tickets that hold the pieces: no deadlock, no piece counted twice.
async fn many_adjustments_at_once_all_count(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 40).await;
    let path = format!("/v1/inventory/{item}");
    let mut tickets = Vec::new();
    for _ in 0..8 {
        let parts = json!([{ "inventory_id": item, "quantity": 3 }]);
        let body = ticket_body(&t.shop, json!({}));
        let id = t.post("/v1/tickets", body).await.expect_status(201).id();
        t.change(&id, json!({ "parts": parts })).await.ok();
        for status in ["DIAGNOSTICS", "IN_REPAIR"] {
            t.transition(&id, status).await.ok();
        }
        tickets.push(id);
    }
    let adjusting = crate::support::all_at_once(
        (0..8).map(|_| t.patch(&path, json!({ "adjust": -3, "release": true }))),
    );
    let moving =
        crate::support::all_at_once(tickets.iter().map(|id| t.transition(id, "QC_REVIEW")));
    let (adjusted, moved) = tokio::join!(adjusting, moving);
    let done = adjusted.iter().filter(|reply| reply.status == 200).count();
    let used = moved.iter().filter(|reply| reply.status == 200).count();
    for reply in adjusted.into_iter().chain(moved) {
        assert!([200, 400, 409].contains(&reply.status), "{reply:?}");
    }
    let (on_hand, reserved, _) = t.stock(&item).await;
    assert_eq!(on_hand, 40 - 3 * done as i64 - 3 * used as i64);
    assert!(reserved <= on_hand);
}
