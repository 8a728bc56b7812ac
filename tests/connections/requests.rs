//! Requests whose body stalls, and requests that take too long.

use std::time::Duration;

use axum::http::Method;
use repairops::config::ConnectionConfig;

use super::{create, head, patient, serve, trickle};
use crate::support::socket::{Raw, Socket};
use crate::support::{TestApp, json, on_one_database};

on_one_database!(sqlite Sqlite:
    half_a_body_is_a_408_and_the_end_of_the_connection,
    half_a_body_frees_its_idempotency_key,
    a_body_that_nobody_reads_holds_no_connection,
    a_response_reaches_a_client_that_is_still_sending,
    a_slow_but_steady_body_is_served,
    a_body_that_trickles_on_is_a_408_at_the_end_of_the_request,
    an_upload_has_longer,
    what_the_server_does_not_finish_is_a_503,
    with_an_idempotency_key_it_is_finished_all_the_same,
);

const KEY: &str = "idempotency-key: 0123\r\n";

#[track_caller]
fn expect_timeout(response: &Raw, timeout_ms: u64) {
    assert_eq!(
        (response.status, &response.body["error"]["code"]),
        (408, &json!("REQUEST_TIMEOUT"))
    );
    assert_eq!(response.body["error"]["details"], json!({ "timeout_ms": timeout_ms }));
    assert!(response.body["error"]["request_id"].as_str().is_some_and(|id| id.starts_with("req_")));
    assert!(response.head.contains("connection: close"), "{}", response.head);
}

async fn tickets(t: &TestApp) -> i64 {
    t.get("/v1/tickets").await["pagination"]["total"].as_i64().expect("a number")
}

async fn half_a_body_is_a_408_and_the_end_of_the_connection(t: &TestApp) {
    let (node, base) = serve(t, ConnectionConfig { body_timeout_ms: 200, ..patient() }).await;
    let (head, body) = create(t, &node, "");
    for sent in [0, body.len() / 2, body.len() - 1] {
        let mut socket = Socket::connect(&base).await;
        socket.send(&head).await;
        socket.send(&body[..sent]).await;
        expect_timeout(&socket.response().await, 200);
        socket.closed().await;
    }
    assert_eq!(tickets(t).await, 0);
}

async fn half_a_body_frees_its_idempotency_key(t: &TestApp) {
    let (node, base) = serve(t, ConnectionConfig { body_timeout_ms: 200, ..patient() }).await;
    let (head, body) = create(t, &node, KEY);
    let mut socket = Socket::connect(&base).await;
    socket.send(&head).await;
    socket.send(&body[..10]).await;
    expect_timeout(&socket.response().await, 200);
    socket.closed().await;
    let mut again = Socket::connect(&base).await;
    again.send(&(head + &body)).await;
    let made = again.response().await;
    assert_eq!(made.status, 201, "{:#}", made.body);
    assert!(!made.head.contains("idempotency-replayed"), "{}", made.head);
    assert_eq!(tickets(t).await, 1);
}

async fn a_body_that_nobody_reads_holds_no_connection(t: &TestApp) {
    let (_node, base) = serve(t, patient()).await;
    for (request, status) in
        [("POST /v1/tickets", 401), ("POST /nowhere", 404), ("GET /healthz", 200)]
    {
        let mut socket = Socket::connect(&base).await;
        let head = format!("{request} HTTP/1.1\r\nhost: test\r\ncontent-length: 1000\r\n\r\n{{");
        socket.send(&head).await;
        let response = socket.response().await;
        assert_eq!(response.status, status);
        assert!(response.head.contains("connection: close"), "{}", response.head);
        socket.closed().await;
    }
}

async fn a_response_reaches_a_client_that_is_still_sending(t: &TestApp) {
    let (_node, base) = serve(t, patient()).await;
    let mut socket = Socket::connect(&base).await;
    let body = "x".repeat(4 << 20);
    let head = "POST /v1/tickets HTTP/1.1\r\nhost: test";
    socket.send(&format!("{head}\r\ncontent-length: {}\r\n\r\n", body.len())).await;
    assert_eq!(socket.response().await.status, 401);
    assert!(socket.try_send(&body).await, "the server resets the connection");
    socket.closed().await;
}

