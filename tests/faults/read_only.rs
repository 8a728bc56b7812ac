//! PostgreSQL becomes read-only, as a standby is: the node sees it without a write, and is back without a restart.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::expect_unavailable;
use crate::support::builders::ticket_body;
use crate::support::{TestApp, json, on_one_database};

on_one_database!(postgres Postgres: a_read_only_database_is_seen_and_left_again);

/// The sessions of the node begin anew, as after a failover.
async fn change(operator: &mut PgConnection, setting: &str) {
    let (name,): (String,) = sqlx::query_as("select current_database()::text")
        .fetch_one(&mut *operator)
        .await
        .expect("a name");
    let sql = format!("alter database {name} {setting}");
    sqlx::query(AssertSqlSafe(sql)).execute(&mut *operator).await.expect("a setting");
}

async fn end_sessions(operator: &mut PgConnection) {
    sqlx::query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()",
    )
    .execute(operator)
    .await
    .expect("the sessions end");
}

async fn a_read_only_database_is_seen_and_left_again(t: &TestApp) {
    t.spoil_schema();
    let node = t.node(|_| {}).await;
    let mut operator = PgConnection::connect(t.database_url()).await.expect("a session");
    node.admin.get("/readyz").await.expect_status(200);
    change(&mut operator, "set default_transaction_read_only = on").await;
    end_sessions(&mut operator).await;

    // No request has tried to write.
    let mut shown = node.admin.get("/readyz").await;
    if shown["checks"]["database"] != "ok" {
        shown = node.admin.get("/readyz").await; // the first one met an ended session
    }
    let shown = shown.expect_status(503);
    assert_eq!(shown["checks"]["storage"], "the database is read-only, as a standby is");
    let body = ticket_body(&t.shop, json!({}));
    expect_unavailable(node.admin.post("/v1/tickets", body.clone()).await, "DATABASE_UNAVAILABLE");
    node.admin.get("/v1/tickets").await.ok();

    // The sessions stay, and each is read-only for its life: the node has to close them.
    change(&mut operator, "reset default_transaction_read_only").await;
    for _ in 0..100 {
        if node.admin.get("/readyz").await.status == 200 {
            break;
        }
        node.app.clock.advance(Duration::from_secs(1)); // the next probe is due
    }
    node.admin.get("/readyz").await.expect_status(200);
    for _ in 0..20 {
        node.admin.post("/v1/tickets", body.clone()).await.expect_status(201);
    }
    node.app.db.close().await;
    // The app of the test has sessions that were ended above; those that have rested are checked before they are used.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
}
