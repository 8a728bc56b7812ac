//! `pre-transition`: the verdicts of plugins on a transition, and their JSON.

use crate::support::shape::assert_shape;
use crate::support::{TestApp, both_databases, json};

both_databases![
    all_violations_of_all_plugins_come_at_once,
    warnings_do_not_block,
    a_plugin_sees_the_ticket_as_it_would_be,
    what_ran_is_told,
    one_component_may_have_two_hooks,
];

async fn all_violations_of_all_plugins_come_at_once(t: &TestApp) {
    t.install("guest-fickle", json!({ "do": "deny", "message": "Not on a Monday." })).await;
    t.install("guest-fickle", json!({ "do": "warn", "message": "Mind the gap." })).await;
    let ticket = t.create_ticket(&t.shop).await;
    let details = t.transition(&ticket, "TRIAGE").await.details(422, "PLUGIN_REJECTED");
    assert_shape(
        &details["violations"],
        &json!([{ "plugin": "=guest-fickle", "installation_id": "uuid", "hook": "=pre-transition", "run_id": "uuid",
                  "code": "=FICKLE", "message": "=Not on a Monday.", "field": "null" }]),
    );
    t.install("guest-fickle", json!({ "do": "deny", "message": "Nor on a Friday." })).await;
    let error = t.transition(&ticket, "TRIAGE").await.error(422, "PLUGIN_REJECTED");
    let messages: Vec<_> = error["details"]["violations"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|v| &v["message"])
        .collect();
    assert_eq!(messages, ["Not on a Monday.", "Nor on a Friday."]);
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|text| text.contains("Monday") && text.contains("Friday"))
    );
    let outcomes: Vec<_> = error["details"]["plugins"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|ran| &ran["outcome"])
        .collect();
    assert_eq!(outcomes, ["denied", "warned", "denied"]);
    assert_eq!(t.ticket(&ticket).await["status"], "INTAKE");
}

async fn warnings_do_not_block(t: &TestApp) {
    t.install("guest-fickle", json!({ "do": "warn", "message": "Mind the gap." })).await;
    let ticket = t.create_ticket(&t.shop).await;
    let done = t.transition(&ticket, "TRIAGE").await.ok();
    assert_eq!(
        done["warnings"],
        json!([{ "plugin": "guest-fickle", "hook": "pre-transition", "code": "FICKLE", "message": "Mind the gap.",
                 "field": null }])
    );
    assert_eq!(done["plugins"][0]["outcome"], "warned");
    let changed = t.change(&ticket, json!({ "status": "DIAGNOSTICS" })).await.ok();
    assert_eq!(changed["warnings"][0]["message"], "Mind the gap.");
}

async fn a_plugin_sees_the_ticket_as_it_would_be(t: &TestApp) {
    let alice = t.create_technician("Alice Tech").await;
    t.install("qc-gate", json!({})).await;
    let ticket = t.create_ticket_in(&t.shop, "IN_REPAIR").await;
    t.transition(&ticket, "QC_REVIEW").await.error(422, "PLUGIN_REJECTED");
    let body = json!({
        "status": "QC_REVIEW", "assigned_to": alice, "labor_hours": 1, "labor_rate": 50,
        "diagnostics": { "findings": "A loose cable." },
    });
    assert_eq!(t.change(&ticket, body).await.ok()["status"], "QC_REVIEW");
}

async fn what_ran_is_told(t: &TestApp) {
    let installation = t.install("qc-gate", json!({})).await;
    let ticket = t.create_ticket(&t.shop).await;
    let done = t.transition(&ticket, "TRIAGE").await.ok();
    assert_shape(
        &done["plugins"],
        &json!([{ "plugin": "=qc-gate", "version": "text", "installation_id": "uuid", "hook": "=pre-transition",
                  "run_id": "uuid", "mode": "=enforce", "outcome": "=allowed", "fuel": "integer", "duration_us": "integer",
                  "limits": { "fuel": "integer", "deadline_ms": "integer", "wall_ms": "integer", "output_bytes": "integer" },
                  "violations": [], "set": [],
                  "error": "null" }]),
    );
    let ran = &done["plugins"][0];
    assert_eq!(ran["installation_id"], installation.as_str());
    assert!(ran["fuel"].as_u64().is_some_and(|fuel| (100..1_000_000).contains(&fuel)), "{ran}");
    assert!(ran["duration_us"].as_u64().is_some_and(|duration| duration > 0), "{ran}");
}

async fn one_component_may_have_two_hooks(t: &TestApp) {
    t.install("guest-two-hooks", json!({})).await;
    let ticket = t.create_ticket(&t.shop).await;
    assert_eq!(t.ticket(&ticket).await["tags"], json!(["two-hooks"]));
    let done = t.transition(&ticket, "TRIAGE").await.ok();
    assert_eq!(
        (&done["plugins"][0]["hook"], &done["plugins"][0]["outcome"]),
        (&json!("pre-transition"), &json!("allowed"))
    );
}
