//! A claim of an Idempotency-Key does not last longer if the database fails while it is released.

use std::time::Duration;

use crate::faults::{expect_unavailable, keyed, run};
use crate::support::builders::ticket_body;
use crate::support::{TestApp, json, on_one_database};

on_one_database!(postgres Postgres: a_key_is_free_again_soon_after_a_moment_of_trouble);

/// The lease of a claim is 30 s; this is a good deal less.
const WAIT_MAX: Duration = Duration::from_secs(10);

async fn a_key_is_free_again_soon_after_a_moment_of_trouble(t: &TestApp) {
    run(
        t,
        "create function conflict() returns trigger language plpgsql as $$ begin
         raise exception 'on purpose' using errcode = '40001'; end $$",
    )
    .await;
    for (when, table) in [("insert", "tickets"), ("delete", "idempotency_keys")] {
        let each = "for each row execute function conflict()";
        run(t, format!("create trigger conflict before {when} on {table} {each}")).await;
    }
    let body = ticket_body(&t.shop, json!({}));
    let write = || keyed(t, "/v1/tickets", "once", &body);
    expect_unavailable(write().await, "DATABASE_UNAVAILABLE");
    write().await.error(409, "IDEMPOTENCY_IN_FLIGHT");
    for table in ["tickets", "idempotency_keys"] {
        run(t, format!("drop trigger conflict on {table}")).await;
    }
    run(t, "drop function conflict()").await;

    let free = async {
        loop {
            let reply = write().await;
            if reply.status != 409 {
                return reply;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let reply = tokio::time::timeout(WAIT_MAX, free).await.expect("the key is free again");
    assert_eq!(reply.expect_status(201).header("idempotency-replayed"), None);
}
