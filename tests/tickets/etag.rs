//! `ETag`, `If-Match` and `If-None-Match`: the ticket's version.

use axum::body::Bytes;
use axum::http::Method;
use serde_json::Value;

use crate::support::builders::ticket_body;
use crate::support::client::{Asked, Client};
use crate::support::{TestApp, all_at_once, both_databases, json};

both_databases![
    every_answer_with_a_ticket_has_its_version,
    a_write_upon_another_version_is_a_412,
    of_many_writes_upon_one_version_one_wins,
    tags_are_read_as_http_has_them,
    a_ticket_that_is_as_it_was_is_not_sent_again,
    what_a_plugin_does_makes_a_new_version,
    what_others_change_is_sent_again_and_fails_no_write,
    a_change_that_changes_nothing_makes_no_version_and_no_event,
];

/// A request with one more header, and a body if there is one.
fn with(
    client: &Client,
    method: Method,
    path: &str,
    (name, value): (&str, &str),
    body: Value,
) -> impl Asked + use<> {
    let request = client.request(method, path).header(name, value);
    match body {
        Value::Null => client.send(request, Bytes::new()),
        body => {
            let request = request.header("content-type", "application/json");
            client.send(request, Bytes::from(body.to_string()))
        }
    }
}

fn change_upon(t: &TestApp, ticket: &str, tag: &str, body: Value) -> impl Asked + use<> {
    with(t, Method::PATCH, &format!("/v1/tickets/{ticket}"), ("if-match", tag), body)
}

async fn every_answer_with_a_ticket_has_its_version(t: &TestApp) {
    let created = t.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await;
    assert_eq!((created.header("etag"), &created["version"]), (Some("\"1\""), &json!(1)));
    let id = created.id();
    let changed = t.change(&id, json!({ "labor_hours": 1 })).await;
    assert_eq!((changed.header("etag"), &changed["version"]), (Some("\"2\""), &json!(2)));
    let moved = t.transition(&id, "TRIAGE").await;
    assert_eq!((moved.header("etag"), &moved["version"]), (Some("\"3\""), &json!(3)));
    let shown = t.get(&format!("/v1/tickets/{id}")).await;
    let tag = shown.header("etag").expect("a tag").to_owned();
    assert!(tag.starts_with("\"3.") && tag.len() == 20, "{tag}");
    assert_eq!(shown["version"], 3);
    let same = t.change(&id, json!({})).await;
    assert_eq!((same.header("etag"), &same["version"]), (Some("\"3\""), &json!(3)));
}

async fn a_write_upon_another_version_is_a_412(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    t.change(&ticket, json!({ "labor_hours": 1 })).await.ok();
    let (before, known) = (t.ticket(&ticket).await, t.events().await.len());
    let body = || json!({ "labor_hours": 2 });
    let stale = change_upon(t, &ticket, "\"1\"", body()).await;
    assert_eq!(stale.details(412, "PRECONDITION_FAILED"), json!({ "current_version": 2 }));
    change_upon(t, &ticket, "\"1\"", json!({})).await.error(412, "PRECONDITION_FAILED");
    let path = format!("/v1/tickets/{ticket}/transition");
    let to = || json!({ "new_status": "TRIAGE" });
    with(t, Method::POST, &path, ("if-match", "\"1\""), to())
        .await
        .error(412, "PRECONDITION_FAILED");
    assert_eq!(t.ticket(&ticket).await, before);
    assert_eq!(t.event_names_after(known).await, [""; 0]);
    let done = change_upon(t, &ticket, "\"2\"", body()).await.expect_status(200);
    assert_eq!(done.header("etag"), Some("\"3\""));
    with(t, Method::POST, &path, ("if-match", "\"3\""), to()).await.expect_status(200);
    let nobody = "00000000-0000-7000-8000-000000000000";
    change_upon(t, nobody, "\"1\"", body()).await.not_found();
}

async fn of_many_writes_upon_one_version_one_wins(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let writes =
        (1..13).map(|hours| change_upon(t, &ticket, "\"1\"", json!({ "labor_hours": hours })));
    let replies = all_at_once(writes).await;
    let (won, lost): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 11));
    for reply in lost {
        let details = reply.details(412, "PRECONDITION_FAILED");
        assert_eq!(details, json!({ "current_version": 2 }));
    }
    // Without a condition, or with one that later versions meet, nobody loses.
    let any = (20..26).map(|hours| change_upon(t, &ticket, "*", json!({ "labor_hours": hours })));
    for reply in all_at_once(any).await {
        reply.expect_status(200);
    }
    assert_eq!(t.ticket(&ticket).await["version"], 8);
}

async fn tags_are_read_as_http_has_them(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let upon = async |tag: &str| change_upon(t, &ticket, tag, json!({})).await;
    for tag in ["\"1\"", "*", "\"7\", \"1\"", "W/\"7\",\"1\"", "\"x\" , \"1\""] {
        upon(tag).await.expect_status(200);
    }
    for tag in ["\"01\"", "\"x\"", "W/\"1\"", "\"2\", \"3\"", "\"\""] {
        upon(tag).await.error(412, "PRECONDITION_FAILED");
    }
    for tag in ["1", "\"1", "", "\"1\" \"2\"", "*, \"1\"", "\"1\",", "w/\"1\"", "'1'"] {
        assert_eq!(upon(tag).await.invalid("If-Match"), tag);
    }
    // Two lines are one list.
    let request = t.request(Method::PATCH, &format!("/v1/tickets/{ticket}"));
    let request = request.header("if-match", "\"9\"").header("if-match", "\"1\"");
    let request = request.header("content-type", "application/json");
    t.send(request, Bytes::from_static(b"{}")).await.expect_status(200);
}

