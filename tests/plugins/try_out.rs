//! `POST /v1/plugins/{plugin_id}/try`: one call, nothing written.

use serde_json::Value;

use crate::support::builders::merged;
use crate::support::databases::dump;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_plugin_is_tried_on_a_ticket_and_on_an_event,
    what_cannot_be_tried_is_said,
    a_try_shows_how_a_plugin_breaks,
];

async fn uploaded(t: &TestApp, package: &str) -> String {
    let plugin = t.upload(package).await.id();
    format!("/v1/plugins/{plugin}/try")
}

async fn a_plugin_is_tried_on_a_ticket_and_on_an_event(t: &TestApp) {
    let path = uploaded(t, "qc-gate").await;
    let ticket = t.create_ticket_in(&t.shop, "IN_REPAIR").await;
    let before = dump(&t.app).await;
    let body = json!({ "hook": "pre-transition", "ticket_id": ticket, "to_status": "QC_REVIEW" });
    let tried = t.post(&path, body).await.ok();
    assert_eq!((&tried["outcome"], &tried["failed"]), (&json!("denied"), &json!(false)));
    assert_eq!(tried["decision"]["deny"][0]["code"], "TECHNICIAN_MISSING");
    assert_eq!(tried["input"]["to"], "QC_REVIEW");
    for figure in ["fuel", "processor_us", "wall_us", "memory_bytes"] {
        assert!(tried[figure].as_u64().is_some_and(|figure| figure > 0), "{figure} of {tried}");
    }
    let mut event = tried["input"].clone();
    event["to"] = json!("VOIDED");
    let again = t.post(&path, json!({ "hook": "pre-transition", "event": event })).await.ok();
    assert_eq!(again["outcome"], "allowed");
    let same =
        t.post(&path, json!({ "hook": "pre-transition", "event": tried["input"] })).await.ok();
    assert_eq!((&same["fuel"], &same["decision"]), (&tried["fuel"], &tried["decision"]));
    assert_eq!(dump(&t.app).await, before);
    for (package, hook) in [
        ("intake-triage", "post-create"),
        ("nearest-stock", "reserve-inventory"),
        ("guest-judge", "pre-create"),
        ("guest-judge", "pre-update"),
        ("guest-judge", "settings-check"),
    ] {
        let path = uploaded(t, package).await;
        let mut body = json!({ "hook": hook });
        if hook != "settings-check" {
            body["ticket_id"] = json!(ticket);
        }
        let tried = t.post(&path, body).await.ok();
        assert_eq!(tried["failed"], false, "{tried}");
    }
}

async fn what_cannot_be_tried_is_said(t: &TestApp) {
    let path = uploaded(t, "qc-gate").await;
    let ticket = t.create_ticket(&t.shop).await;
    let of = |more: Value| merged(json!({ "hook": "pre-transition" }), more);
    t.post(&path, of(json!({}))).await.invalid("event");
    t.post(&path, of(json!({ "event": {}, "ticket_id": ticket }))).await.invalid("event");
    t.post(&path, of(json!({ "event": { "to": 1 } }))).await.error(400, "INVALID_REQUEST");
    t.post(&path, of(json!({ "hook": "post-create", "ticket_id": ticket }))).await.invalid("hook");
    let stranger = t.stranger().await;
    stranger.post(&path, of(json!({ "ticket_id": ticket }))).await.not_found();
    let other = "00000000-0000-7000-8000-000000000000";
    t.post(&path, of(json!({ "ticket_id": other }))).await.invalid("ticket_id");
    let edge = of(json!({ "ticket_id": ticket, "to_status": "CLOSED" }));
    t.post(&path, edge).await.error(409, "INVALID_TRANSITION");
    let settings = of(json!({ "ticket_id": ticket, "settings": { "nonsense": 1 } }));
    t.post(&path, settings).await.error(400, "INVALID_REQUEST");
    t.writer.post(&path, of(json!({ "ticket_id": ticket }))).await.error(403, "FORBIDDEN");
}

async fn a_try_shows_how_a_plugin_breaks(t: &TestApp) {
    let path = uploaded(t, "guest-trap").await;
    let ticket = t.create_ticket(&t.shop).await;
    let known = t.events().await.len();
    let tried = t.post(&path, json!({ "hook": "pre-transition", "ticket_id": ticket })).await.ok();
    assert_eq!((&tried["outcome"], &tried["failed"]), (&json!("trap"), &json!(true)));
    assert!(!tried["detail"].as_str().expect("a text").is_empty(), "{tried}");
    repairops::plugins::report_failures::write(&t.app).await;
    assert_eq!(t.events().await.len(), known, "no event");
}
