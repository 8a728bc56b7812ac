//! Replays: of one event, or of all since a time.

use std::time::Duration;

use super::{create, deliver, log, path};
use crate::support::receiver::{Answer, Receiver};
use crate::support::{TestApp, both_databases, json};

both_databases![
    one_is_delivered_again_with_its_own_id,
    all_since_a_time_are_delivered_again_in_order,
    a_new_endpoint_can_catch_up,
    a_replay_is_tried_as_often_as_any,
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
    assert_eq!(replayed, json!({ "events": 2, "next_since": null }));
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
