//! PostgreSQL terminates sessions during requests, as in a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use repairops::rate_limits::rates::{Rates, RatesOption};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use crate::faults::{expect_honest_writes, keyed, tickets};
use crate::support::builders::ticket_body;
use crate::support::client::Client;
use crate::support::{TestApp, all_at_once, json, on_one_database};

on_one_database!(postgres Postgres:
    ended_sessions_are_503s_and_nothing_is_lost_or_done_twice,
    sessions_from_a_read_only_time_are_closed,
);

const CLIENTS: usize = 6;
const KEYS_PER_CLIENT: usize = 40;

/// Of all pools of a node.
const SESSIONS_MAX: usize = repairops::db::CONNECTIONS as usize;

/// How often all sessions are ended: rarely enough for requests to get through in between.
const ENDS: usize = 12;

async fn ended_sessions_are_503s_and_nothing_is_lost_or_done_twice(t: &TestApp) {
    let rates = Rates { read: 1_000_000, write: 1_000_000, admin: 1_000_000, ..Rates::DEFAULT };
    let node = t.node(|config| config.limits.rate_limits = RatesOption(Some(rates))).await;
    let before = tickets(&node.admin).await;
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(write_and_read(node.admin.clone(), t.shop.clone(), number));
    }
    let mut operator = PgConnection::connect(t.database_url()).await.expect("a session");
    let mut ended = 0;
    for _ in 0..ENDS {
        tokio::time::sleep(Duration::from_millis(100)).await;
        ended += end_sessions(&mut operator).await;
    }
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    while let Some(client) = clients.join_next().await {
        for status in client.expect("a client does not panic") {
            *statuses.entry(status).or_default() += 1;
        }
    }
    assert!(ended > CLIENTS as i64, "{ended} sessions were ended: {statuses:?}");
    assert!(statuses.contains_key(&503), "{statuses:?}");
    let expected = CLIENTS * KEYS_PER_CLIENT;
    assert_eq!(tickets(&node.admin).await, before + expected as i64, "{statuses:?}");
    expect_honest_writes(t, &node.admin, "afterwards").await;
    node.app.rate_limits.close().await;
    node.app.db.close().await;
}

async fn sessions_from_a_read_only_time_are_closed(t: &TestApp) {
    let mut operator = PgConnection::connect(t.database_url()).await.expect("a session");
    let mut set_read_only = async |word: &str| {
        let name: String = sqlx::query_scalar("select current_database()")
            .fetch_one(&mut operator)
            .await
            .expect("a name");
        let change = format!("alter database {name} set default_transaction_read_only = {word}");
        sqlx::query(AssertSqlSafe(change)).execute(&mut operator).await.expect("a change");
        end_sessions(&mut operator).await;
    };
    set_read_only("on").await;
    let body = ticket_body(&t.shop, json!({}));
    let mut refused = 0;
    for _ in 0..20 {
        let reply = t.post("/v1/tickets", body.clone()).await;
        assert_eq!(reply.status, 503, "{:#}", reply.body);
        refused += usize::from(reply["error"]["code"] == "DATABASE_UNAVAILABLE");
    }
    assert_eq!(refused, 20);
    // Without the end of its sessions, which have to go by themselves.
    let mut other = PgConnection::connect(t.database_url()).await.expect("a session");
    let name: String = sqlx::query_scalar("select current_database()")
        .fetch_one(&mut other)
        .await
        .expect("a name");
    let reset = format!("alter database {name} reset default_transaction_read_only");
    for statement in ["set default_transaction_read_only = off".to_owned(), reset] {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut other).await.expect("a change");
    }
    // Each session that is still from that time costs one request.
    let mut refused = 0;
    loop {
        let writes = (0..40).map(|_| t.post("/v1/tickets", body.clone()));
        let statuses: Vec<u16> =
            all_at_once(writes).await.iter().map(|reply| reply.status).collect();
        assert!(statuses.iter().all(|status| [201, 503].contains(status)), "{statuses:?}");
        let now = statuses.iter().filter(|status| **status == 503).count();
        if now == 0 {
            break;
        }
        refused += now;
        assert!(refused <= SESSIONS_MAX, "sessions that take no writes are kept");
    }
}

/// Writes with keys until each was carried out; answers with the statuses that it got.
async fn write_and_read(client: Client, shop: String, number: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    let body = ticket_body(&shop, json!({}));
    for key in 0..KEYS_PER_CLIENT {
        loop {
            let read = client.get("/v1/tickets?limit=1").await;
            assert!([200, 503].contains(&read.status), "{} {:#}", read.status, read.body);
            let key = format!("client {number} {key}");
            let reply = keyed(&client, "/v1/tickets", &key, &body).await;
            statuses.extend([read.status, reply.status]);
            match reply.status {
                201 => break,
                503 => assert!(reply.header("retry-after").is_some(), "{:#}", reply.body),
                409 => {
                    let code = &reply["error"]["code"];
                    assert_eq!(code, "IDEMPOTENCY_IN_FLIGHT", "{:#}", reply.body);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                status => panic!("{status}: {:#}", reply.body),
            }
        }
    }
    statuses
}

async fn end_sessions(operator: &mut PgConnection) -> i64 {
    sqlx::query_scalar(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()",
    )
    .fetch_one(operator)
    .await
    .expect("the sessions end")
}
