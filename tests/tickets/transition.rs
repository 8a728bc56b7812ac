//! `POST /v1/tickets/{ticket_id}/transition`.

use std::time::Duration;

use crate::support::shape::assert_shape;
use crate::support::{TestApp, both_databases, json};

both_databases![
    the_answer_has_the_documented_fields,
    notes_and_actor_are_on_the_timeline,
    a_pickup_is_remembered
];

async fn the_answer_has_the_documented_fields(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let done = t.writer.transition(&ticket, "TRIAGE").await.expect_status(200);
    assert_shape(
        &done.body,
        &json!({ "ok": "bool", "event_id": "uuid", "from_status": "=INTAKE", "to_status": "=TRIAGE", "timestamp": "time",
                 "version": "integer", "plugins": [], "warnings": [] }),
    );
    assert_eq!(done["ok"], true);
    let after = t.ticket(&ticket).await;
    assert_eq!((&after["status"], &after["updated_at"]), (&json!("TRIAGE"), &done["timestamp"]));
    assert_eq!(after["timeline"][1]["timestamp"], done["timestamp"]);
    let nobody = "00000000-0000-7000-8000-000000000000";
    t.transition(nobody, "TRIAGE").await.not_found();
}

async fn notes_and_actor_are_on_the_timeline(t: &TestApp) {
    let alice = t.create_technician("Alice Tech").await;
    let ticket = t.create_ticket(&t.shop).await;
    t.app.clock.advance(Duration::from_secs(60));
    let path = format!("/v1/tickets/{ticket}/transition");
    t.post(&path, json!({ "new_status": "TRIAGE", "notes": "Looks wet.", "actor_id": alice }))
        .await
        .ok();
    t.writer.transition(&ticket, "DIAGNOSTICS").await.ok();
    let timeline = t.ticket(&ticket).await["timeline"].clone();
    let entry = |index: usize, field: &str| timeline[index][field].as_str();
    assert_eq!(
        [0, 1, 2].map(|index| entry(index, "status")),
        [Some("INTAKE"), Some("TRIAGE"), Some("DIAGNOSTICS")]
    );
    assert_eq!([1, 2].map(|index| entry(index, "actor")), [Some("Alice Tech"), Some("Front desk")]);
    assert_eq!([1, 2].map(|index| entry(index, "notes")), [Some("Looks wet."), None]);
    assert_eq!([1, 2].map(|index| entry(index, "kind")), [Some("transitioned"); 2]);
    let nobody = "00000000-0000-7000-8000-000000000000";
    t.post(&path, json!({ "new_status": "IN_REPAIR", "actor_id": nobody }))
        .await
        .invalid("actor_id");
}

async fn a_pickup_is_remembered(t: &TestApp) {
    let ticket = t.create_ticket_in(&t.shop, "READY_FOR_PICKUP").await;
    t.app.clock.advance(Duration::from_secs(3 * 86_400));
    let picked_up = t.transition(&ticket, "PICKED_UP").await.ok()["timestamp"].clone();
    t.app.clock.advance(Duration::from_secs(3 * 86_400));
    t.transition(&ticket, "CLOSED").await.ok();
    let customer = t.get("/v1/customers").await["data"][0].clone();
    assert_eq!(customer["last_repair_date"].as_str(), picked_up.as_str().map(|time| &time[..10]));
}
