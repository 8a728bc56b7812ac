//! Connections to PostgreSQL that die without a word: nothing arrives any more, and nobody says so.

use std::time::Duration;

use super::{expect_unavailable, large_ticket};
use crate::support::proxy::Proxy;
use crate::support::{TestApp, all_at_once, on_one_database};

on_one_database!(postgres Postgres:
    a_statement_without_an_answer_is_a_503_and_its_connection_is_closed,
    a_commit_without_an_answer_is_a_503_and_its_connection_is_closed,
);

/// More requests than the pool has connections, so that none may stay in use.
const REQUESTS: usize = 40;

async fn a_statement_without_an_answer_is_a_503_and_its_connection_is_closed(t: &TestApp) {
    let (proxy, url) = Proxy::before(t.database_url()).await;
    let node = t.node(|config| config.database.url = url).await;
    // No connection has prepared this statement yet, so that its text is sent.
    node.app.db.limit_statements(Duration::from_millis(300));
    proxy.hold("from shops");
    let replies = all_at_once((0..REQUESTS).map(|_| node.admin.get("/v1/shops"))).await;
    for reply in replies {
        expect_unavailable(reply, "DATABASE_UNAVAILABLE");
    }
    proxy.release();
    let replies = all_at_once((0..REQUESTS).map(|_| node.admin.get("/v1/shops"))).await;
    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:#?}");
    node.app.db.close().await;
}

async fn a_commit_without_an_answer_is_a_503_and_its_connection_is_closed(t: &TestApp) {
    let (proxy, url) = Proxy::before(t.database_url()).await;
    let node = t.node(|config| config.database.url = url).await;
    node.app.db.limit_statements(Duration::from_millis(300));
    proxy.hold("COMMIT");
    let body = large_ticket(&t.shop);
    let replies = all_at_once((0..REQUESTS).map(|_| node.admin.post("/v1/tickets", body.clone())));
    for reply in replies.await {
        expect_unavailable(reply, "DATABASE_UNAVAILABLE");
    }
    proxy.release();
    node.admin.post("/v1/tickets", body).await.expect_status(201);
    node.app.db.close().await;
}
