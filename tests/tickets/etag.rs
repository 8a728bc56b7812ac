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
    assert_eq!((shown.header("etag"), &shown["version"]), (Some("\"3\""), &json!(3)));
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
        (0..12).map(|hours| change_upon(t, &ticket, "\"1\"", json!({ "labor_hours": hours })));
    let replies = all_at_once(writes).await;
    let (won, lost): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 11));
    for reply in lost {
        let details = reply.details(412, "PRECONDITION_FAILED");
        assert_eq!(details, json!({ "current_version": 2 }));
    }
    // Without a condition, or with one that later versions meet, nobody loses.
    let any = (0..6).map(|hours| change_upon(t, &ticket, "*", json!({ "labor_hours": hours })));
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
    for tag in ["\"1\"", "W/\"1\"", "\"0\", \"1\"", "*"] {
        let reply = unless(tag).await.expect_status(304);
        assert_eq!((reply.header("etag"), &reply.body), (Some("\"1\""), &Value::Null));
    }
    assert_eq!(unless("\"2\"").await.expect_status(200)["version"], 1);
    assert_eq!(unless("nonsense").await.invalid("If-None-Match"), "nonsense");
    t.change(&ticket, json!({ "labor_hours": 1 })).await.ok();
    assert_eq!(unless("\"1\"").await.expect_status(200)["version"], 2);
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
