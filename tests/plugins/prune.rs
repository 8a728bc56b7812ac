//! The journal keeps what is young and not too much.

use std::time::Duration;

use repairops::App;
use repairops::journal::prune;
use tokio_util::sync::CancellationToken;

use crate::support::client::Client;
use crate::support::{TestApp, both_databases, json};

both_databases![runs_are_deleted_by_age, inputs_are_deleted_by_number];

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn prune(app: &App) -> usize {
    prune::run(app, &CancellationToken::new()).await.expect("a round")
}

/// So many inputs, each with a run; the journal is written.
async fn fill(t: &TestApp, count: usize) {
    t.install("qc-gate", json!({})).await;
    let ticket = t.create_ticket_in(&t.shop, "IN_REPAIR").await;
    for _ in 0..count {
        t.transition(&ticket, "QC_REVIEW").await.error(422, "PLUGIN_REJECTED");
        t.app.clock.advance(Duration::from_secs(1));
    }
    assert!(repairops::journal::write::write(&t.app).await, "the journal is written");
}

async fn denials(client: &Client) -> (i64, Vec<String>) {
    let runs = client.get("/v1/plugin-runs?outcome=denied&limit=500").await.ok();
    let ids = runs["data"].as_array().expect("a list").iter();
    let ids = ids.map(|run| run["id"].as_str().expect("an id").to_owned()).collect();
    (runs["pagination"]["total"].as_i64().expect("a number"), ids)
}

async fn runs_are_deleted_by_age(t: &TestApp) {
    fill(t, 2).await;
    t.app.clock.advance(29 * DAY);
    fill_again(t).await;
    assert_eq!(prune(&t.app).await, 0);
    let (_, before) = denials(t).await;
    assert_eq!(before.len(), 3);
    t.app.clock.advance(DAY);
    assert!(prune(&t.app).await >= 2);
    let (total, after) = denials(t).await;
    assert_eq!((total, &after[..]), (1, &before[..1]), "the newest is first");
    t.get(&format!("/v1/plugin-runs/{}", after[0])).await.ok();
    t.get(&format!("/v1/plugin-runs/{}", before[1])).await.not_found();
    assert_eq!(prune(&t.app).await, 0, "a second round has nothing to do");
}

async fn fill_again(t: &TestApp) {
    let tickets = t.get("/v1/tickets?status=IN_REPAIR").await.ok();
    let ticket = tickets["data"][0]["id"].as_str().expect("an id").to_owned();
    t.transition(&ticket, "QC_REVIEW").await.error(422, "PLUGIN_REJECTED");
    assert!(repairops::journal::write::write(&t.app).await, "the journal is written");
}

async fn inputs_are_deleted_by_number(t: &TestApp) {
    fill(t, 5).await;
    let (_, before) = denials(t).await;
    let node = t.node(|config| config.journal.journal_inputs_max = 3).await;
    assert!(prune(&node.app).await >= 2);
    let (total, after) = denials(t).await;
    assert_eq!((total, &after[..]), (3, &before[..3]), "the oldest are gone");
    assert_eq!(prune(&node.app).await, 0);
    let none = t.node(|config| config.journal.journal_inputs_max = 0).await;
    prune(&none.app).await;
    assert_eq!(denials(t).await.0, 0);
}
