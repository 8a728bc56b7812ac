//! `plugin.*`: plugins that are installed, changed, removed, or that fail.

use std::time::Duration;

use repairops::plugins::report_failures;
use serde_json::Value;

use super::{create, deliver};
use crate::support::receiver::Receiver;
use crate::support::shape::assert_shape;
use crate::support::{TestApp, both_databases, json};

both_databases![
    installations_tell_what_happened,
    a_plugin_that_breaks_is_told_of,
    it_is_told_of_once_a_minute,
];

async fn installations_tell_what_happened(t: &TestApp) {
    let receiver = Receiver::start().await;
    create(
        t,
        &receiver.url,
        json!({ "events": ["plugin.installed", "plugin.updated", "plugin.uninstalled"] }),
    )
    .await;
    let id = t.install("guest-fickle", json!({ "do": "allow" })).await;
    let path = format!("/v1/installations/{id}");
    t.reconfigure(&id, json!({ "settings": { "do": "warn" } })).await.ok();
    t.reconfigure(&id, json!({ "settings": { "do": "warn" } })).await.ok();
    t.delete(&path).await.expect_status(200);
    t.delete(&path).await.not_found();
    deliver(&t.app).await;
    let bodies: Vec<Value> = receiver.received().iter().map(|request| request.json()).collect();
    let names: Vec<&str> = bodies.iter().filter_map(|body| body["event"].as_str()).collect();
    assert_eq!(names, ["plugin.installed", "plugin.updated", "plugin.uninstalled"]);
    for body in &bodies {
        let data = &body["data"];
        assert_eq!(data["installation_id"], json!(id));
        assert_eq!(data["plugin"], "guest-fickle");
        assert_shape(&data["plugin_id"], &json!("uuid"));
        assert_shape(&data["version"], &json!("text"));
        assert_eq!(data["shop_id"], Value::Null);
    }
    assert_eq!(bodies[1]["data"]["changed"], json!(["settings"]));
}

async fn a_plugin_that_breaks_is_told_of(t: &TestApp) {
    let receiver = Receiver::start().await;
    create(t, &receiver.url, json!({ "events": ["plugin.failed"] })).await;
    let id = t.install("guest-trap", json!({})).await;
    let ticket = t.create_ticket(&t.shop).await;
    let reply = t.transition(&ticket, "TRIAGE").await;
    let request = reply.header("x-request-id").expect("an id").to_owned();
    reply.error(422, "PLUGIN_FAILED");
    report_failures::write(&t.app).await;
    deliver(&t.app).await;
    let told = receiver.one().json();
    assert_shape(
        &told["data"],
        &json!({
            "installation_id": format!("={id}"), "plugin": "=guest-trap", "version": "text",
            "shop_id": format!("={}", t.shop), "ticket_id": format!("={ticket}"), "ticket_number": "=T000001",
            "hook": "=pre-transition", "run_id": "uuid", "outcome": "=trap",
            "error": { "message": "text", "limit": "null", "used": "null" },
            "on_failure": "=closed", "request_id": format!("={request}"),
        }),
    );
    let body = json!({ "hooks": { "pre-transition": { "on_failure": "open" } } });
    t.reconfigure(&id, body).await.ok();
    t.app.clock.advance(Duration::from_secs(61));
    t.transition(&ticket, "TRIAGE").await.ok();
    report_failures::write(&t.app).await;
    receiver.clear();
    deliver(&t.app).await;
    assert_eq!(receiver.one().json()["data"]["on_failure"], "open");
}

async fn it_is_told_of_once_a_minute(t: &TestApp) {
    t.install("guest-trap", json!({})).await;
    let ticket = t.create_ticket(&t.shop).await;
    let before = t.events().await.len();
    let told = async || {
        for _ in 0..5 {
            t.transition(&ticket, "TRIAGE").await.error(422, "PLUGIN_FAILED");
        }
        report_failures::write(&t.app).await;
        t.event_names_after(before).await
    };
    assert_eq!(told().await, ["plugin.failed"]);
    t.app.clock.advance(Duration::from_secs(30));
    assert_eq!(told().await, ["plugin.failed"]);
    t.app.clock.advance(Duration::from_secs(31));
    assert_eq!(told().await, ["plugin.failed", "plugin.failed"]);
}
