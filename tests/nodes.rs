//! Nodes that die: what they held is released for others within seconds, not when its lease runs out.

use std::process::Command;
use std::time::Duration;

use axum::http::Method;
use repairops::nodes::store::LEASED;
use serde_json::Value;

use crate::crash::Server;
use crate::support::client::{Asked, Client};
use crate::support::components::node_folder;
use crate::support::receiver::{Answer, Receiver};
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_claim_of_a_dead_node_is_free_for_a_repeat,
    a_node_that_ends_signs_off,
    every_table_with_leases_is_released,
    a_second_server_on_one_database,
];

/// On SQLite the next server releases what the dead one held; on PostgreSQL any other node does.
async fn a_claim_of_a_dead_node_is_free_for_a_repeat(t: &TestApp) {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::Hang);
    let webhook = t.post("/v1/webhooks", json!({ "url": receiver.url })).await;
    let webhook = webhook.expect_status(201).id();
    let mut first = Server::start(t);
    let other = is_postgres(t).await.then(|| Server::start(t));
    let send = |server: &Server| test(t, server, &webhook);
    let under_way = tokio::spawn(send(&first));
    receiver.has_received(1).await;
    if let Some(other) = &other {
        send(other).await.error(409, "IDEMPOTENCY_IN_FLIGHT");
    }
    under_way.abort(); // the server goes on with it
    first.child.kill().expect("the server is killed"); // SIGKILL
    first.child.wait().expect("the server is gone");
    receiver.answers(Answer::Status(204));
    let other = other.unwrap_or_else(|| Server::start(t));
    // The lease itself lasts for half a minute.
    for _ in 0..150 {
        let repeated = send(&other).await;
        if repeated.status == 200 {
            assert_eq!(repeated["state"], "delivered", "{repeated:?}");
            assert_eq!(receiver.received().len(), 2);
            return;
        }
        repeated.error(409, "IDEMPOTENCY_IN_FLIGHT");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the key is still taken");
}

/// Sends a test event with an Idempotency-Key: a request that takes as long as the receiver.
fn test(
    t: &TestApp,
    server: &Server,
    webhook: &str,
) -> impl Future<Output = crate::support::reply::Reply> + use<> {
    let client = t.admin.over_socket(server.base.clone());
    let path = format!("/v1/webhooks/{webhook}/test");
    async move { post(&client, &path, json!({})).await }
}

fn post(client: &Client, path: &str, body: Value) -> impl Asked + use<> {
    let request = client.request(Method::POST, path).header("content-type", "application/json");
    client.send(request.header("idempotency-key", "one"), body.to_string().into())
}

async fn is_postgres(t: &TestApp) -> bool {
    t.connection().await.is_postgres()
}

async fn nodes(t: &TestApp) -> i64 {
    let mut conn = t.connection().await;
    let (count,): (i64,) =
        repairops::fetch_one!(conn, (i64,), "select count(*) from nodes").expect("a count");
    count
}

async fn a_node_that_ends_signs_off(t: &TestApp) {
    let server = Server::start(t);
    assert_eq!(nodes(t).await, i64::from(is_postgres(t).await), "SQLite has one node");
    server.end().await;
    assert_eq!(nodes(t).await, 0);
}

async fn every_table_with_leases_is_released(t: &TestApp) {
    let mut conn = t.connection().await;
    let sql = if conn.is_postgres() {
        "select table_name::text from information_schema.columns
         where column_name like 'lease%' and table_schema = current_schema() group by 1 order by 1"
    } else {
        "select m.name from sqlite_schema m join pragma_table_info(m.name) c on c.name like 'lease%'
         where m.type = 'table' group by 1 order by 1"
    };
    let rows: Vec<(String,)> = repairops::fetch_all!(conn, (String,), sql).expect("the tables");
    let tables: Vec<String> = rows.into_iter().map(|row| row.0).collect();
    assert_eq!(tables, LEASED);
    drop(conn);

    // Each holds a lease of a node that is gone, and `release` frees all of them.
    let node = t.app.node.id;
    t.install("guest-fickle", json!({ "post_create": "trap" })).await;
    t.create_ticket(&t.shop).await;
    t.post("/v1/webhooks", json!({ "url": "https://shop.example/" })).await.expect_status(201);
    post(t, "/v1/shops", json!({ "name": "Elm Street" })).await.expect_status(201);
    let mut tx = t.app.db.begin().await.expect("a transaction");
    let now = t.app.clock.now();
    let later = now + Duration::from_secs(30);
    repairops::execute!(tx, "update components set lease_node = $1", node).expect("leases");
    repairops::execute!(
        tx,
        "update webhook_endpoints set lease_node = $1, lease_id = $1, leased_until = $2",
        node,
        later
    )
    .expect("leases");
    repairops::execute!(tx, "update enrichments set lease_node = $1, due_at = $2", node, later)
        .expect("leases");
    repairops::execute!(
        tx,
        "update idempotency_keys set lease_node = $1, lease_until = $2, answered_at = null",
        node,
        later
    )
    .expect("leases");
    repairops::nodes::store::release(&mut tx, node, now).await.expect("a release");
    for sql in [
        "select count(*) from components where lease_node is not null",
        "select count(*) from webhook_endpoints where lease_node is not null or leased_until is not null",
        "select count(*) from enrichments where lease_node is not null",
        "select count(*) from idempotency_keys where lease_node is not null or lease_until > created_at",
    ] {
        let (left,): (i64,) = repairops::fetch_one!(tx, (i64,), sql).expect("a count");
        assert_eq!(left, 0, "{sql}");
    }
    let due = repairops::tickets::store::due_enrichments(&mut tx, now, 10).await.expect("the due");
    assert_eq!(due.len(), 1, "the work of the dead node is due");
    tx.rollback().await.expect("a rollback");
}

async fn a_second_server_on_one_database(t: &TestApp) {
    let first = Server::start(t);
    if is_postgres(t).await {
        let second = Server::start(t);
        assert_eq!(nodes(t).await, 2);
        second.end().await;
        first.end().await;
        return;
    }
    let second = Command::new(env!("CARGO_BIN_EXE_repairops"))
        .args(["serve", "--listen", "127.0.0.1:0", "--database", t.database_url(), "--data"])
        .arg(node_folder())
        .output()
        .expect("the program runs");
    assert!(!second.status.success());
    let error = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(error.contains("another server has the database"), "{error}");
    let client = t.admin.over_socket(first.base.clone());
    let list: Value = client.get("/v1/tickets").await.ok();
    assert!(list["data"].is_array());
    first.end().await;
    Server::start(t).end().await; // the lock ended with it
}
