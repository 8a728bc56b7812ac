//! Limits of installations below the server's maximum values, the metrics of calls, and the timeline entries of
//! plugins that failed open.

use crate::support::{TestApp, both_databases, json};

both_databases![
    one_limit_is_changed_and_the_others_stay,
    wrong_limits_are_named,
    a_ceiling_that_was_lowered_holds_for_what_is_there,
    metrics_show_calls_and_requests,
    what_failed_on_a_new_ticket_is_noted_once,
    what_failed_open_is_in_the_timeline,
];

async fn one_limit_is_changed_and_the_others_stay(t: &TestApp) {
    let limits = json!({ "fuel": 7_000_000, "deadline_ms": 40 });
    let id = t.install_with("qc-gate", json!({ "limits": limits })).await;
    let body = json!({ "limits": { "fuel": 8_000_000 } });
    let installation = t.reconfigure(&id, body).await.ok();
    let limits = &installation["limits"];
    assert_eq!((&limits["fuel"], &limits["deadline_ms"]), (&json!(8_000_000), &json!(40)));
    assert_eq!(limits["log_bytes"], 8192);
}

async fn wrong_limits_are_named(t: &TestApp) {
    let id = t.install("qc-gate", json!({})).await;
    let cases = [
        (json!({ "gas": 1 }), "limits.gas"),
        (json!({ "fuel": "much" }), "limits.fuel"),
        (json!({ "fuel": 0 }), "limits.fuel"),
        (json!({ "memory_bytes": 1_u64 << 40 }), "limits.memory_bytes"),
    ];
    for (limits, field) in cases {
        let reply = t.reconfigure(&id, json!({ "limits": limits })).await;
        assert_eq!(reply.details(400, "INVALID_REQUEST")["field"], field);
    }
}

async fn a_ceiling_that_was_lowered_holds_for_what_is_there(t: &TestApp) {
    t.install("qc-gate", json!({})).await;
    let ticket = t.create_ticket(&t.shop).await;
    t.transition(&ticket, "TRIAGE").await.ok();
    let node = t.node(|config| config.limits_max.fuel = 1_000).await;
    let reply = node.admin.transition(&ticket, "DIAGNOSTICS").await;
    let details = reply.details(422, "PLUGIN_FAILED");
    assert_eq!((&details["outcome"], &details["error"]["limit"]), (&json!("fuel"), &json!(1_000)));
    let installation = t.install("intake-triage", json!({ "prices": [] })).await;
    let off = json!({ "hooks": { "post-create": { "mode": "off" } } });
    let path = format!("/v1/installations/{installation}");
    node.admin.patch(&path, off).await.ok(); // what was there before can still be changed
    let plugin = t.upload("guest-fickle").await.id();
    let plain = node.admin.post("/v1/installations", json!({ "plugin_id": plugin })).await.ok();
    assert_eq!(plain["limits"]["fuel"], 1_000);
    let body = json!({ "plugin_id": plugin, "limits": { "fuel": 1_001 } });
    let reply = node.admin.post("/v1/installations", body).await;
    assert_eq!(reply.details(400, "INVALID_REQUEST")["field"], "limits.fuel");
}

async fn metrics_show_calls_and_requests(t: &TestApp) {
    t.install("qc-gate", json!({})).await;
    let ticket = t.create_ticket_in(&t.shop, "IN_REPAIR").await;
    t.transition(&ticket, "QC_REVIEW").await.error(422, "PLUGIN_REJECTED");
    let metrics = t.get("/metrics").await.body;
    let metrics = metrics.as_str().expect("a text");
    let lines = [
        r#"repairops_plugin_calls_total{plugin="qc-gate",hook="pre-transition",mode="enforce",outcome="ok"} 3"#,
        r#"repairops_plugin_fuel_count{hook="pre-transition"} 3"#,
        r#"repairops_plugin_call_seconds_count{hook="pre-transition"} 3"#,
        r#"repairops_plugin_compile_seconds_count{outcome="ready"} 1"#,
        "repairops_guest_queue_waiting 0",
        r#"repairops_http_requests_total{method="POST",route="/v1/tickets",status="201"} 1"#,
    ];
    for line in lines {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
}

async fn what_failed_open_is_in_the_timeline(t: &TestApp) {
    let hooks = json!({ "pre-transition": { "on_failure": "open" } });
    t.install_with("guest-trap", json!({ "hooks": hooks })).await;
    let ticket = t.create_ticket(&t.shop).await;
    t.transition(&ticket, "TRIAGE").await.ok();
    let timeline = t.ticket(&ticket).await["timeline"].clone();
    let note = timeline.as_array().and_then(|entries| entries.last()).expect("an entry").clone();
    assert_eq!((&note["kind"], &note["actor"]), (&json!("note"), &json!("guest-trap (plugin)")));
    let text = note["notes"].as_str().unwrap_or_default();
    assert!(text.starts_with("continued without the plugin: the plugin crashed"), "{text}");
}

async fn what_failed_on_a_new_ticket_is_noted_once(t: &TestApp) {
    t.install("guest-fickle", json!({ "post_create": "trap" })).await;
    let ticket = t.create_ticket(&t.shop).await;
    t.app.clock.advance(std::time::Duration::from_secs(60));
    repairops::tickets::enrich_due::run_due(&t.app).await.expect("the due work is tried");
    let timeline = t.ticket(&ticket).await["timeline"].clone();
    let notes: Vec<_> = timeline
        .as_array()
        .expect("a timeline")
        .iter()
        .filter(|entry| entry["actor"] == "guest-fickle (plugin)")
        .collect();
    assert_eq!(notes.len(), 1, "{timeline:#}");
}
