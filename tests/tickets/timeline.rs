//! A ticket that lives long: its timeline is shown in parts, and it never outgrows its plugins.

use repairops::model::ids::{OrgId, TicketId, TimelineId};
use serde_json::Value;

use crate::support::{TestApp, both_databases, json};

both_databases![
    a_long_lived_ticket_never_outgrows_its_plugins,
    the_ticket_shows_all_statuses_and_the_latest_notes,
    the_timeline_is_listed_in_pages,
];

/// Notes as clients and plugins leave them, the longest that are allowed.
async fn add_notes(t: &TestApp, ticket: &str, count: usize) {
    let (org, id): (OrgId, TicketId) = (t.org, TicketId(ticket.parse().expect("an id")));
    let mut conn = t.app.db.begin().await.expect("a transaction");
    for number in 0..count {
        let (entry, now): (TimelineId, _) = (t.app.clock.new_id(), t.app.clock.now());
        let notes = format!("{number} {}", "😀".repeat(1_990));
        repairops::execute!(
            conn,
            "insert into ticket_events (org_id, ticket_id, id, kind, status, actor, notes, created_at)
             values ($1, $2, $3, 'note', 'TRIAGE', 'Jane', $4, $5)",
            org,
            id,
            entry,
            notes,
            now
        )
        .expect("a note");
    }
    conn.commit().await.expect("a commit");
}

fn entries(list: &Value) -> Vec<&Value> {
    list.as_array().expect("a list").iter().collect()
}

async fn a_long_lived_ticket_never_outgrows_its_plugins(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    t.install("qc-gate", json!({})).await;
    t.install("guest-fickle", json!({ "do": "warn" })).await;
    t.transition(&ticket, "TRIAGE").await.ok();
    add_notes(t, &ticket, 1_000).await;
    let moved = t.transition(&ticket, "DIAGNOSTICS").await.ok();
    assert_eq!(moved["warnings"][0]["code"], "FICKLE", "both were asked");
    assert_eq!(entries(&moved["plugins"]).len(), 2);
}

async fn the_ticket_shows_all_statuses_and_the_latest_notes(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    t.transition(&ticket, "TRIAGE").await.ok();
    add_notes(t, &ticket, 300).await;
    t.transition(&ticket, "DIAGNOSTICS").await.ok();
    let shown = t.ticket(&ticket).await;
    let timeline = entries(&shown["timeline"]);
    let of_kind = |kind: &str| timeline.iter().filter(|entry| entry["kind"] == kind).count();
    assert_eq!((of_kind("created"), of_kind("transitioned"), of_kind("note")), (1, 2, 200));
    assert_eq!(shown["timeline_total"], 303);
    let note = timeline[2]["notes"].as_str().expect("notes");
    assert!(note.starts_with("100 "), "the latest ones, oldest first");
    assert_eq!(note.chars().count(), 1_994, "whole");
    assert_eq!(timeline.last().expect("an entry")["status"], "DIAGNOSTICS");
}

async fn the_timeline_is_listed_in_pages(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    add_notes(t, &ticket, 25).await;
    let path = format!("/v1/tickets/{ticket}/timeline");
    let mut seen = Vec::new();
    let mut next = format!("{path}?limit=10");
    loop {
        let page = t.get(&next).await.ok();
        assert_eq!(page["pagination"]["total"], 26);
        seen.extend(entries(&page["data"]).into_iter().map(|entry| entry["notes"].clone()));
        let Some(cursor) = page["pagination"]["next_cursor"].as_str() else { break };
        next = format!("{path}?limit=10&cursor={cursor}");
    }
    assert_eq!(seen.len(), 26);
    assert_eq!(seen[0], Value::Null, "it was created");
    let starts =
        |notes: &Value, start: &str| notes.as_str().is_some_and(|text| text.starts_with(start));
    assert!(starts(&seen[1], "0 ") && starts(&seen[25], "24 "));
    let newest = t.get(&format!("{path}?sort=-created_at&limit=1")).await.ok();
    assert!(starts(&newest["data"][0]["notes"], "24 "));
    let first = &t.get(&format!("{path}?limit=1")).await.ok()["data"][0];
    let mut fields: Vec<&String> = first.as_object().expect("an entry").keys().collect();
    fields.sort_unstable();
    assert_eq!(fields, ["actor", "kind", "notes", "refusal", "status", "timestamp", "visibility"]);
    t.stranger().await.get(&path).await.not_found();
    t.get("/v1/tickets/00000000-0000-7000-8000-000000000000/timeline").await.not_found();
}
