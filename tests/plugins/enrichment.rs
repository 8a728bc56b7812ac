//! `post-create`: plugins add to a ticket, and no failure loses the ticket.

use std::time::Duration;

use repairops::tickets::enrich::run_due;
use serde_json::Value;

use crate::support::builders::ticket_body;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_failure_leaves_the_ticket_and_is_made_up_for,
    after_five_tries_it_has_failed,
    every_kind_of_failure_leaves_the_ticket,
    one_failure_does_not_cost_the_others_work,
    what_was_removed_is_given_up,
    a_lease_is_not_taken_twice,
    a_client_may_change_what_a_plugin_set,
];

const HOUR: Duration = Duration::from_secs(3_600);

async fn run_after_an_hour(t: &TestApp) -> usize {
    t.app.clock.advance(HOUR);
    run_due(&t.app).await.expect("the work is done")
}

async fn a_failure_leaves_the_ticket_and_is_made_up_for(t: &TestApp) {
    let installation = t.install("guest-fickle", json!({ "post_create": "trap" })).await;
    let created = t.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await.expect_status(201);
    assert_eq!(created["plugins"][0]["outcome"], "trap");
    assert_eq!(created["warnings"][0]["code"], "PLUGIN_FAILED_OPEN");
    let id = created.id();
    assert_eq!(t.ticket(&id).await["enrichment"], "pending");
    assert_eq!(run_due(&t.app).await.expect("nothing to do"), 0, "it is not due yet");
    t.reconfigure(&installation, json!({ "settings": { "tag": "late", "severity": "low" } }))
        .await
        .ok();
    let known = t.events().await.len();
    assert_eq!(run_after_an_hour(t).await, 1);
    let ticket = t.ticket(&id).await;
    assert_eq!((&ticket["enrichment"], &ticket["tags"]), (&json!("done"), &json!(["late"])));
    let fields: Vec<_> = ticket["set_by_plugins"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|set| &set["field"])
        .collect();
    assert_eq!(fields, ["issue.severity", "tags"]);
    assert_eq!(t.event_names_after(known).await, ["ticket.updated"]);
    assert_eq!(run_after_an_hour(t).await, 0, "once");
}

async fn after_five_tries_it_has_failed(t: &TestApp) {
    t.install("guest-fickle", json!({ "post_create": "error", "message": "no price list" })).await;
    let id = t.create_ticket(&t.shop).await;
    for _ in 0..4 {
        assert_eq!(t.ticket(&id).await["enrichment"], "pending");
        assert_eq!(run_after_an_hour(t).await, 1);
    }
    assert_eq!(t.ticket(&id).await["enrichment"], "failed");
    assert_eq!(run_after_an_hour(t).await, 0);
    t.transition(&id, "TRIAGE").await.ok();
}

async fn every_kind_of_failure_leaves_the_ticket(t: &TestApp) {
    for (how, outcome) in
        [("trap", "trap"), ("loop", "fuel"), ("error", "error"), ("bad-patch", "bad_output")]
    {
        let installation = t.install("guest-fickle", json!({ "post_create": how })).await;
        let created =
            t.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await.expect_status(201);
        assert_eq!(
            (&created["plugins"][0]["outcome"], &created["plugins"][0]["set"]),
            (&json!(outcome), &json!([]))
        );
        let ticket = t.ticket(&created.id()).await;
        assert_eq!(
            (&ticket["enrichment"], &ticket["issue"]["severity"]),
            (&json!("pending"), &json!(null)),
            "{how}"
        );
        t.delete(&format!("/v1/installations/{installation}")).await.expect_status(204);
    }
}

async fn one_failure_does_not_cost_the_others_work(t: &TestApp) {
    let broken = t.install("guest-fickle", json!({ "post_create": "trap" })).await;
    t.install("guest-two-hooks", json!({})).await;
    let id = t.create_ticket(&t.shop).await;
    let ticket = t.ticket(&id).await;
    assert_eq!(
        (&ticket["enrichment"], &ticket["tags"]),
        (&json!("pending"), &json!(["two-hooks"]))
    );
    t.change(&id, json!({ "labor_hours": 1 })).await.ok();
    t.reconfigure(&broken, json!({ "settings": { "tag": "mended" } })).await.ok();
    run_after_an_hour(t).await;
    let ticket = t.ticket(&id).await;
    assert_eq!(
        (&ticket["enrichment"], &ticket["tags"]),
        (&json!("done"), &json!(["two-hooks", "mended"]))
    );
    assert_eq!(ticket["labor"]["hours"], 1.0, "what people did meanwhile stays");
}

async fn what_was_removed_is_given_up(t: &TestApp) {
    let installation = t.install("guest-fickle", json!({ "post_create": "trap" })).await;
    let id = t.create_ticket(&t.shop).await;
    t.delete(&format!("/v1/installations/{installation}")).await.expect_status(204);
    run_after_an_hour(t).await;
    assert_eq!(t.ticket(&id).await["enrichment"], "done");
    assert_eq!(run_after_an_hour(t).await, 0);
}

async fn a_lease_is_not_taken_twice(t: &TestApp) {
    let installation = t.install("guest-fickle", json!({ "post_create": "trap" })).await;
    let id = t.create_ticket(&t.shop).await;
    t.reconfigure(&installation, json!({ "settings": { "tag": "once" } })).await.ok();
    t.app.clock.advance(HOUR);
    let (a, b) = tokio::join!(run_due(&t.app), run_due(&t.app));
    assert_eq!(a.expect("done") + b.expect("done"), 1);
    let known: Vec<Value> = t
        .events()
        .await
        .into_iter()
        .filter(|(name, _)| name == "ticket.updated")
        .map(|(_, d)| d)
        .collect();
    assert_eq!(known.len(), 1);
    assert_eq!(t.ticket(&id).await["tags"], json!(["once"]));
}

async fn a_client_may_change_what_a_plugin_set(t: &TestApp) {
    t.install("intake-triage", json!({})).await;
    let id = t.create_ticket_with(&t.shop, json!({ "issue_description": "Cracked screen" })).await;
    assert_eq!(t.ticket(&id).await["issue"]["severity"], "medium");
    t.change(&id, json!({ "issue": { "severity": "critical" } })).await.ok();
    assert_eq!(run_after_an_hour(t).await, 0);
    assert_eq!(t.ticket(&id).await["issue"]["severity"], "critical");
}
