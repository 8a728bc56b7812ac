//! What plugins of WIT 0.2.0 are shown: money, origins, the timeline; the time, their limits; large tickets.

use serde_json::Value;

use crate::support::{TestApp, both_databases, json};

both_databases![
    payments_origins_and_the_timeline_are_shown,
    a_shop_has_its_time,
    the_limits_of_a_call_are_shown,
    an_approval_is_found_among_a_thousand_notes,
    a_ticket_of_three_hundred_parts_is_read_under_default_limits,
    payments_decide,
    notes_say_who_may_read_them,
];

fn told(details: &Value) -> String {
    details["violations"][0]["message"].as_str().expect("a message").to_owned()
}

async fn payments_origins_and_the_timeline_are_shown(t: &TestApp) {
    t.install("guest-fickle", json!({ "severity": "high" })).await;
    let id = t.create_ticket(&t.shop).await;
    t.change(&id, json!({ "labor_hours": 1, "labor_rate": 100 })).await.ok();
    let pay = |kind: &str, amount: i64| {
        let body = json!({ "amount": amount, "method": "card", "kind": kind });
        t.post(&format!("/v1/tickets/{id}/payments"), body)
    };
    pay("payment", 60).await.expect_status(201);
    pay("refund", 10).await.expect_status(201);
    t.change(&id, json!({ "notes": "called", "notes_visibility": "customer" })).await.ok();
    t.install("guest-judge", json!({ "pre_transition": "tell" })).await;
    let details = t.transition(&id, "TRIAGE").await.details(422, "PLUGIN_REJECTED");
    let text = told(&details);
    assert!(
        text.starts_with(
            "paid 5000 of 10000 due 5000 by PaymentKind::Payment card 6000,PaymentKind::Refund card 1000 | "
        ),
        "{text}"
    );
    assert!(text.contains("last Some(EntryKind::Note) Some(Visibility::Customer)"), "{text}");
    let sources = t.ticket(&id).await["set_by_plugins"].clone();
    let field = sources[0]["field"].as_str().expect("a field");
    assert!(text.contains(&format!("set {field} by guest-fickle")), "{text}");
}

async fn a_shop_has_its_time(t: &TestApp) {
    t.install("guest-judge", json!({ "pre_transition": "time" })).await;
    let id = t.create_ticket(&t.shop).await;
    let text = told(&t.transition(&id, "TRIAGE").await.details(422, "PLUGIN_REJECTED"));
    let zone = t.get(&format!("/v1/shops/{}", t.shop)).await.ok()["time_zone"].clone();
    let zone = zone.as_str().expect("a zone");
    let now = t.app.clock.now().timestamp_millis();
    let local = repairops_zones::local(zone, now).expect("a time");
    let next = repairops_zones::next(zone, 9, 0, now).expect("a time");
    let shown = format!("{}:{:02}, next {next}, unknown true", local.hour, local.minute);
    assert!(text.ends_with(&shown), "{text} and {shown}");
}

async fn the_limits_of_a_call_are_shown(t: &TestApp) {
    t.install_with(
        "guest-judge",
        json!({ "settings": { "pre_transition": "limits" },
                "limits": { "fuel": 5_000_000, "deadline_ms": 1000, "host_calls": 77, "log_bytes": 1234 } }),
    )
    .await;
    let id = t.create_ticket(&t.shop).await;
    let details = t.transition(&id, "TRIAGE").await.details(422, "PLUGIN_REJECTED");
    let text = told(&details);
    let figures: Vec<u64> = text.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [fuel, time_ms, memory, log, host_calls] = figures[..] else { panic!("{text}") };
    assert!((4_000_000..5_000_000).contains(&fuel), "{text}");
    assert!((1..=1_000).contains(&time_ms), "{text}");
    assert!((1..32 << 20).contains(&memory), "{text}");
    assert_eq!((log, host_calls <= 76), (1_234, true), "{text}");
    let limits = &details["plugins"][0]["limits"];
    assert_eq!((&limits["fuel"], &limits["deadline_ms"]), (&json!(5_000_000), &json!(1_000)));
}

async fn an_approval_is_found_among_a_thousand_notes(t: &TestApp) {
    let id = t.create_ticket_in(&t.shop, "APPROVED").await;
    for chunk in 0..20 {
        let notes = (0..50).map(|note| {
            let text = format!("{chunk} {note} {}", "x".repeat(1_900));
            t.change(&id, json!({ "notes": text }))
        });
        for note in notes {
            note.await.ok();
        }
    }
    let plain = t.create_ticket_in(&t.shop, "DIAGNOSTICS").await;
    t.install("guest-judge", json!({ "pre_transition": "approved" })).await;
    t.install("fickle-0-1-0", json!({})).await;
    t.transition(&plain, "IN_REPAIR").await.error(422, "PLUGIN_REJECTED");
    t.transition(&id, "IN_REPAIR").await.ok();
}

