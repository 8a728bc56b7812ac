//! Several nodes deliver from one outbox.

use std::collections::BTreeSet;
use std::time::Duration;

use repairops::webhooks::dispatch;
use tokio_util::sync::CancellationToken;

use super::{create, deliver, log};
use crate::support::receiver::{Answer, Receiver};
use crate::support::{TestApp, both_databases, json};

both_databases![
    two_nodes_deliver_every_event_once,
    what_a_dead_node_had_taken_is_delivered_by_another,
    an_endpoint_that_a_node_has_is_left_to_it,
];

async fn two_nodes_deliver_every_event_once(t: &TestApp) {
    let (one, two) = (Receiver::start().await, Receiver::start().await);
    for receiver in [&one, &two] {
        receiver.answers(Answer::After(Duration::from_millis(1)));
        create(t, &receiver.url, json!({})).await;
    }
    let node = t.node(|_| {}).await;
    let stop = CancellationToken::new();
    let dispatchers = [
        tokio::spawn(dispatch::run_until(t.app.clone(), stop.clone())),
        tokio::spawn(dispatch::run_until(node.app.clone(), stop.clone())),
    ];
    // 200 events: a customer's, and those of tickets that are made and moved on both nodes at the same time.
    let make = async |client: crate::support::client::Client, count: usize| {
        for _ in 0..count {
            let ticket = client.create_ticket(&t.shop).await;
            client.transition(&ticket, "TRIAGE").await.ok();
        }
    };
    tokio::join!(make(t.admin.clone(), 50), make(node.admin.clone(), 49));
    t.create_ticket(&t.shop).await;
    one.has_received(200).await;
    two.has_received(200).await;
    stop.cancel();
    for dispatcher in dispatchers {
        dispatcher.await.expect("an end");
    }
    assert_eq!(t.events().await.len(), 200);
    for receiver in [&one, &two] {
        let ids = receiver.ids();
        assert_eq!(ids.len(), 200, "none was sent twice");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 200, "none was left out");
        assert_eq!(receiver.most_at_once(), 1, "two nodes were at it");
    }
    assert_eq!(deliver(&t.app).await, 0);
    node.app.db.close().await;
}

async fn what_a_dead_node_had_taken_is_delivered_by_another(t: &TestApp) {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::Hang);
    let webhook = create(t, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    t.create_ticket(&t.shop).await;
    let node = t.node(|_| {}).await;
    let app = node.app.clone();
    let dead = tokio::spawn(async move { deliver(&app).await });
    receiver.has_received(1).await;
    dead.abort(); // its lanes go with it
    let _ = dead.await;
    receiver.answers(Answer::Status(204));
    assert_eq!(deliver(&t.app).await, 0, "it may still be at it");
    t.app.clock.advance(Duration::from_secs(61));
    assert_eq!(deliver(&t.app).await, 1);
    let ids = receiver.ids();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1], "at least once, with one id");
    let row = log(t, &webhook).await.remove(0);
    assert_eq!((&row["state"], &row["attempt_count"]), (&json!("delivered"), &json!(1)));
    node.app.db.close().await;
}

async fn an_endpoint_that_a_node_has_is_left_to_it(t: &TestApp) {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::After(Duration::from_millis(400)));
    create(t, &receiver.url, json!({ "events": ["ticket.created"] })).await;
    let node = t.node(|_| {}).await;
    t.create_ticket(&t.shop).await;
    t.create_ticket(&t.shop).await;
    let app = node.app.clone();
    let busy = tokio::spawn(async move { deliver(&app).await });
    receiver.has_received(1).await;
    assert_eq!(deliver(&t.app).await, 0);
    assert_eq!(busy.await.expect("no panic"), 2);
    assert_eq!(receiver.most_at_once(), 1);
    // It was given back: the other one may have it at once.
    t.create_ticket(&t.shop).await;
    assert_eq!(deliver(&t.app).await, 1);
    node.app.db.close().await;
}
