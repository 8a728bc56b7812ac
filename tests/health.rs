//! `/healthz`, `/readyz`, and request ids.

use axum::body::Bytes;
use axum::http::Method;
use repairops::config::MetricsListen;

use crate::support::{TestApp, both_databases, json};

both_databases![
    a_server_that_can_work_is_ready,
    a_server_without_its_database_lives_but_is_not_ready,
    a_server_that_ends_is_not_ready,
    metrics_have_an_address_of_their_own_if_one_is_given,
    a_client_may_name_its_request,
];

async fn a_server_that_can_work_is_ready(t: &TestApp) {
    let nobody = t.authorized(None);
    assert_eq!(nobody.get("/healthz").await.ok(), json!({ "status": "ok" }));
    let ready = nobody.get("/readyz").await.ok();
    assert_eq!(
        ready,
        json!({ "status": "ready", "checks": { "database": "ok", "storage": "ok", "plugins": "ok", "server": "ok" } })
    );
}

async fn a_server_without_its_database_lives_but_is_not_ready(t: &TestApp) {
    let node = t.node(|_| {}).await;
    let mut tx = node.app.db.begin().await.expect("a transaction");
    repairops::execute!(tx, "update _sqlx_migrations set version = 999 where version = 1")
        .expect("a migration less");
    tx.commit().await.expect("a commit");
    let missing = node.admin.get("/readyz").await.expect_status(503).body;
    let mut tx = node.app.db.begin().await.expect("a transaction");
    repairops::execute!(tx, "update _sqlx_migrations set version = 1 where version = 999")
        .expect("it is back");
    tx.commit().await.expect("a commit");
    assert_eq!(
        missing["checks"],
        json!({ "database": "1 migration is missing", "storage": "ok", "plugins": "ok", "server": "ok" })
    );
    node.app.db.close().await;
    node.admin.get("/healthz").await.expect_status(200);
    let gone = node.admin.get("/readyz").await.expect_status(503).body;
    assert_eq!(
        gone["checks"],
        json!({ "database": "it does not answer", "storage": "ok", "plugins": "ok", "server": "ok" })
    );
}

async fn a_server_that_ends_is_not_ready(t: &TestApp) {
    let node = t.node(|_| {}).await;
    node.app.shutdown.draining.cancel();
    let ending = node.admin.get("/readyz").await.expect_status(503).body;
    assert_eq!(
        ending["checks"],
        json!({ "database": "ok", "storage": "ok", "plugins": "ok", "server": "it is shutting down" })
    );
    node.admin.get("/v1/tickets").await.expect_status(200);
    t.get("/readyz").await.expect_status(200);
}

async fn metrics_have_an_address_of_their_own_if_one_is_given(t: &TestApp) {
    t.get("/metrics").await.expect_status(200);
    let node = t
        .node(|config| config.metrics_listen = MetricsListen::Address("127.0.0.1:0".to_owned()))
        .await;
    node.admin.get("/metrics").await.not_found();
    let metrics = t.admin.at(repairops::metrics::http::router(node.app.clone()));
    t.node(|config| config.metrics_listen = MetricsListen::Off)
        .await
        .admin
        .get("/metrics")
        .await
        .not_found();
    metrics.get("/v1/tickets").await.expect_status(404);
    let shown = metrics.get("/metrics").await.expect_status(200);
    assert!(shown.body.as_str().is_some_and(|text| text.contains("repairops_http_requests")));
}

async fn a_client_may_name_its_request(t: &TestApp) {
    let ask = async |id: &str| {
        let request = t.request(Method::GET, "/v1/tickets/1").header("x-request-id", id);
        t.send(request, Bytes::new()).await
    };
    for id in ["trace-0123.45_AZ", "4bf92f3577b34da6a3ce929d0e0e4736"] {
        let reply = ask(id).await;
        assert_eq!(reply.header("x-request-id"), Some(id));
        assert_eq!(reply.error(400, "INVALID_REQUEST")["request_id"], id);
    }
    let long = "x".repeat(65);
    for id in ["short", "with blank", "semi;colon", "", &long, "ünïcode-ünïcode"] {
        let reply = ask(id).await;
        assert!(reply.header("x-request-id").is_some_and(|own| own.starts_with("req_")), "{id}");
    }
}
