//! Background jobs keep their data while it cannot be written.

use repairops::fetch_one;
use repairops::model::people::Scope;
use repairops::plugins::report_failures;
use repairops::rate_limits::flush::flush;
use repairops::rate_limits::rates::Rates;

use crate::faults::run;
use crate::rate_limits::limited;
use crate::support::{TestApp, all_at_once, on_one_database};

on_one_database!(sqlite Sqlite: all_counts_are_kept_until_they_are_written);
on_one_database!(postgres Postgres: a_broken_plugin_is_reported_when_events_can_be_written_again);

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

async fn a_broken_plugin_is_reported_when_events_can_be_written_again(t: &TestApp) {
    t.install("guest-trap", serde_json::json!({})).await;
    let ticket = t.create_ticket(&t.shop).await;
    t.transition(&ticket, "TRIAGE").await.error(422, "PLUGIN_FAILED");
    run(
        t,
        "create function fill() returns trigger language plpgsql as $$ begin
         raise exception 'could not extend file' using errcode = '53100'; end $$",
    )
    .await;
    run(t, "create trigger fill before insert on events for each row execute function fill()")
        .await;
    let known = t.events().await.len();
    report_failures::write(&t.app).await;
    assert_eq!(t.event_names_after(known).await, [""; 0]);
    run(t, "drop trigger fill on events").await;
    run(t, "drop function fill()").await;
    report_failures::write(&t.app).await;
    assert_eq!(t.event_names_after(known).await, ["plugin.failed"]);
    report_failures::write(&t.app).await;
    assert_eq!(t.event_names_after(known).await, ["plugin.failed"], "it is reported once");
}
