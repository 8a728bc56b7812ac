//! Background jobs keep their data while it cannot be written, and go on as soon as it can.

use std::time::Duration;

use repairops::fetch_one;
use repairops::model::people::Scope;
use repairops::nodes::heartbeat::Heartbeat;
use repairops::plugins::report_failures;
use repairops::rate_limits::flush::flush;
use repairops::rate_limits::rates::Rates;

use tokio_util::sync::CancellationToken;

use crate::faults::run;
use crate::rate_limits::limited;
use crate::support::proxy::Proxy;
use crate::support::receiver::Receiver;
use crate::support::{TestApp, all_at_once, json, on_one_database};
use crate::webhooks::{create, deliver};

on_one_database!(sqlite Sqlite: all_counts_are_kept_until_they_are_written);
on_one_database!(postgres Postgres:
    a_broken_plugin_is_reported_when_events_can_be_written_again,
    a_webhook_is_released_when_an_attempt_cannot_be_recorded,
    a_heartbeat_leaves_a_dead_connection,
);

/// More than one transaction of the flush writes.
const KEYS: usize = 520;

async fn all_counts_are_kept_until_they_are_written(t: &TestApp) {
    let node = limited(t, Rates { read: 100, ..Rates::DEFAULT }).await;
    let mut readers = Vec::new();
    for _ in 0..KEYS {
        readers.push(node.admin.with_key(&t.create_key(Scope::Read, "Report").await.1));
    }
    for reply in all_at_once(readers.iter().map(|reader| reader.get("/v1/shops"))).await {
        reply.expect_status(200);
    }
    run(t, "create trigger fail before insert on key_usage begin select raise(fail, 'on purpose'); end")
        .await;
    flush(&node.app).await.expect_err("the trigger fails it");
    run(t, "drop trigger fail").await;
    flush(&node.app).await.expect("written");
    let mut conn = t.connection().await;
    let (rows, used): (i64, i64) =
        fetch_one!(conn, (i64, i64), "select count(*), cast(sum(used) as bigint) from key_usage")
            .expect("the counts");
    assert_eq!((rows, used), (KEYS as i64, KEYS as i64));
    let (used,): (i64,) = fetch_one!(conn, (i64,), "select used from organization_usage")
        .expect("the organization's count");
    assert_eq!(used, KEYS as i64);
    drop(conn);
    node.app.db.close().await;
}

/// From now on the disk is full for a table.
async fn fill(t: &TestApp, table: &str) {
    run(
        t,
        "create or replace function fill() returns trigger language plpgsql as $$ begin
         raise exception 'could not extend file' using errcode = '53100'; end $$",
    )
    .await;
    run(t, format!("create trigger fill before insert or update on {table} for each row execute function fill()"))
        .await;
}

async fn empty(t: &TestApp, table: &str) {
    run(t, format!("drop trigger fill on {table}")).await;
    run(t, "drop function fill()").await;
}

/// The next attempt need not wait for the end of the lease, but for a moment.
async fn a_webhook_is_released_when_an_attempt_cannot_be_recorded(t: &TestApp) {
    let receiver = Receiver::start().await;
    create(t, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    t.create_ticket(&t.shop).await;
    fill(t, "webhook_attempts").await;
    assert_eq!(deliver(&t.app).await, 1);
    empty(t, "webhook_attempts").await;
    assert_eq!(deliver(&t.app).await, 0, "not at once");
    t.app.clock.advance(Duration::from_secs(11));
    assert_eq!(deliver(&t.app).await, 1, "its lease is still held");
    let received = receiver.ids();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0], received[1], "it is the same delivery");
    assert_eq!(deliver(&t.app).await, 0);
}

async fn beats(t: &TestApp) -> i64 {
    let mut conn = t.connection().await;
    let (beats,): (i64,) =
        fetch_one!(conn, (i64,), "select coalesce(max(beat), 0) from nodes").expect("a count");
    beats
}

/// Nothing arrives on the connections that it had, and nobody says so.
async fn a_heartbeat_leaves_a_dead_connection(t: &TestApp) {
    let (proxy, url) = Proxy::before(t.database_url()).await;
    let apart = t.app.db.open_apart(&url).expect("connections of its own");
    let heartbeat = Heartbeat::start(apart, t.app.node.clone(), t.app.clock.clone());
    let stop = CancellationToken::new();
    let running = tokio::spawn(heartbeat.await.expect("a beat").run_until(stop.clone()));
    proxy.silence_the_present_ones();
    let before = beats(t).await;
    for _ in 0..200 {
        if beats(t).await > before + 2 {
            stop.cancel();
            running.await.expect("an end");
            assert_eq!(beats(t).await, 0, "it signed off");
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the heart stands still");
}

async fn a_broken_plugin_is_reported_when_events_can_be_written_again(t: &TestApp) {
    t.install("guest-trap", serde_json::json!({})).await;
    let ticket = t.create_ticket(&t.shop).await;
    t.transition(&ticket, "TRIAGE").await.error(422, "PLUGIN_FAILED");
    fill(t, "events").await;
    let known = t.events().await.len();
    report_failures::write(&t.app).await;
    assert_eq!(t.event_names_after(known).await, [""; 0]);
    empty(t, "events").await;
    report_failures::write(&t.app).await;
    assert_eq!(t.event_names_after(known).await, ["plugin.failed"]);
    report_failures::write(&t.app).await;
    assert_eq!(t.event_names_after(known).await, ["plugin.failed"], "it is reported once");
}