async fn a_ticket_of_three_hundred_parts_is_read_under_default_limits(t: &TestApp) {
    let id = t.create_ticket_in(&t.shop, "DIAGNOSTICS").await;
    let name = "A part with a name that is as long as names get ".repeat(4);
    let part = |number: usize| json!({ "name": format!("{number} {}", name.trim()), "quantity": 1, "unit_cost": 1 });
    let parts: Vec<Value> = (0..300).map(part).collect();
    t.change(&id, json!({ "parts": parts })).await.ok();
    let plugin = t.upload("guest-judge").await.id();
    let settings = json!({ "pre_transition": "parts" });
    t.post("/v1/installations", json!({ "plugin_id": plugin, "settings": settings })).await.id();
    let moved = t.transition(&id, "IN_REPAIR").await.ok();
    let message = moved["warnings"][0]["message"].as_str().expect("a message");
    assert!(message.starts_with("300 parts, "), "{message}");
    let (run, default) = (&moved["plugins"][0], repairops::model::limits::Limits::default());
    let fuel = run["limits"]["fuel"].as_u64().expect("a figure");
    assert!(fuel > default.fuel && run["fuel"].as_u64().is_some_and(|used| used < fuel), "{run}");
}

/// The plugins that shops install for it, over HTTP.
async fn payments_decide(t: &TestApp) {
    t.install("deposit-required", json!({})).await;
    t.install("pay-before-pickup", json!({})).await;
    let id = t.create_ticket_in(&t.shop, "APPROVED").await;
    let work =
        json!({ "labor_hours": 4, "labor_rate": 100, "diagnostics": { "findings": "Broken" } });
    t.change(&id, work).await.ok();
    let pay = |amount: i64| {
        let body = json!({ "amount": amount, "method": "cash" });
        t.post(&format!("/v1/tickets/{id}/payments"), body)
    };
    let details = t.transition(&id, "IN_REPAIR").await.details(422, "PLUGIN_REJECTED");
    assert_eq!(
        told(&details),
        "A repair of 400.00 needs a deposit of 120.00 (30 %), of which 120.00 are missing: take the payment first."
    );
    pay(120).await.expect_status(201);
    for status in ["IN_REPAIR", "QC_REVIEW", "READY_FOR_PICKUP"] {
        t.transition(&id, status).await.ok();
    }
    let details = t.transition(&id, "PICKED_UP").await.details(422, "PLUGIN_REJECTED");
    assert_eq!(
        (told(&details).as_str(), &details["violations"][0]["field"]),
        (
            "280.00 are still to be paid (120.00 of 400.00 were paid): take the payment first.",
            &json!("balance_due")
        )
    );
    pay(280).await.expect_status(201);
    t.transition(&id, "PICKED_UP").await.ok();
}

async fn notes_say_who_may_read_them(t: &TestApp) {
    let id = t.create_ticket(&t.shop).await;
    t.change(&id, json!({ "notes": "for us" })).await.ok();
    t.change(&id, json!({ "notes": "for you", "notes_visibility": "customer" })).await.ok();
    let body = json!({ "new_status": "TRIAGE", "notes": "soon", "notes_visibility": "customer" });
    t.post(&format!("/v1/tickets/{id}/transition"), body).await.ok();
    let payment = json!({ "amount": 5, "method": "cash" });
    t.post(&format!("/v1/tickets/{id}/payments"), payment).await.expect_status(201);
    let seen = |timeline: &Value| -> Vec<String> {
        let entries = timeline.as_array().expect("a list").iter();
        entries
            .map(|entry| format!("{} {}", entry["kind"], entry["visibility"]).replace('"', ""))
            .collect()
    };
    let expected = [
        "created internal",
        "note internal",
        "note customer",
        "transitioned customer",
        "payment customer",
    ];
    assert_eq!(seen(&t.ticket(&id).await["timeline"]), expected);
    assert_eq!(seen(&t.get(&format!("/v1/tickets/{id}/timeline")).await.ok()["data"]), expected);
    let body = json!({ "notes": "x", "notes_visibility": "everybody" });
    t.change(&id, body).await.invalid("notes_visibility");
}
