//! The delivery log: what was sent, when, and the response.

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{create, deliver, detail, log, path};
use crate::support::receiver::{Answer, Receiver};
use crate::support::shape::assert_shape;
use crate::support::{TestApp, both_databases, json};

both_databases![
    the_log_shows_what_was_sent_and_answered,
    the_log_can_be_filtered,
    a_test_says_at_once_how_it_went,
    first_attempts_go_out_in_order,
    a_few_go_to_one_endpoint_at_a_time_if_that_is_allowed,
    deleting_a_webhook_stops_it,
    old_events_are_forgotten,
    a_wish_of_this_node_is_served_at_once,
    metrics_count_attempts,
];

async fn the_log_shows_what_was_sent_and_answered(t: &TestApp) {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::Text(200, format!("thank you\0{}", "é".repeat(5_000))));
    let webhook = create(t, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    t.create_ticket(&t.shop).await;
    let waiting = |list: &[Value]| list.iter().map(|row| row["state"].clone()).collect::<Vec<_>>();
    assert_eq!(waiting(&log(t, &webhook).await), Vec::<Value>::new(), "nobody looked yet");
    deliver(&t.app).await;
    let list = log(t, &webhook).await;
    assert_eq!(list.len(), 1);
    let request = receiver.one();
    let row = json!({
        "id": "uuid", "webhook_id": "uuid", "event_id": format!("={}", request.id()), "event": "=ticket.created",
        "origin": "=event", "state": "=delivered", "attempt_count": "integer", "next_attempt_at": "null",
        "last_response_status": "integer", "last_error": "null", "ended_at": "time", "created_at": "time",
    });
    assert_shape(&list[0], &row);
    let mut shape = row;
    shape["request_body"] = json!(format!("={}", request.body));
    shape["attempts"] = json!([{
        "number": "integer", "started_at": "time", "duration_ms": "integer", "response_status": "integer",
        "response_body_excerpt": "text", "error": "null",
    }]);
    let shown = detail(t, &list[0]).await;
    assert_shape(&shown, &shape);
    let attempt = &shown["attempts"][0];
    assert_eq!((&attempt["number"], &attempt["response_status"]), (&json!(1), &json!(200)));
    let excerpt = attempt["response_body_excerpt"].as_str().expect("text");
    assert!(excerpt.starts_with("thank you\u{fffd}éé"), "{excerpt}");
    assert!((4_000..=4_100).contains(&excerpt.len()), "{}", excerpt.len());
    let webhook = t.get(&path(&webhook)).await.ok();
    assert_shape(&webhook["last_delivery_at"], &json!("time"));
}

