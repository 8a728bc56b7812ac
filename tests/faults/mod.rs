//! A temporary failure of the database: its disk is full or fails, connections break, callers disconnect. Requests
//! get a 503 with `Retry-After`, and afterwards everything works without a restart.

mod broken_off;
mod claims;
mod classes;
mod closing;
mod dropped;
mod full;
mod full_postgres;
mod io_error;
mod jobs;
mod read_only;
mod silent;

use axum::http::Method;
use repairops::execute;
use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::support::builders::ticket_body;
use crate::support::client::{Asked, Client};
use crate::support::reply::Reply;
use crate::support::{TestApp, all_at_once, json};

/// A 503 of that code that says when to try again.
#[track_caller]
fn expect_unavailable(reply: Reply, code: &str) {
    assert_eq!(reply.status, 503, "{}: {:#}", reply.asked, reply.body);
    let seconds = reply.header("retry-after").and_then(|text| text.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| seconds > 0), "{}: no Retry-After", reply.asked);
    reply.error(503, code);
}

/// A new ticket whose row needs pages of its own.
fn large_ticket(shop: &str) -> Value {
    ticket_body(shop, json!({ "issue_description": "It does not turn on. ".repeat(400) }))
}

fn keyed(client: &Client, path: &str, key: &str, body: &Value) -> impl Asked + use<> {
    let request = client.request(Method::POST, path).header("content-type", "application/json");
    client.send(request.header("idempotency-key", key), body.to_string().into())
}

/// One statement of the test's own, committed.
async fn run(t: &TestApp, statement: impl Into<String>) {
    let mut tx = t.app.db.begin().await.expect("a transaction");
    execute!(tx, AssertSqlSafe(statement.into())).expect("a statement");
    tx.commit().await.expect("a commit");
}

async fn tickets(client: &Client) -> i64 {
    client.get("/v1/tickets?limit=1").await["pagination"]["total"].as_i64().expect("a number")
}

/// Forty writes by honest clients are all carried out, and their repeats get the same answers.
async fn expect_honest_writes(t: &TestApp, client: &Client, name: &str) {
    let ask = || {
        let body = ticket_body(&t.shop, json!({}));
        all_at_once(
            (0..40).map(move |n| keyed(client, "/v1/tickets", &format!("{name} {n}"), &body)),
        )
    };
    let before = tickets(client).await;
    let mut firsts = Vec::new();
    for reply in ask().await {
        firsts.push(reply.expect_status(201).raw);
    }
    for (first, again) in firsts.iter().zip(ask().await) {
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "{:#}", again.body);
        assert_eq!(&again.expect_status(201).raw, first);
    }
    assert_eq!(tickets(client).await, before + 40);
}
