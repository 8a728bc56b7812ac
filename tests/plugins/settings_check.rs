//! `settings-check`: the plugin itself says what is wrong with settings, before anything is stored.

use serde_json::Value;

use crate::support::{TestApp, both_databases, json};

both_databases![
    settings_that_the_plugin_refuses_are_not_stored,
    a_check_that_breaks_stores_nothing,
    the_rules_of_intake_check_are_checked,
];

fn body(plugin: &str, settings: Value) -> Value {
    json!({ "plugin_id": plugin, "settings": settings, "limits": { "deadline_ms": 1000 } })
}

async fn settings_that_the_plugin_refuses_are_not_stored(t: &TestApp) {
    let plugin = t.upload("guest-judge").await.id();
    let known = t.events().await.len();
    let refused = json!({ "settings_check": "refuse", "assign_to": "x" });
    let error =
        t.post("/v1/installations", body(&plugin, refused)).await.error(400, "INVALID_REQUEST");
    assert_eq!(
        (&error["details"]["field"], &error["details"]["value"], &error["message"]),
        (
            &json!("settings.assign_to"),
            &json!("x"),
            &json!("settings.assign_to: nobody can be assigned; settings: and more is wrong")
        )
    );
    let none = json!({ "settings_check": "no-reason" });
    t.post("/v1/installations", body(&plugin, none)).await.invalid("settings");
    assert_eq!(t.get("/v1/installations").await["pagination"]["total"], 0);
    assert_eq!(t.events().await.len(), known);
    let id = t.post("/v1/installations", body(&plugin, json!({}))).await.id();
    let settings = json!({ "settings": { "settings_check": "refuse" } });
    t.reconfigure(&id, settings).await.invalid("settings.assign_to");
    let path = format!("/v1/installations/{id}");
    assert_eq!(t.get(&path).await["settings"], json!({}));
    // Other changes do not ask again.
    t.reconfigure(&id, json!({ "settings": {}, "limits": { "fuel": 1 } })).await.ok();
}

async fn a_check_that_breaks_stores_nothing(t: &TestApp) {
    let plugin = t.upload("guest-judge").await.id();
    for (what, outcome) in [("trap", "trap"), ("loop", "fuel"), ("bad-output", "bad_output")] {
        let settings = json!({ "settings_check": what });
        let reply = t.post("/v1/installations", body(&plugin, settings)).await;
        let details = reply.details(422, "PLUGIN_FAILED");
        assert_eq!(
            (&details["hook"], &details["outcome"]),
            (&json!("settings-check"), &json!(outcome)),
            "{what}"
        );
    }
    assert_eq!(t.get("/v1/installations").await["pagination"]["total"], 0);
    repairops::plugins::report_failures::write(&t.app).await;
    assert!(t.events().await.iter().all(|(name, _)| name != "plugin.failed"));
}

async fn the_rules_of_intake_check_are_checked(t: &TestApp) {
    let plugin = t.upload("intake-check").await.id();
    let settings = json!({ "rules": [
        { "categories": ["tv"], "fields": ["serial"] },
        { "categories": ["radio", "TV"], "fields": [] },
    ] });
    let value = t
        .post("/v1/installations", body(&plugin, settings))
        .await
        .invalid("settings.rules.1.categories.1");
    assert_eq!(value, "TV");
    // The schema is asked first.
    let settings = json!({ "rules": [{ "categories": ["tv"], "fields": ["Serial number"] }] });
    t.post("/v1/installations", body(&plugin, settings)).await.invalid("settings.rules.0.fields.0");
}
