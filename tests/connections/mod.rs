//! Slow clients and many clients, over real sockets with short timeouts. These tests run on one database, because it
//! does not matter here.

mod limits;
mod readers;
mod requests;
mod stalls;

use std::time::Duration;

use axum::http::Method;
use repairops::config::ConnectionConfig;
use serde_json::Value;

use crate::support::TestApp;
use crate::support::app::Node;
use crate::support::builders::ticket_body;
use crate::support::json;
use crate::support::socket::Socket;

/// Long enough for everything that shall come to its end.
const LONG_MS: u64 = 60_000;

/// No timeout but those that a test sets.
fn patient() -> ConnectionConfig {
    ConnectionConfig {
        head_timeout_ms: LONG_MS,
        body_timeout_ms: LONG_MS,
        write_timeout_ms: LONG_MS,
        idle_timeout_ms: LONG_MS,
        request_timeout_ms: LONG_MS,
        upload_timeout_ms: LONG_MS,
        connections_max: 0,
        connections_per_address: 0,
    }
}

/// A server with these timeouts and limits, and its URL.
async fn serve(t: &TestApp, connections: ConnectionConfig) -> (Node, String) {
    let node = t.node(|config| config.connections = connections).await;
    let base = node.serve().await;
    (node, base)
}

/// A request without a body.
fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")
}

/// The head of a request with a JSON body of `length` bytes; `more` are lines of it.
fn head(node: &Node, method: Method, path: &str, length: usize, more: &str) -> String {
    let key = node.admin.authorization();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\nauthorization: {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n{more}\r\n"
    )
}

/// A new ticket as head and body.
fn create(t: &TestApp, node: &Node, more: &str) -> (String, String) {
    let body = ticket_body(&t.shop, json!({})).to_string();
    (head(node, Method::POST, "/v1/tickets", body.len(), more), body)
}

/// Sends `body` in `parts` with a pause after each.
async fn trickle(socket: &mut Socket, body: &str, parts: usize, pause: Duration) {
    for part in body.as_bytes().chunks(body.len().div_ceil(parts)) {
        if !socket.try_send(std::str::from_utf8(part).expect("ASCII")).await {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

/// How often connections were closed for `reason`.
async fn closed(node: &Node, reason: &str) -> u64 {
    metric(node, &format!("repairops_connections_closed_total{{reason=\"{reason}\"}} ")).await
}

async fn open(node: &Node) -> u64 {
    metric(node, "repairops_connections_open ").await
}

async fn metric(node: &Node, name: &str) -> u64 {
    let shown = node.admin.get("/metrics").await.expect_status(200);
    let Value::String(text) = &shown.body else { panic!("no text: {}", shown.body) };
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    value.map_or(0, |value| value.parse().expect("a number"))
}

/// Waits until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came: {what}");
}

/// What a connection is for: a request that is answered.
async fn is_served(base: &str, address: &str) -> bool {
    let mut socket = Socket::connect_from(base, address).await;
    if !socket.try_send(&get("/healthz")).await {
        return false;
    }
    socket.try_response().await.is_some_and(|response| response.status == 200)
}