async fn the_log_can_be_filtered(t: &TestApp) {
    let receiver = Receiver::start().await;
    let webhook = create(t, &receiver.url, json!({})).await;
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    receiver.answers(Answer::Status(500));
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    let base = format!("{}/deliveries", path(&webhook));
    let ask = async |query: &str| {
        let list = t.get(&format!("{base}?{query}")).await.ok();
        let name = |row: &Value| format!("{} {}", row["event"], row["state"]).replace('"', "");
        let rows = list["data"].as_array().expect("a list");
        assert_eq!(list["pagination"]["total"], rows.len());
        rows.iter().map(name).collect::<Vec<_>>()
    };
    let all = ["ticket.created pending", "ticket.created delivered", "customer.created delivered"];
    assert_eq!(ask("").await, all);
    assert_eq!(ask("state=pending").await, all[..1]);
    assert_eq!(ask("state=delivered").await, all[1..]);
    assert_eq!(ask("event=customer.created").await, all[2..]);
    assert_eq!(ask("state=failed").await, Vec::<String>::new());
    let id = receiver.ids().remove(1);
    assert_eq!(ask(&format!("event_id={id}")).await, all[1..2]);
    let page = t.get(&format!("{base}?limit=2&offset=1")).await.ok();
    assert_eq!(page["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(page["pagination"]["total"], 3);
}

async fn a_test_says_at_once_how_it_went(t: &TestApp) {
    let receiver = Receiver::start().await;
    let webhook = create(t, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    let test = || t.post(&format!("{}/test", path(&webhook)), json!({}));
    let good = test().await.expect_status(200).body;
    assert_eq!((&good["state"], &good["event"]), (&json!("delivered"), &json!("webhook.test")));
    let request = receiver.one();
    assert_eq!(request.json()["event"], "webhook.test");
    assert_eq!(request.json()["data"]["webhook_id"], webhook["id"]);
    assert_eq!(request.signatures_by(webhook["secret"].as_str().expect("a secret")), 1);
    assert_eq!(good["request_body"], request.body);
    assert_eq!(detail(t, &good).await, good, "it is in the log");

    receiver.answers(Answer::Status(410));
    let bad = test().await.expect_status(200).body;
    assert_eq!((&bad["state"], &bad["origin"]), (&json!("failed"), &json!("test")));
    assert_eq!(bad["attempts"][0]["response_status"], 410);
    assert_eq!(bad["last_error"], "the receiver answered 410 Gone");
    assert_eq!(t.get(&path(&webhook)).await["enabled"], true, "a test changes nothing");
    assert_eq!(deliver(&t.app).await, 0, "and is not tried again");
    let again = format!("{}/deliveries/{}/replay", path(&webhook), bad["id"].as_str().expect("id"));
    t.post(&again, json!({})).await.error(409, "CONFLICT");

    t.patch(&path(&webhook), json!({ "enabled": false })).await.ok();
    receiver.answers(Answer::Status(200));
    assert_eq!(test().await["state"], "delivered", "one that is off can be tried");
}

async fn first_attempts_go_out_in_order(t: &TestApp) {
    let receiver = Receiver::start().await;
    create(t, &receiver.url, json!({})).await;
    for _ in 0..10 {
        let ticket = t.create_ticket(&t.shop).await;
        t.transition(&ticket, "TRIAGE").await.ok();
    }
    receiver.answers(Answer::After(std::time::Duration::from_millis(2)));
    deliver(&t.app).await;
    let ids = receiver.ids();
    assert_eq!(ids.len(), 21);
    assert!(ids.is_sorted(), "{ids:#?}");
    assert_eq!(receiver.most_at_once(), 1);
}

async fn a_few_go_to_one_endpoint_at_a_time_if_that_is_allowed(t: &TestApp) {
    let node = t.node(|config| config.webhooks.webhook_per_endpoint = 4).await;
    let (slow, quick) = (Receiver::start().await, Receiver::start().await);
    slow.answers(Answer::After(std::time::Duration::from_millis(30)));
    create(t, &slow.url, json!({})).await;
    create(t, &quick.url, json!({})).await;
    for _ in 0..10 {
        t.create_ticket(&t.shop).await;
    }
    assert_eq!(deliver(&node.app).await, 22);
    assert!((2..=4).contains(&slow.most_at_once()), "{}", slow.most_at_once());
    assert!(quick.most_at_once() <= 4, "{}", quick.most_at_once());
    node.app.db.close().await;
}

async fn deleting_a_webhook_stops_it(t: &TestApp) {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::Status(500));
    let webhook = create(t, &receiver.url, json!({})).await;
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    t.create_ticket(&t.shop).await;
    let before = receiver.received().len();
    t.delete(&path(&webhook)).await.expect_status(204);
    t.app.clock.advance(std::time::Duration::from_secs(3600));
    assert_eq!(deliver(&t.app).await, 0);
    assert_eq!(receiver.received().len(), before);
}

async fn old_events_are_forgotten(t: &TestApp) {
    let (good, bad) = (Receiver::start().await, Receiver::start().await);
    let webhook = create(t, &good.url, json!({})).await;
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    bad.answers(Answer::Status(500));
    create(t, &bad.url, json!({ "events": ["ticket.transitioned"] })).await;
    let ticket = t.create_ticket(&t.shop).await;
    t.transition(&ticket, "TRIAGE").await.ok();
    deliver(&t.app).await;
    t.app.clock.advance(std::time::Duration::from_secs(29 * 24 * 3600));
    repairops::webhooks::prune::run(&t.app, &CancellationToken::new()).await;
    assert_eq!(t.events().await.len(), 4, "they are kept for 30 days");
    t.app.clock.advance(std::time::Duration::from_secs(2 * 24 * 3600));
    repairops::webhooks::prune::run(&t.app, &CancellationToken::new()).await;
    let left: Vec<String> = t.events().await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["ticket.transitioned"], "one that still waits is kept");
    assert_eq!(log(t, &webhook).await.len(), 1);
}

/// The dispatcher of a server is woken by its own requests, and looks for others' every second.
async fn a_wish_of_this_node_is_served_at_once(t: &TestApp) {
    let receiver = Receiver::start().await;
    create(t, &receiver.url, json!({})).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let dispatcher =
        tokio::spawn(repairops::webhooks::dispatch::run_until(t.app.clone(), stop.clone()));
    t.create_ticket(&t.shop).await;
    receiver.has_received(2).await;
    let node = t.node(|_| {}).await;
    node.admin.create_ticket(&t.shop).await;
    receiver.has_received(3).await;
    stop.cancel();
    dispatcher.await.expect("an end");
    node.app.db.close().await;
}

async fn metrics_count_attempts(t: &TestApp) {
    let receiver = Receiver::start().await;
    create(t, &receiver.url, json!({})).await;
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    receiver.answers(Answer::Status(503));
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    let metrics = t.get("/metrics").await.body;
    let metrics = metrics.as_str().expect("text");
    for line in [
        "repairops_webhook_attempts_total{outcome=\"delivered\"} 2",
        "repairops_webhook_attempts_total{outcome=\"status\"} 1",
        "repairops_webhook_pending 0",
    ] {
        assert!(metrics.contains(line), "no {line} in {metrics}");
    }
}
