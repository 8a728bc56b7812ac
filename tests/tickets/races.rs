//! Concurrent requests: no change is lost, and no stock is used twice. The doctor checks the data after each test.

use crate::support::builders::ticket_body;
use crate::support::{TestApp, all_at_once, both_databases, json};

both_databases![
    two_hundred_repairs_of_fifty_pieces,
    two_hundred_approvals_of_fifty_pieces,
    lines_in_opposite_orders_neither_block_each_other_nor_oversell,
    one_of_many_transitions_wins,
    changes_of_different_fields_all_stay,
    counting_the_shelf_while_it_is_reserved,
];

const TICKETS: usize = 200;
const PIECES: i64 = 50;

/// Tickets that each want one piece.
async fn tickets(t: &TestApp, item: &str, count: usize, status: &str) -> Vec<String> {
    let created =
        all_at_once((0..count).map(|_| t.post("/v1/tickets", ticket_body(&t.shop, json!({})))))
            .await;
    let ids: Vec<String> = created.into_iter().map(|reply| reply.id()).collect();
    let body =
        json!({ "status": "DIAGNOSTICS", "parts": [{ "inventory_id": item, "quantity": 1 }] });
    for reply in all_at_once(ids.iter().map(|id| t.change(id, body.clone()))).await {
        reply.ok();
    }
    if status != "DIAGNOSTICS" {
        for reply in all_at_once(ids.iter().map(|id| t.transition(id, status))).await {
            reply.ok();
        }
    }
    ids
}

async fn two_hundred_repairs_of_fifty_pieces(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", PIECES).await;
    let ids = tickets(t, &item, TICKETS, "DIAGNOSTICS").await;
    let replies = all_at_once(ids.iter().map(|id| t.transition(id, "IN_REPAIR"))).await;
    let (won, lost): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
    assert_eq!((won.len(), lost.len()), (50, 150));
    for reply in lost {
        assert_eq!(reply.details(409, "INSUFFICIENT_STOCK")["lines"][0]["missing"], 1);
    }
    assert_eq!(t.stock(&item).await, (50, 50, 0));
    assert_eq!(t.get("/v1/tickets?status=IN_REPAIR").await["pagination"]["total"], 50);
}

async fn two_hundred_approvals_of_fifty_pieces(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", PIECES).await;
    let ids = tickets(t, &item, TICKETS, "WAITING_APPROVAL").await;
    for reply in all_at_once(ids.iter().map(|id| t.transition(id, "APPROVED"))).await {
        reply.ok(); // a shortage does not block it
    }
    assert_eq!(t.stock(&item).await, (50, 50, 0));
    let mut conn = t.connection().await;
    let held: (i64,) = repairops::fetch_one!(
        conn,
        (i64,),
        "select count(*) from reservations where org_id = $1 and state = 'held' and quantity = 1",
        t.org
    )
    .expect("a count");
    assert_eq!(held.0, PIECES);
}

/// Each ticket wants two pieces of six items, one half of them in the opposite order; there is enough for 15.
async fn lines_in_opposite_orders_neither_block_each_other_nor_oversell(t: &TestApp) {
    let mut items = Vec::new();
    for index in 0..6 {
        items.push(t.create_item(&t.shop, &format!("PART-{index}"), 31).await);
    }
    let mut ids = Vec::new();
    for index in 0..40 {
        let mut parts: Vec<_> =
            items.iter().map(|item| json!({ "inventory_id": item, "quantity": 2 })).collect();
        if index % 2 == 1 {
            parts.reverse();
        }
        let id = t.create_ticket(&t.shop).await;
        t.change(&id, json!({ "status": "DIAGNOSTICS", "parts": parts })).await.ok();
        ids.push(id);
    }
    let replies = all_at_once(ids.iter().map(|id| t.transition(id, "IN_REPAIR"))).await;
    let (won, lost): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
    assert_eq!((won.len(), lost.len()), (15, 25));
    for reply in lost {
        reply.details(409, "INSUFFICIENT_STOCK");
    }
    for item in &items {
        assert_eq!(t.stock(item).await, (31, 30, 1));
    }
}

async fn one_of_many_transitions_wins(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let known = t.events().await.len();
    let replies = all_at_once((0..12).map(|_| t.transition(&ticket, "TRIAGE"))).await;
    let (won, lost): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 11));
    for reply in lost {
        assert_eq!(reply.details(409, "INVALID_TRANSITION")["from"], "TRIAGE");
    }
    assert_eq!(t.event_names_after(known).await, ["ticket.transitioned"]);
    assert_eq!(t.ticket(&ticket).await["timeline"].as_array().map(Vec::len), Some(2));
}

async fn changes_of_different_fields_all_stay(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let changes = [
        json!({ "labor_hours": 2 }),
        json!({ "labor_rate": 50 }),
        json!({ "diagnostics": { "findings": "dust" } }),
        json!({ "issue": { "severity": "low" } }),
        json!({ "status": "TRIAGE" }),
        json!({ "parts": [{ "name": "Fan", "quantity": 1, "unit_cost": 1 }] }),
    ];
    for reply in all_at_once(changes.map(|body| t.change(&ticket, body))).await {
        reply.ok();
    }
    let after = t.ticket(&ticket).await;
    assert_eq!((&after["version"], &after["status"]), (&json!(7), &json!("TRIAGE")));
    assert_eq!((&after["total_cost"], &after["issue"]["severity"]), (&json!(101.0), &json!("low")));
    assert_eq!(after["diagnostics"]["findings"], "dust");
}

async fn counting_the_shelf_while_it_is_reserved(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 100).await;
    let path = format!("/v1/inventory/{item}");
    let ids = tickets(t, &item, 20, "DIAGNOSTICS").await;
    let counts =
        (0..20).map(|index| tokio::spawn(t.patch(&path, json!({ "quantity": 100 - index }))));
    let counts: Vec<_> = counts.collect();
    for reply in all_at_once(ids.iter().map(|id| t.transition(id, "IN_REPAIR"))).await {
        reply.ok();
    }
    for count in counts {
        count.await.expect("no panic").ok();
    }
    assert_eq!(t.stock(&item).await.1, 20);
    let moved: i64 = t.movements(&item).await.iter().map(|(delta, _)| delta).sum();
    assert_eq!(t.stock(&item).await.0, moved);
}
