//! Replays: of one event, or of all since a time.

use std::time::Duration;

use repairops::model::ids::EventId;

use super::{create, deliver, log, path};
use crate::support::receiver::{Answer, Receiver};
use crate::support::{TestApp, both_databases, json};

both_databases![
    one_is_delivered_again_with_its_own_id,
    all_since_a_time_are_delivered_again_in_order,
    a_new_endpoint_can_catch_up,
    a_replay_is_tried_as_often_as_any,
    a_long_replay_is_continued_without_a_loss,
];

async fn one_is_delivered_again_with_its_own_id(t: &TestApp) {
    let receiver = Receiver::start().await;
    let webhook = create(t, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    let first = log(t, &webhook).await.remove(0);
    let first_path = format!("{}/deliveries/{}", path(&webhook), first["id"].as_str().expect("id"));
    t.app.clock.advance(Duration::from_secs(90));
    let reply = t.post(&format!("{first_path}/replay"), json!({})).await.expect_status(201);
    let location = reply.header("location").expect("a location").to_owned();
    assert_ne!(location, first_path);
    assert_eq!((&reply["state"], &reply["origin"]), (&json!("pending"), &json!("replay")));
    assert_eq!(reply["event_id"], first["event_id"]);
    assert_eq!(deliver(&t.app).await, 1);
    assert_eq!(t.get(&location).await["state"], "delivered");
    let requests = receiver.received();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].id(), requests[1].id());
    assert_eq!(requests[0].body, requests[1].body, "with the time when it happened");
    assert_ne!(requests[0].header("webhook-timestamp"), requests[1].header("webhook-timestamp"));
    let unknown = "00000000-0000-7000-8000-000000000000";
    t.post(&format!("{}/deliveries/{unknown}/replay", path(&webhook)), json!({})).await.not_found();
}

async fn all_since_a_time_are_delivered_again_in_order(t: &TestApp) {
    let receiver = Receiver::start().await;
    let webhook = create(t, &receiver.url, json!({})).await;
    t.create_ticket(&t.shop).await;
    t.app.clock.advance(Duration::from_secs(3600));
    let since = t.app.clock.now().to_string();
    let ticket = t.create_ticket(&t.shop).await;
    t.transition(&ticket, "TRIAGE").await.ok();
    deliver(&t.app).await;
    let ids = receiver.ids();
    receiver.clear();
    let path = format!("{}/replay", path(&webhook));
    let replayed = t.post(&path, json!({ "since": since })).await.expect_status(202).body;
    assert_eq!(replayed, json!({ "events": 2, "next_after": null, "next_since": null }));
    deliver(&t.app).await;
    assert_eq!(receiver.ids(), ids[2..], "{:?}", receiver.events());

    let missed = t.post(&path, json!({ "since": since, "missed_only": true })).await.ok();
    assert_eq!(missed["events"], 0);
    let later = (t.app.clock.now() + Duration::from_secs(60)).to_string();
    assert_eq!(t.post(&path, json!({ "since": later })).await["events"], 0);
    assert_eq!(t.post(&path, json!({ "since": "2020-01-01T00:00:00Z" })).await["events"], 4);
    assert_eq!(t.post(&path, json!({ "since": "yesterday" })).await.invalid("since"), "yesterday");
    t.post(&path, json!({})).await.invalid("since");
}

async fn a_new_endpoint_can_catch_up(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    t.transition(&ticket, "TRIAGE").await.ok();
    let receiver = Receiver::start().await;
    let body = json!({ "events": ["ticket.transitioned", "ticket.updated"] });
    let webhook = create(t, &receiver.url, body).await;
    t.post(&format!("{}/test", path(&webhook)), json!({})).await.ok();
    receiver.clear();
    let body = json!({ "since": "2020-01-01T00:00:00Z" });
    let replayed = t.post(&format!("{}/replay", path(&webhook)), body).await.ok();
    assert_eq!(replayed["events"], 1, "what it asked for, and no test");
    deliver(&t.app).await;
    assert_eq!(receiver.events(), ["ticket.transitioned"]);
}

async fn a_replay_is_tried_as_often_as_any(t: &TestApp) {
    let receiver = Receiver::start().await;
    let webhook = create(t, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    receiver.answers(Answer::Status(500));
    let body = json!({ "since": "2020-01-01T00:00:00Z" });
    t.post(&format!("{}/replay", path(&webhook)), body.clone()).await.ok();
    deliver(&t.app).await;
    let row = log(t, &webhook).await.remove(0);
    assert_eq!((&row["state"], &row["origin"]), (&json!("pending"), &json!("replay")));
    receiver.answers(Answer::Status(200));
    t.app.clock.advance(Duration::from_secs(5 * 60));
    assert_eq!(deliver(&t.app).await, 1);
    assert_eq!(log(t, &webhook).await.remove(0)["state"], "delivered");
}

/// 11,000 events of one instant, and some whose times run backwards: each is replayed once by following `next_after`,
/// and none is left out by following `next_since`.
async fn a_long_replay_is_continued_without_a_loss(t: &TestApp) {
    const EVENTS: usize = 11_000;
    let webhook = create(t, "https://shop.example/", json!({ "events": ["ticket.updated"] })).await;
    let instant = t.app.clock.now();
    let mut conn = t.app.db.begin().await.expect("a transaction");
    for number in 0..EVENTS {
        let id: EventId = t.app.clock.new_id();
        let before = Duration::from_millis(if number % 3 == 0 { number as u64 } else { 0 });
        repairops::execute!(
            conn,
            "insert into events (org_id, id, event, data, created_at, pending)
             values ($1, $2, 'ticket.updated', '{}', $3, $4)",
            t.org,
            id,
            instant - before,
            false
        )
        .expect("an event");
    }
    conn.commit().await.expect("a commit");
    let path = format!("{}/replay", path(&webhook));
    let mut body = json!({ "since": "2020-01-01T00:00:00Z" });
    let mut counts = Vec::new();
    loop {
        let replayed = t.post(&path, body).await.expect_status(202).body;
        counts.push(replayed["events"].as_u64().expect("a number"));
        if replayed["next_after"].is_null() {
            assert!(replayed["next_since"].is_null());
            break;
        }
        body = json!({ "after": replayed["next_after"] });
    }
    assert_eq!(counts, [5_000, 5_000, 1_000]);
    assert_eq!(replayed_events(t).await, (EVENTS as i64, EVENTS as i64), "each once");
    let mut conn = t.app.db.begin().await.expect("a transaction");
    repairops::execute!(conn, "delete from webhook_deliveries where org_id = $1", t.org)
        .expect("no log");
    conn.commit().await.expect("a commit");
    let mut since = json!("2020-01-01T00:00:00Z");
    while !since.is_null() {
        since =
            t.post(&path, json!({ "since": since })).await.expect_status(202)["next_since"].clone();
    }
    assert_eq!(replayed_events(t).await.1, EVENTS as i64, "none is left out");
    t.post(
        &path,
        json!({ "since": "2020-01-01T00:00:00Z", "after": t.app.clock.new_id::<EventId>() }),
    )
    .await
    .invalid("after");
}

/// The number of deliveries, and that of different events among them.
async fn replayed_events(t: &TestApp) -> (i64, i64) {
    let mut conn = t.connection().await;
    repairops::fetch_one!(
        conn,
        (i64, i64),
        "select count(*), count(distinct event_id) from webhook_deliveries where org_id = $1",
        t.org
    )
    .expect("counts")
}
