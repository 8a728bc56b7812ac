//! SQLite without space, by `max_page_count`: the same result code as on a full disk.

use std::time::Duration;

use repairops::db::Db;
use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::faults::{expect_unavailable, keyed, large_ticket, tickets};
use crate::support::builders::item_body;
use crate::support::{TestApp, json, on_one_database};

on_one_database!(sqlite Sqlite: a_full_database_serves_reads_and_recovers_by_itself);

const NO_LIMIT: i64 = 1_073_741_823;

async fn a_full_database_serves_reads_and_recovers_by_itself(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    limit_pages(t, page_count(t).await + 8).await;
    let mut acknowledged = 1;
    let refused = loop {
        let reply = t.post("/v1/tickets", large_ticket(&t.shop)).await;
        match reply.status {
            201 if acknowledged < 100 => acknowledged += 1,
            _ => break reply,
        }
    };
    expect_unavailable(refused, "STORAGE_FULL");

    for round in 0..5 {
        expect_unavailable(t.post("/v1/tickets", large_ticket(&t.shop)).await, "STORAGE_FULL");
        fill(t, "/v1/inventory", |n| item_body(&t.shop, &format!("A{round}-{n}"), json!({}))).await;
        fill(t, "/v1/shops", |n| json!({ "name": format!("Shop {round} {n}") })).await;
        let once = keyed(t, "/v1/tickets", "once", &large_ticket(&t.shop)).await;
        expect_unavailable(once, "STORAGE_FULL");
        for path in [
            "/v1/tickets",
            &format!("/v1/tickets/{ticket}"),
            "/v1/customers?name=jane",
            "/v1/inventory?in_stock=true",
            "/v1/kpis?metrics=revenue",
            "/v1/shops",
            "/healthz",
        ] {
            t.get(path).await.expect_status(200);
        }
        let ready = t.get("/readyz").await.expect_status(503).body;
        assert_eq!(ready["status"], "not ready");
        assert_eq!(ready["checks"]["storage"], "the disk of the database is full");
        assert_eq!(ready["checks"]["database"], "ok");
        t.app.clock.advance(Duration::from_secs(2));
    }

    limit_pages(t, NO_LIMIT).await;
    let once = keyed(t, "/v1/tickets", "once", &large_ticket(&t.shop)).await;
    assert_eq!(once.expect_status(201).header("idempotency-replayed"), None);
    let again = keyed(t, "/v1/tickets", "once", &large_ticket(&t.shop)).await;
    assert_eq!(again.expect_status(201).header("idempotency-replayed"), Some("true"));
    for _ in 0..20 {
        t.post("/v1/tickets", large_ticket(&t.shop)).await.expect_status(201);
    }
    t.app.clock.advance(Duration::from_secs(2));
    let ready = t.get("/readyz").await.expect_status(200).body;
    assert_eq!(ready["checks"]["storage"], "ok");
    assert_eq!(tickets(t).await, acknowledged + 1 + 20);
    assert_eq!(leftovers(t).await, 0);
}

/// Small writes, which still fit into pages that are there, until one does not.
async fn fill(t: &TestApp, path: &str, body: impl Fn(usize) -> Value) {
    for number in 0..1_000 {
        let reply = t.post(path, body(number)).await;
        if reply.status != 201 {
            return expect_unavailable(reply, "STORAGE_FULL");
        }
    }
    panic!("{path} is never full");
}

async fn leftovers(t: &TestApp) -> i64 {
    let mut conn = t.connection().await;
    let row: (i64,) =
        repairops::fetch_one!(conn, (i64,), "select count(*) from storage_tries").expect("a count");
    row.0
}

async fn page_count(t: &TestApp) -> i64 {
    let mut conn = t.connection().await;
    let row: (i64,) = repairops::fetch_one!(conn, (i64,), "pragma page_count").expect("a count");
    row.0
}

/// For the connection that is there and for those to come.
async fn limit_pages(t: &TestApp, pages: i64) {
    let Db::Sqlite { writer, .. } = &t.app.db else { panic!("this is about SQLite") };
    let options = writer.connect_options().as_ref().clone();
    writer.set_connect_options(options.pragma("max_page_count", pages.to_string()));
    let mut connection = writer.acquire().await.expect("the writer");
    let statement = AssertSqlSafe(format!("pragma max_page_count = {pages}"));
    sqlx::query(statement).execute(&mut *connection).await.expect("a limit");
}
