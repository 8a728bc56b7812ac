//! PostgreSQL without space: it raises 53100 if a row needs a new page. Even the lookup of a key writes, because
//! requests are counted.

use std::time::Duration;

use repairops::rate_limits::rates::Rates;

use crate::faults::{expect_unavailable, run};
use crate::rate_limits::limited;
use crate::support::builders::ticket_body;
use crate::support::{TestApp, json, on_one_database};

on_one_database!(postgres Postgres: a_full_database_serves_reads_within_their_limits);

const TABLES: [&str; 3] = ["tickets", "key_usage", "storage_tries"];

async fn a_full_database_serves_reads_within_their_limits(t: &TestApp) {
    let rates = Rates { read: 6, write: 100, admin: 100, ..Rates::DEFAULT };
    let node = limited(t, rates).await;
    let body = ticket_body(&t.shop, json!({}));
    let ticket = node.admin.post("/v1/tickets", body.clone()).await.id();
    node.admin.get(&format!("/v1/tickets/{ticket}")).await.expect_status(200);

    run(
        t,
        "create function fill() returns trigger language plpgsql as $$ begin
            raise exception 'could not extend file' using errcode = '53100'; end $$"
            .to_owned(),
    )
    .await;
    for table in TABLES {
        run(t, format!("create trigger fill before insert or update on {table} for each row execute function fill()")).await;
    }
    expect_unavailable(node.admin.post("/v1/tickets", body.clone()).await, "STORAGE_FULL");
    let ready = node.admin.get("/readyz").await.expect_status(503).body;
    assert_eq!(ready["checks"]["storage"], "the disk of the database is full");
    // One of six was read before; this node counts on from there.
    for left in (0..5).rev() {
        let reply = node.admin.get(&format!("/v1/tickets/{ticket}")).await.expect_status(200);
        assert_eq!(reply.header("x-ratelimit-remaining"), Some(left.to_string().as_str()));
    }
    node.admin.get("/v1/tickets").await.error(429, "RATE_LIMIT_EXCEEDED");

    for table in TABLES {
        run(t, format!("drop trigger fill on {table}")).await;
    }
    run(t, "drop function fill()").await;
    node.admin.post("/v1/tickets", body).await.expect_status(201);
    node.app.clock.advance(Duration::from_secs(2));
    node.admin.get("/readyz").await.expect_status(200);
    node.app.rate_limits.close().await;
    node.app.db.close().await;
}