async fn a_ticket_that_is_as_it_was_is_not_sent_again(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let path = format!("/v1/tickets/{ticket}");
    let unless = async |tag: &str| {
        with(&t.reader, Method::GET, &path, ("if-none-match", tag), Value::Null).await
    };
    let tag = t.reader.get(&path).await.header("etag").expect("a tag").to_owned();
    for tags in [tag.clone(), format!("W/{tag}"), format!("\"0\", {tag}"), "*".to_owned()] {
        let reply = unless(&tags).await.expect_status(304);
        assert_eq!((reply.header("etag"), &reply.body), (Some(tag.as_str()), &Value::Null));
    }
    assert_eq!(unless("\"1\"").await.expect_status(200)["version"], 1);
    assert_eq!(unless("nonsense").await.invalid("If-None-Match"), "nonsense");
    t.change(&ticket, json!({ "labor_hours": 1 })).await.ok();
    assert_eq!(unless(&tag).await.expect_status(200)["version"], 2);
}

async fn what_a_plugin_does_makes_a_new_version(t: &TestApp) {
    for (settings, enrichment) in [
        (json!({ "tag": "vip" }), "done"),
        (json!({}), "done"),
        (json!({ "post_create": "trap" }), "pending"),
    ] {
        let installation = t.install("guest-fickle", settings).await;
        let created = t.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await;
        let tag = created.header("etag").expect("a tag").to_owned();
        assert_eq!((&*tag, &created["version"]), ("\"2\"", &json!(2)));
        let id = created.id();
        assert_eq!(t.ticket(&id).await["enrichment"], enrichment);
        change_upon(t, &id, &tag, json!({ "labor_hours": 1 })).await.expect_status(200);
        t.delete(&format!("/v1/installations/{installation}")).await.ok();
    }
}

/// The ticket shows its customer, its technician and the state of the plugins' work: none of them is the ticket's own.
async fn what_others_change_is_sent_again_and_fails_no_write(t: &TestApp) {
    let customer = |more: Value| json!({ "customer": more });
    let jane = json!({ "name": "Jane Doe", "email": "jane@example.com" });
    let body = ticket_body(&t.shop, customer(jane.clone()));
    let id = t.post("/v1/tickets", body).await.expect_status(201).id();
    let user = json!({ "name": "Alice", "email": "alice@example.com", "role": "technician" });
    let user = t.post("/v1/users", user).await.expect_status(201).id();
    t.change(&id, json!({ "assigned_to": user })).await.ok();
    let path = format!("/v1/tickets/{id}");
    let tag = async || t.get(&path).await.header("etag").expect("a tag").to_owned();
    let unless = async |tag: &str| {
        with(&t.reader, Method::GET, &path, ("if-none-match", tag), Value::Null).await.status
    };
    let first = tag().await;
    assert_eq!(unless(&first).await, 304);

    // A second ticket fills the customer's phone.
    let mut filled = jane.clone();
    filled["phone"] = json!("555-0123");
    t.post("/v1/tickets", ticket_body(&t.shop, customer(filled))).await.expect_status(201);
    assert_eq!(unless(&first).await, 200);
    let second = tag().await;
    assert_eq!(t.ticket(&id).await["customer"]["phone"], "555-0123");

    // A technician gets another name.
    t.patch(&format!("/v1/users/{user}"), json!({ "name": "Alice Tech" })).await.ok();
    assert_eq!(unless(&second).await, 200);

    // Work of a plugin is given up, because the plugin is removed.
    let installation = t.install("guest-fickle", json!({ "post_create": "trap" })).await;
    let pending = t.create_ticket(&t.shop).await;
    let path = format!("/v1/tickets/{pending}");
    let tag = t.get(&path).await.header("etag").expect("a tag").to_owned();
    t.delete(&format!("/v1/installations/{installation}")).await.ok();
    t.app.clock.advance(std::time::Duration::from_secs(3_600));
    repairops::tickets::enrich_due::run_due(&t.app).await.expect("the work is ended");
    let shown = with(&t.reader, Method::GET, &path, ("if-none-match", &tag), Value::Null).await;
    assert_eq!(shown.expect_status(200)["enrichment"], "done");

    // A write upon what was read before still goes through where only others changed.
    let version = t.ticket(&id).await["version"].as_i64().expect("a version");
    let old =
        second.replacen(second.split('.').next().expect("a version"), &format!("\"{version}"), 1);
    change_upon(t, &id, &old, json!({ "labor_hours": 3 })).await.expect_status(200);
}

async fn a_change_that_changes_nothing_makes_no_version_and_no_event(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let ticket = t.create_ticket(&t.shop).await;
    let all = json!({
        "labor_hours": 2, "labor_rate": 65, "parts": [{ "inventory_id": item, "quantity": 1 }],
        "diagnostics": { "findings": "Broken.", "estimated_cost": 9.5, "recommended_parts": ["Screen"] },
        "issue": { "category": "screen", "severity": "low" }, "device": { "description": "Blue" },
        "assigned_to": null,
    });
    t.change(&ticket, all.clone()).await.ok();
    let (before, known) = (t.ticket(&ticket).await, t.events().await.len());
    let same = t.change(&ticket, all).await.expect_status(200);
    assert_eq!(same["version"], before["version"]);
    assert_eq!(t.ticket(&ticket).await, before);
    assert_eq!(t.event_names_after(known).await, [""; 0]);
    // Of several fields, only what changes is told.
    t.change(&ticket, json!({ "labor_hours": 2, "labor_rate": 70 })).await.ok();
    let (_, data) = t.events().await.pop().expect("an event");
    assert_eq!(data["changed"], json!(["labor_rate"]));
}
