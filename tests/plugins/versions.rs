//! Plugins of WIT 0.1.0, kept as files, beside those of 0.2.0.

use crate::support::builders::ticket_body;
use crate::support::components::from_text;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_rust_plugin_of_0_1_0_runs_beside_one_of_0_2_0,
    a_javascript_plugin_of_0_1_0_runs,
    a_plugin_says_its_version,
    a_version_that_is_not_known_is_refused,
];

async fn a_rust_plugin_of_0_1_0_runs_beside_one_of_0_2_0(t: &TestApp) {
    let old = t.install("fickle-0-1-0", json!({ "do": "warn", "tag": "old" })).await;
    t.install("guest-judge", json!({ "pre_transition": "warn" })).await;
    t.install("guest-fickle", json!({ "do": "warn", "tag": "new" })).await;
    let created = t.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await.expect_status(201);
    let ran = |value: &serde_json::Value| -> Vec<String> {
        let text =
            |name: &str, run: &serde_json::Value| run[name].as_str().expect("a text").to_owned();
        let runs = value["plugins"].as_array().expect("runs").iter();
        runs.map(|run| {
            format!("{} {} {}", text("plugin", run), text("hook", run), text("outcome", run))
        })
        .collect()
    };
    assert_eq!(
        ran(&created.body),
        [
            "guest-judge pre-create allowed",
            "fickle-0-1-0 post-create enriched",
            "guest-judge post-create unchanged",
            "guest-fickle post-create enriched"
        ]
    );
    let id = created.id();
    assert_eq!(t.ticket(&id).await["tags"], json!(["old", "new"]));
    let moved = t.transition(&id, "TRIAGE").await.ok();
    assert_eq!(
        ran(&moved),
        [
            "fickle-0-1-0 pre-transition warned",
            "guest-judge pre-transition warned",
            "guest-fickle pre-transition warned"
        ]
    );
    // All violations of both versions in one response; a failure of the old one is closed or open as of any.
    t.reconfigure(&old, json!({ "settings": { "do": "deny" } })).await.ok();
    let details = t.transition(&id, "DIAGNOSTICS").await.details(422, "PLUGIN_REJECTED");
    assert_eq!(details["violations"].as_array().map(Vec::len), Some(1));
    t.reconfigure(&old, json!({ "settings": { "do": "trap" } })).await.ok();
    let details = t.transition(&id, "DIAGNOSTICS").await.details(422, "PLUGIN_FAILED");
    assert_eq!((&details["plugin"], &details["outcome"]), (&json!("fickle-0-1-0"), &json!("trap")));
    let open = json!({ "hooks": { "pre-transition": { "on_failure": "open" } } });
    t.reconfigure(&old, open).await.ok();
    let moved = t.transition(&id, "DIAGNOSTICS").await.ok();
    assert_eq!(moved["warnings"][0]["code"], "PLUGIN_FAILED_OPEN");
}

async fn a_javascript_plugin_of_0_1_0_runs(t: &TestApp) {
    t.install("gate-in-javascript", json!({ "message": "Was hast du gefunden?" })).await;
    let id = t.create_ticket(&t.shop).await;
    assert_eq!(t.ticket(&id).await["tags"], json!(["js"]));
    t.transition(&id, "DIAGNOSTICS").await.ok();
    t.transition(&id, "IN_REPAIR").await.ok();
    let details = t.transition(&id, "QC_REVIEW").await.details(422, "PLUGIN_REJECTED");
    let told = &details["violations"][0];
    assert_eq!(
        [&told["plugin"], &told["code"], &told["message"], &told["field"]],
        ["gate-in-javascript", "FINDINGS_MISSING", "Was hast du gefunden?", "diagnostics.findings"]
    );
    t.change(&id, json!({ "diagnostics": { "findings": "Dust" } })).await.ok();
    t.transition(&id, "QC_REVIEW").await.ok();
}

async fn a_plugin_says_its_version(t: &TestApp) {
    for (package, wit, hooks) in [
        ("fickle-0-1-0", "0.1.0", json!(["pre-transition", "post-create", "reserve-inventory"])),
        (
            "guest-judge",
            "0.2.0",
            json!(["pre-create", "pre-update", "pre-transition", "post-create"]),
        ),
        ("intake-check", "0.2.0", json!(["pre-create"])),
    ] {
        let plugin = t.upload(package).await.ok();
        assert_eq!((&plugin["wit"], &plugin["hooks"]), (&json!(wit), &hooks), "{package}");
    }
}

async fn a_version_that_is_not_known_is_refused(t: &TestApp) {
    let upload = |exports: &str| {
        let meta =
            r#"(core module (@custom "repairops:name" "a") (@custom "repairops:version" "1.0.0"))"#;
        t.upload_bytes(&from_text(&format!("(instance $i) {exports} {meta}")))
    };
    let refused = upload(r#"(export "repairops:plugin/pre-update@0.3.0" (instance $i))"#).await;
    let error = refused.error(400, "INVALID_REQUEST");
    assert_eq!(error["details"]["reason"], "unknown_version");
    let message = error["message"].as_str().expect("a message");
    assert!(
        message.contains("pre-update@0.3.0") && message.contains("0.1.0 and 0.2.0"),
        "{message}"
    );
    let two = r#"(export "repairops:plugin/pre-transition@0.1.0" (instance $i))
                 (export "repairops:plugin/post-create@0.2.0" (instance $i))"#;
    assert_eq!(upload(two).await.details(400, "INVALID_REQUEST")["reason"], "two_versions");
    let none = r#"(export "repairops:plugin/settings-check@0.2.0" (instance $i))"#;
    assert_eq!(upload(none).await.details(400, "INVALID_REQUEST")["reason"], "no_hooks");
}
