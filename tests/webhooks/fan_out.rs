//! The statements of the fan-out: the same number for any number of endpoints and events.

use repairops::webhooks::fan_out;
use tokio_util::sync::CancellationToken;

use super::{create, log};
use crate::support::statements::Statements;
use crate::support::{TestApp, both_databases, json};

both_databases![
    one_endpoint_and_twenty_take_the_same_number_of_statements,
    one_event_and_ten_take_the_same_number_of_statements,
];

/// Fans out what waits. Returns the number of events and of statements.
async fn fan_out(t: &TestApp) -> (usize, u64) {
    let statements = Statements::counted(&t.app.db);
    let events = fan_out::run(&t.app, &CancellationToken::new()).await.expect("a fan-out");
    (events, statements.so_far())
}

async fn create_many(t: &TestApp, count: usize) -> Vec<serde_json::Value> {
    let mut webhooks = Vec::new();
    for number in 0..count {
        let url = format!("https://receiver-{number}.example.com/hook");
        webhooks.push(create(t, &url, json!({})).await);
    }
    webhooks
}

async fn one_endpoint_and_twenty_take_the_same_number_of_statements(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let mut webhooks = create_many(t, 1).await;
    t.change(&ticket, json!({ "labor_hours": 1 })).await.ok();
    let (events, to_one) = fan_out(t).await;
    assert_eq!(events, 1);
    webhooks.extend(create_many(t, 19).await);
    t.change(&ticket, json!({ "labor_hours": 2 })).await.ok();
    let (events, to_twenty) = fan_out(t).await;
    assert_eq!(events, 1);
    assert_eq!(to_one, to_twenty);
    assert!(to_one <= 7, "{to_one} statements");
    assert_eq!(log(t, &webhooks[0]).await.len(), 2);
    for webhook in &webhooks[1..] {
        assert_eq!(log(t, webhook).await.len(), 1, "each endpoint has its delivery");
    }
    assert_eq!(fan_out(t).await.0, 0, "nothing waits any more");
}

async fn one_event_and_ten_take_the_same_number_of_statements(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let webhooks = create_many(t, 3).await;
    t.change(&ticket, json!({ "labor_hours": 1 })).await.ok();
    let (events, of_one) = fan_out(t).await;
    assert_eq!(events, 1);
    for hours in 2..12 {
        t.change(&ticket, json!({ "labor_hours": hours })).await.ok();
    }
    let (events, of_ten) = fan_out(t).await;
    assert_eq!(events, 10);
    assert_eq!(of_one, of_ten);
    for webhook in &webhooks {
        assert_eq!(log(t, webhook).await.len(), 11);
    }
}