async fn a_slow_but_steady_body_is_served(t: &TestApp) {
    let (node, base) = serve(t, ConnectionConfig { body_timeout_ms: 1_500, ..patient() }).await;
    for more in ["", KEY] {
        let (head, body) = create(t, &node, more);
        let mut socket = Socket::connect(&base).await;
        socket.send(&head).await;
        // For longer in all than it may pause.
        trickle(&mut socket, &body, 10, Duration::from_millis(200)).await;
        let made = socket.response().await;
        assert_eq!(made.status, 201, "{:#}", made.body);
        // The connection goes on.
        socket.send(&super::get("/healthz")).await;
        assert_eq!(socket.response().await.status, 200);
    }
}

async fn a_body_that_trickles_on_is_a_408_at_the_end_of_the_request(t: &TestApp) {
    let (node, base) = serve(t, ConnectionConfig { request_timeout_ms: 500, ..patient() }).await;
    for more in ["", KEY] {
        let (head, body) = create(t, &node, more);
        let mut socket = Socket::connect(&base).await;
        socket.send(&head).await;
        trickle(&mut socket, &body, 20, Duration::from_millis(50)).await;
        expect_timeout(&socket.response().await, 500);
        socket.closed().await;
    }
    assert_eq!(tickets(t).await, 0);
}

async fn an_upload_has_longer(t: &TestApp) {
    let timeouts = ConnectionConfig { request_timeout_ms: 200, ..patient() };
    let (node, base) = serve(t, timeouts).await;
    let body = "no component".repeat(10);
    let head = head(&node, Method::POST, "/v1/plugins", body.len(), "");
    let mut socket = Socket::connect(&base).await;
    socket.send(&head.replace("application/json", "application/wasm")).await;
    trickle(&mut socket, &body, 10, Duration::from_millis(50)).await;
    let refused = socket.response().await;
    assert_eq!((refused.status, &refused.body["error"]["code"]), (400, &json!("INVALID_REQUEST")));

    let timeouts = ConnectionConfig { upload_timeout_ms: 200, ..patient() };
    let (node, base) = serve(t, timeouts).await;
    let head = super::head(&node, Method::POST, "/v1/plugins", body.len(), "");
    let mut socket = Socket::connect(&base).await;
    socket.send(&head.replace("application/json", "application/wasm")).await;
    trickle(&mut socket, &body, 10, Duration::from_millis(50)).await;
    expect_timeout(&socket.response().await, 200);
}

async fn what_the_server_does_not_finish_is_a_503(t: &TestApp) {
    let (node, base) = serve(t, ConnectionConfig { request_timeout_ms: 300, ..patient() }).await;
    let (head, body) = create(t, &node, "");
    // SQLite has one writer.
    let writing = node.app.db.begin().await.expect("a transaction");
    let mut socket = Socket::connect(&base).await;
    socket.send(&(head.clone() + &body)).await;
    let late = socket.response().await;
    assert_eq!((late.status, &late.body["error"]["code"]), (503, &json!("SERVER_TIMEOUT")));
    assert_eq!(late.body["error"]["details"], json!({ "timeout_ms": 300 }));
    assert!(late.head.contains("\r\nretry-after: 1\r\n"), "{}", late.head);
    drop(writing);
    // The connection goes on, and so does the server.
    socket.send(&(head + &body)).await;
    assert_eq!(socket.response().await.status, 201);
    assert_eq!(tickets(t).await, 1);
}

async fn with_an_idempotency_key_it_is_finished_all_the_same(t: &TestApp) {
    let (node, base) = serve(t, ConnectionConfig { request_timeout_ms: 300, ..patient() }).await;
    let (head, body) = create(t, &node, KEY);
    let writing = node.app.db.begin().await.expect("a transaction");
    let mut socket = Socket::connect(&base).await;
    socket.send(&(head.clone() + &body)).await;
    let late = socket.response().await;
    assert_eq!((late.status, &late.body["error"]["code"]), (503, &json!("SERVER_TIMEOUT")));
    drop(writing);
    super::until("the ticket", async || tickets(t).await == 1).await;
    super::until("the first answer, again", async || {
        socket.send(&(head.clone() + &body)).await;
        let again = socket.response().await;
        again.status == 201 && again.head.contains("idempotency-replayed: true")
    })
    .await;
    assert_eq!(tickets(t).await, 1);
}
