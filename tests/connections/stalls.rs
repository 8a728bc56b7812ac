//! Connections that send nothing, or only part of a request's head.

use super::{closed, get, patient, serve};
use crate::support::socket::Socket;
use crate::support::{TestApp, on_one_database};
use repairops::config::ConnectionConfig;

on_one_database!(sqlite Sqlite:
    a_connection_that_sends_nothing_is_closed,
    half_a_head_is_closed_however_slowly_it_trickles,
    a_connection_that_rests_is_closed_and_one_in_use_is_not,
    half_of_a_second_head_has_the_timeout_of_heads,
    a_head_that_is_too_long_is_a_431,
);

async fn a_connection_that_sends_nothing_is_closed(t: &TestApp) {
    let (node, base) = serve(t, ConnectionConfig { head_timeout_ms: 200, ..patient() }).await;
    Socket::connect(&base).await.closed().await;
    assert_eq!(closed(&node, "head_timeout").await, 1);
}

async fn half_a_head_is_closed_however_slowly_it_trickles(t: &TestApp) {
    let (node, base) = serve(t, ConnectionConfig { head_timeout_ms: 200, ..patient() }).await;
    let mut half = Socket::connect(&base).await;
    half.send("POST /v1/tickets HTTP/1.1\r\nhost: te").await;
    half.closed().await;
    let mut trickling = Socket::connect(&base).await;
    trickling.send("GET /healthz HTTP/1.1\r\n").await;
    let mut sent = 0;
    while trickling.try_send(&format!("x-{sent}: 1\r\n")).await && sent < 1_000 {
        sent += 1;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(sent < 1_000, "it was let go on for ever");
    assert_eq!(closed(&node, "head_timeout").await, 2);
}

async fn a_connection_that_rests_is_closed_and_one_in_use_is_not(t: &TestApp) {
    let timeouts = ConnectionConfig { idle_timeout_ms: 1_000, ..patient() };
    let (node, base) = serve(t, timeouts).await;
    let (mut resting, mut used) = (Socket::connect(&base).await, Socket::connect(&base).await);
    resting.send(&get("/healthz")).await;
    assert_eq!(resting.response().await.status, 200);
    // For longer in all than a connection may rest.
    for _ in 0..8 {
        used.send(&get("/healthz")).await;
        assert_eq!(used.response().await.status, 200);
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    resting.closed().await;
    used.closed().await;
    assert_eq!(closed(&node, "idle_timeout").await, 2);
}

async fn half_of_a_second_head_has_the_timeout_of_heads(t: &TestApp) {
    let (node, base) = serve(t, ConnectionConfig { head_timeout_ms: 200, ..patient() }).await;
    let mut socket = Socket::connect(&base).await;
    socket.send(&get("/healthz")).await;
    assert_eq!(socket.response().await.status, 200);
    socket.send("GET /healthz HT").await;
    socket.closed().await;
    assert_eq!(closed(&node, "head_timeout").await, 1);
}

async fn a_head_that_is_too_long_is_a_431(t: &TestApp) {
    let (_node, base) = serve(t, patient()).await;
    let mut socket = Socket::connect(&base).await;
    let line = format!("x-filler: {}\r\n", "x".repeat(1_000));
    socket.try_send(&format!("GET /healthz HTTP/1.1\r\n{}", line.repeat(90))).await;
    assert_eq!(socket.response().await.status, 431);
    socket.closed().await;
    let mut socket = Socket::connect(&base).await;
    socket.send(&format!("GET /healthz HTTP/1.1\r\n{}\r\n", line.repeat(55))).await;
    assert_eq!(socket.response().await.status, 200);
}
