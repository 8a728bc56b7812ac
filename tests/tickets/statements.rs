//! The number of statements of each operation, for one part line and for five: it does not depend on the lines.
//!
//! Counted is what `Db::statements` counts, from the lookup of the API key to the last statement before COMMIT. BEGIN
//! and COMMIT are not counted. The organization uses nothing that adds statements: no rate limits, no webhooks, no
//! Idempotency-Key; the plugins are cached, as they are after the first request of a node.

use repairops::db::{Db, ROWS_MAX};
use repairops::model::outbox::{CustomerCreated, OutboxEvent};
use repairops::tickets::enrich_due::run_due;
use repairops::webhooks::store::enqueue_all;
use serde_json::Value;

use crate::support::builders::ticket_body;
use crate::support::statements::Statements;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_transition,
    a_transition_with_a_plugin,
    a_patch_with_parts,
    a_create_with_three_plugins,
    a_retry_reads_the_ticket_once,
    reading_a_ticket,
    many_events_are_written_in_bounded_statements,
];

/// PostgreSQL's number and SQLite's.
fn expected(t: &TestApp, postgres: u64, sqlite: u64) -> u64 {
    match t.app.db {
        Db::Postgres { .. } => postgres,
        Db::Sqlite { .. } => sqlite,
    }
}

/// So many lines, each with an item of its own.
async fn lines(t: &TestApp, name: &str, count: usize) -> Value {
    let mut lines = Vec::with_capacity(count);
    for index in 0..count {
        let item = t.create_item(&t.shop, &format!("{name}-{index}"), 50).await;
        lines.push(json!({ "inventory_id": item, "quantity": 2 }));
    }
    Value::Array(lines)
}

/// The key; ticket, customer, shop and technician; parts with their items; timeline; reservations. Then the ticket
/// with its timeline, stock, the outbox. SQLite has no writes inside of `with`: the timeline is a statement of its
/// own, and stock is two (items, reservations) or three (movements). A plugin of WIT 0.2 sees the origins of fields: `more`.
async fn count_transitions(t: &TestApp, name: &str, more: u64) {
    for count in [1, 5] {
        let parts = lines(t, &format!("{name}-{count}"), count).await;
        let ticket = t.create_ticket_with_parts(&t.shop, "DIAGNOSTICS", parts).await;
        let statements = Statements::counted(&t.app.db);
        t.transition(&ticket, "IN_REPAIR").await.ok();
        assert_eq!(
            statements.so_far(),
            expected(t, 8 + more, 10 + more),
            "{count} lines are reserved"
        );
        let statements = Statements::counted(&t.app.db);
        t.transition(&ticket, "QC_REVIEW").await.ok();
        assert_eq!(
            statements.so_far(),
            expected(t, 8 + more, 11 + more),
            "{count} lines are consumed"
        );
        let reservations = t.ticket(&ticket).await["reservations"].clone();
        assert_eq!(reservations.as_array().map(Vec::len), Some(count));
    }
}

async fn a_transition(t: &TestApp) {
    count_transitions(t, "PLAIN", 0).await;
}

async fn a_transition_with_a_plugin(t: &TestApp) {
    t.install("guest-two-hooks", json!({})).await;
    let first = t.create_ticket(&t.shop).await;
    let done = t.transition(&first, "TRIAGE").await.ok();
    assert_eq!(done["plugins"][0]["outcome"], "allowed");
    count_transitions(t, "PLUGIN", 1).await;
}

/// The key, the ticket (four), the items that the new lines name; the ticket, its lines (two), the outbox; stock,
/// where the status holds some.
async fn a_patch_with_parts(t: &TestApp) {
    for (status, postgres, sqlite) in [("TRIAGE", 10, 10), ("IN_REPAIR", 11, 12)] {
        for count in [1, 5] {
            let parts = lines(t, &format!("{status}-{count}"), count).await;
            let ticket = t.create_ticket_in(&t.shop, status).await;
            let statements = Statements::counted(&t.app.db);
            t.change(&ticket, json!({ "parts": parts })).await.ok();
            let counted = statements.so_far();
            assert_eq!(counted, expected(t, postgres, sqlite), "{count} lines in {status}");
        }
    }
}

