//! The limits on concurrent connections.

use repairops::config::ConnectionConfig;
use repairops::listener::{Server, bind};
use repairops::router;
use tokio::sync::oneshot;

use super::{closed, create, get, is_served, open, patient, serve, until};
use crate::support::socket::Socket;
use crate::support::{TestApp, on_one_database};

on_one_database!(sqlite Sqlite:
    an_address_has_its_number_of_connections,
    a_trusted_proxy_has_any_number,
    half_open_connections_keep_nobody_out,
    half_bodies_alone_make_room,
    who_has_few_connections_keeps_them,
    a_request_under_way_makes_no_room,
    a_server_that_stops_finishes_the_requests_under_way,
);

async fn an_address_has_its_number_of_connections(t: &TestApp) {
    let limits = ConnectionConfig { connections_per_address: 3, ..patient() };
    let (node, base) = serve(t, limits).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(Socket::connect_from(&base, "127.0.0.2").await);
    }
    until("the connections", async || open(&node).await == 3).await;
    let mut refused = Socket::connect_from(&base, "127.0.0.2").await;
    refused.closed().await;
    assert_eq!(closed(&node, "address_full").await, 1);
    assert!(is_served(&base, "127.0.0.1").await, "another address");
    held.pop();
    until("the end of one", async || open(&node).await == 2).await;
    assert!(is_served(&base, "127.0.0.2").await);
}

async fn a_trusted_proxy_has_any_number(t: &TestApp) {
    let node = t.node(|config| {
        config.connections = ConnectionConfig { connections_per_address: 3, ..patient() };
        config.limits.trusted_proxies = vec!["127.0.0.2/32".parse().expect("a network")];
    });
    let node = node.await;
    let base = node.serve().await;
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(Socket::connect_from(&base, "127.0.0.2").await);
    }
    until("the connections", async || open(&node).await == 10).await;
    assert!(is_served(&base, "127.0.0.2").await);
    assert_eq!(closed(&node, "address_full").await, 0);
}

async fn half_open_connections_keep_nobody_out(t: &TestApp) {
    let limits = ConnectionConfig { connections_max: 20, ..patient() };
    let (node, base) = serve(t, limits).await;
    let (head, body) = create(t, &node, "");
    let mut held = Vec::new();
    for number in 0..60 {
        let mut socket = Socket::connect_from(&base, &format!("127.0.1.{number}")).await;
        // Nothing, half a head, half a body.
        let half_body = head.clone() + &body[..20];
        socket.try_send(["", &head[..20], &half_body][number % 3]).await;
        held.push(socket);
        if number % 10 == 9 {
            assert!(is_served(&base, "127.0.0.1").await, "beside {number}");
        }
    }
    assert!(open(&node).await <= 20);
    assert!(closed(&node, "evicted").await >= 40);
    assert_eq!(closed(&node, "server_full").await, 0);
}

async fn half_bodies_alone_make_room(t: &TestApp) {
    let (node, base) = serve(t, ConnectionConfig { connections_max: 3, ..patient() }).await;
    let (head, body) = create(t, &node, "expect: 100-continue\r\n");
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut socket = Socket::connect(&base).await;
        socket.send(&head).await;
        // Now the handler waits for the body.
        assert_eq!(socket.response().await.status, 100);
        socket.send(&body[..20]).await;
        held.push(socket);
    }
    until("room for another", async || is_served(&base, "127.0.0.2").await).await;
    assert_eq!(closed(&node, "evicted").await, 1);
}

async fn who_has_few_connections_keeps_them(t: &TestApp) {
    let limits = ConnectionConfig { connections_max: 10, ..patient() };
    let (node, base) = serve(t, limits).await;
    let mut used = Socket::connect(&base).await;
    used.send(&get("/healthz")).await;
    assert_eq!(used.response().await.status, 200);
    let mut held = Vec::new();
    for number in 0..30 {
        held.push(Socket::connect_from(&base, &format!("127.0.1.{}", number % 3)).await);
    }
    until("them all", async || closed(&node, "evicted").await == 21).await;
    used.send(&get("/healthz")).await;
    assert_eq!(used.response().await.status, 200);
}

async fn a_request_under_way_makes_no_room(t: &TestApp) {
    let limits = ConnectionConfig { connections_max: 3, ..patient() };
    let (node, base) = serve(t, limits).await;
    let (head, body) = create(t, &node, "");
    // SQLite has one writer.
    let writing = node.app.db.begin().await.expect("a transaction");
    let mut working = Vec::new();
    for _ in 0..3 {
        let before = node.app.db.statements();
        let mut socket = Socket::connect(&base).await;
        // Pipelined: by the time of the first response the server has all of the second request.
        socket.send(&(get("/healthz") + &head + &body)).await;
        assert_eq!(socket.response().await.status, 200);
        // A request whose key was read is under way; before that, its connection still waits for its client.
        until("a request under way", async || node.app.db.statements() > before).await;
        working.push(socket);
    }
    until("a server that is full", async || !is_served(&base, "127.0.0.1").await).await;
    for _ in 0..5 {
        assert!(!is_served(&base, "127.0.0.1").await);
    }
    assert!(closed(&node, "server_full").await >= 6);
    assert_eq!(closed(&node, "evicted").await, 0);
    drop(writing);
    for mut socket in working {
        assert_eq!(socket.response().await.status, 201);
    }
    assert!(is_served(&base, "127.0.0.1").await);
}

async fn a_server_that_stops_finishes_the_requests_under_way(t: &TestApp) {
    let node = t.node(|config| config.connections = patient()).await;
    let listener = bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::new(&node.app, listener, router(node.app.clone()));
    let server = tokio::spawn(server.run(async move { stopped.await.unwrap_or_default() }));

    let mut idle = Socket::connect(&base).await;
    idle.send(&get("/healthz")).await;
    assert_eq!(idle.response().await.status, 200);
    let (head, body) = create(t, &node, "");
    let writing = node.app.db.begin().await.expect("a transaction");
    let mut working = Socket::connect(&base).await;
    // In two parts, so that it is under way when the first response says that the server wants the second.
    working.send(&head.replace("\r\n\r\n", "\r\nexpect: 100-continue\r\n\r\n")).await;
    assert_eq!(working.response().await.status, 100);
    working.send(&body).await;
    stop.send(()).expect("a server");
    idle.closed().await;
    assert!(!server.is_finished(), "a request is under way");
    drop(writing);
    let made = working.response().await;
    assert_eq!(made.status, 201, "{:#}", made.body);
    assert!(made.head.contains("connection: close"), "{}", made.head);
    working.closed().await;
    server.await.expect("an end");
}
