//! Fair shares: receivers that hang or fail, and organizations with much to send, leave the others' deliveries alone.

use std::time::Duration;

use repairops::webhooks::{dispatch, fan_out, prune};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{create, log, path};
use crate::support::client::Client;
use crate::support::receiver::{Answer, Receiver};
use crate::support::{TestApp, both_databases, json};

both_databases![
    hanging_receivers_leave_others_their_deliveries,
    failing_receivers_leave_others_their_deliveries,
    a_flood_of_events_lets_others_through,
    pruning_ends_between_two_batches_and_lets_others_write,
];

/// Organizations with twenty webhooks each, to one receiver, and a ticket each.
async fn strangers(t: &TestApp, count: usize, receiver: &Receiver) -> Vec<Client> {
    let mut strangers = Vec::new();
    for number in 0..count {
        let stranger = t.organization(&format!("Chain {number}"), "enterprise").await;
        for _ in 0..20 {
            create(&stranger, &receiver.url, json!({ "events": ["ticket.created"] })).await;
        }
        let shop = stranger.create_shop("Far Street").await;
        stranger.create_ticket(&shop).await;
        strangers.push(stranger);
    }
    strangers
}

/// Twenty receivers that never answer, and eight slots: a new endpoint and one that works still get their events while
/// the others wait.
async fn hanging_receivers_leave_others_their_deliveries(t: &TestApp) {
    let node = t
        .node(|config| {
            config.webhooks.webhook_concurrency = 8;
            config.webhooks.webhook_timeout_ms = 120_000;
        })
        .await;
    let good = Receiver::start().await;
    create(t, &good.url, json!({ "events": ["ticket.created"] })).await;
    t.create_ticket(&t.shop).await;
    dispatch::run_due(&node.app).await.expect("deliveries");
    good.has_received(1).await;

    let hanging = Receiver::start().await;
    hanging.answers(Answer::Hang);
    strangers(t, 1, &hanging).await;
    let stop = CancellationToken::new();
    let dispatcher = tokio::spawn(dispatch::run_until(node.app.clone(), stop.clone()));
    hanging.has_received(2).await; // the share of new endpoints
    t.create_ticket(&t.shop).await;
    good.has_received(2).await;
    // The hanging attempts gave way to others, so that a new endpoint has its turn too.
    let new = Receiver::start().await;
    create(t, &new.url, json!({ "events": ["ticket.created"] })).await;
    t.create_ticket(&t.shop).await;
    new.has_received(1).await;
    good.has_received(3).await;
    dispatcher.abort(); // the attempts would hang for two minutes
    node.app.db.close().await;
}

/// Endpoints that failed before share a quarter of the slots, and among them the one that is due longest is first.
async fn failing_receivers_leave_others_their_deliveries(t: &TestApp) {
    let node = t
        .node(|config| {
            config.webhooks.webhook_concurrency = 8;
            config.webhooks.webhook_timeout_ms = 120_000;
        })
        .await;
    let (good, bad) = (Receiver::start().await, Receiver::start().await);
    create(t, &good.url, json!({ "events": ["ticket.created"] })).await;
    t.create_ticket(&t.shop).await;
    bad.answers(Answer::Status(500));
    let strangers = strangers(t, 3, &bad).await;
    dispatch::run_due(&node.app).await.expect("deliveries");
    assert_eq!((good.received().len(), bad.received().len()), (1, 60));
    for stranger in &strangers {
        let list = stranger.get("/v1/webhooks").await.ok();
        let failing = |webhook: &Value| webhook["failing_since"].is_string();
        assert!(list["data"].as_array().expect("webhooks").iter().all(failing));
    }

    // All retries are due, and hang now.
    bad.clear();
    bad.answers(Answer::Hang);
    node.app.clock.advance(Duration::from_secs(3_600));
    let stop = CancellationToken::new();
    let dispatcher = tokio::spawn(dispatch::run_until(node.app.clone(), stop.clone()));
    bad.has_received(2).await;
    t.create_ticket(&t.shop).await;
    good.has_received(2).await;
    dispatcher.abort();
    node.app.db.close().await;
}

async fn a_flood_of_events_lets_others_through(t: &TestApp) {
    let stranger = t.stranger().await;
    let shop = stranger.create_shop("Far Street").await;
    let flooded = create(&stranger, "https://flood.example/", json!({})).await;
    let mut tickets = Vec::new();
    for _ in 0..2 {
        tickets.push(stranger.create_ticket(&shop).await);
    }
    for number in 0..150 {
        let ticket = &tickets[number % 2];
        stranger.change(ticket, json!({ "labor_hours": number + 1 })).await.ok();
    }
    let webhook = create(t, "https://other.example/", json!({})).await;
    t.create_ticket(&t.shop).await;
    // One batch of 100, of which the first places are taken in turns.
    let stop = CancellationToken::new();
    stop.cancel();
    assert_eq!(fan_out::run(&t.app, &stop).await.expect("nothing"), 0);
    fan_out::batch(&t.app).await.expect("a batch");
    assert_eq!(log(t, &webhook).await.len(), 2, "both events of the small organization");
    let begun = log(&stranger, &flooded).await.len();
    assert_eq!(begun, 98);
    fan_out::run(&t.app, &CancellationToken::new()).await.expect("the rest");
    assert!(log(&stranger, &flooded).await.len() > 150);
}

async fn pruning_ends_between_two_batches_and_lets_others_write(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    for number in 0..250 {
        t.change(&ticket, json!({ "labor_hours": number + 1 })).await.ok();
    }
    let stranger = t.stranger().await;
    let shop = stranger.create_shop("Far Street").await;
    stranger.create_ticket(&shop).await;
    t.app.clock.advance(Duration::from_secs(31 * 24 * 3600));
    let before = t.events().await.len();
    let stop = CancellationToken::new();
    stop.cancel();
    prune::run(&t.app, &stop).await;
    assert_eq!(t.events().await.len(), before, "a node that ends begins no batch");
    prune::run(&t.app, &CancellationToken::new()).await;
    assert_eq!(t.events().await.len(), 0);
    stranger.get(&path(&create(&stranger, "https://shop.example/", json!({})).await)).await.ok();
}