/// The key, the shop, the customer (two), the number, the ticket with its timeline, the pending work, the outbox. Then
/// the work of all plugins: its end, the ticket with the notes, the origins of the fields, the outbox. Nothing is read
/// back.
async fn a_create_with_three_plugins(t: &TestApp) {
    t.install("guest-fickle", json!({ "tag": "counted", "severity": "low" })).await;
    t.install("guest-two-hooks", json!({})).await;
    t.install("intake-triage", json!({})).await;
    t.create_ticket(&t.shop).await; // reads the plugins
    let is_known = ticket_body(&t.shop, json!({}));
    let new = json!({ "name": "Joan Doe", "email": "joan@example.com" });
    let is_new = ticket_body(&t.shop, json!({ "customer": new }));
    // A new customer's words are one statement more.
    for (body, more) in [(is_known, 0), (is_new, 1)] {
        let statements = Statements::counted(&t.app.db);
        let created = t.post("/v1/tickets", body).await.expect_status(201);
        let counted = statements.so_far();
        assert_eq!(created["plugins"].as_array().map(Vec::len), Some(3));
        let ticket = t.ticket(&created.id()).await;
        assert_eq!((&ticket["enrichment"], &ticket["version"]), (&json!("done"), &json!(2)));
        let notes = ticket["timeline"].as_array().map_or(0, Vec::len) - 1;
        let sqlite = if notes > 0 { 16 } else { 15 };
        assert_eq!(counted, expected(t, 14 + more, sqlite + more));
    }
}

/// The lease (two), the ticket (four), the origins of its fields, its pending work, the number of the set of plugins; the end of the work, the
/// ticket, its tag, the origins, the outbox.
async fn a_retry_reads_the_ticket_once(t: &TestApp) {
    let installation = t.install("guest-fickle", json!({ "post_create": "trap" })).await;
    let id = t.create_ticket(&t.shop).await;
    t.reconfigure(&installation, json!({ "settings": { "tag": "late" } })).await.ok();
    t.transition(&id, "TRIAGE").await.ok(); // reads the plugins
    t.app.clock.advance(std::time::Duration::from_secs(3_600));
    let statements = Statements::counted(&t.app.db);
    assert_eq!(run_due(&t.app).await.expect("the work is done"), 1);
    assert_eq!(statements.so_far(), 14);
    assert_eq!(t.ticket(&id).await["tags"], json!(["late"]));
}

/// The key and four for the ticket; the whole ticket reads the origins of its fields and its post-create work as well.
async fn reading_a_ticket(t: &TestApp) {
    let parts = lines(t, "READ", 5).await;
    let ticket = t.create_ticket_with_parts(&t.shop, "IN_REPAIR", parts).await;
    let statements = Statements::counted(&t.app.db);
    t.ticket(&ticket).await;
    assert_eq!(statements.so_far(), 7);
    let statements = Statements::counted(&t.app.db);
    let next = t.get(&format!("/v1/tickets/{ticket}/transitions")).await.ok();
    assert!(next["transitions"].as_array().is_some_and(|next| next.len() > 1));
    assert_eq!(statements.so_far(), 5);
}

/// A merge of customers writes one event for each ticket; SQLite binds at most 32,766 values in a statement.
async fn many_events_are_written_in_bounded_statements(t: &TestApp) {
    let clock = &t.app.clock;
    let event = OutboxEvent::CustomerCreated(CustomerCreated {
        customer_id: clock.new_id(),
        name: "Jane Smith".to_owned(),
        email: Some("jane@example.com".to_owned()),
        shop_id: clock.new_id(),
    });
    let count = 12 * ROWS_MAX;
    let events: Vec<_> = (0..count).map(|_| (clock.new_id(), event.clone())).collect();
    let known = t.events().await.len();
    let mut tx = t.app.db.begin().await.expect("a transaction");
    let statements = Statements::counted(&t.app.db);
    enqueue_all(&mut tx, t.org, &events, clock.now()).await.expect("the events are written");
    assert_eq!(statements.so_far(), 12);
    tx.commit().await.expect("a commit");
    assert_eq!(t.events().await.len(), known + count);
}
