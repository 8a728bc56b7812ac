//! Plugins that loop, crash, sleep, or use too much memory or log: each is stopped at its limit and named, and the
//! server continues.

use serde_json::Value;

use crate::support::builders::merged;
use crate::support::{TestApp, all_at_once, both_databases, json};

both_databases![
    fail_closed_is_a_422_that_names_plugin_figure_and_limit,
    fail_open_is_a_warning,
    a_flood_of_log_is_cut_and_harmless,
    one_request_has_one_budget,
    a_full_queue_is_a_503_at_once,
    what_the_node_did_not_give_is_a_503_and_no_failure_of_the_plugin,
];

const MIB: u64 = 1024 * 1024;

/// A guest that is stopped, and how.
struct Breaker {
    package: &'static str,
    /// Of its installation.
    limits: Value,
    outcome: &'static str,
    /// The limit that the error names.
    limit: Option<u64>,
    /// The least that the error says was used.
    used: Option<u64>,
}

fn breakers() -> impl Iterator<Item = Breaker> {
    let looping = json!({ "fuel": 1_000_000_000, "deadline_ms": 10 });
    [
        ("guest-loop-forever", json!({}), "fuel", Some(10_000_000), Some(9_900_000)),
        ("guest-loop-forever", looping, "deadline", Some(10), Some(10)),
        ("guest-trap", json!({}), "trap", None, None),
        ("guest-memory-bomb", json!({}), "memory", Some(32 * MIB), Some(32 * MIB + 1)),
        ("guest-sleeper", json!({}), "deadline", Some(1_000), Some(3_600_000)),
        ("guest-huge-output", json!({}), "output", Some(262_144), None),
        ("guest-bad-output", json!({}), "bad_output", None, None),
        ("guest-guest-error", json!({}), "error", None, None),
        ("guest-log-flood", json!({ "host_calls": 100 }), "host_calls", Some(100), None),
        ("qc-gate", json!({ "input_bytes": 100 }), "input", Some(100), Some(101)),
        ("qc-gate", json!({ "memory_bytes": 65_536 }), "memory", Some(65_536), Some(65_537)),
        ("qc-gate", json!({ "table_elements": 1 }), "table", Some(1), Some(2)),
    ]
    .into_iter()
    .map(|(package, limits, outcome, limit, used)| {
        let limits = merged(json!({ "deadline_ms": 1_000 }), limits);
        Breaker { package, limits, outcome, limit, used }
    })
}

async fn fail_closed_is_a_422_that_names_plugin_figure_and_limit(t: &TestApp) {
    let elm = t.create_shop("Elm Street").await;
    let (here, there) = (t.create_ticket(&t.shop).await, t.create_ticket(&elm).await);
    let mut to = ["TRIAGE", "DIAGNOSTICS"].into_iter().cycle();
    for Breaker { package, limits, outcome, limit, used } in breakers() {
        let id = t.install_with(package, json!({ "limits": limits, "shop_ids": [elm] })).await;
        let reply = t.transition(&there, "TRIAGE").await;
        assert_eq!(reply.header("retry-after"), None, "{package}: a retry fails again");
        let details = reply.details(422, "PLUGIN_FAILED");
        assert_eq!(
            (&details["plugin"], &details["hook"]),
            (&json!(package), &json!("pre-transition"))
        );
        assert_eq!(details["outcome"], outcome, "{package}: {details:#}");
        assert_figures(&details["error"], limit, used);
        assert_eq!(details["plugins"][0]["error"], details["error"], "{package}");
        assert!(!details.to_string().contains("backtrace"), "{details:#}");
        assert_eq!(t.ticket(&there).await["status"], "INTAKE", "{package}");
        // The next request is served as before.
        t.transition(&here, to.next().expect("a status")).await.ok();
        t.delete(&format!("/v1/installations/{id}")).await.expect_status(200);
    }
    t.transition(&there, "TRIAGE").await.ok();
}

fn assert_figures(error: &Value, limit: Option<u64>, used: Option<u64>) {
    assert_eq!(error["limit"].as_u64(), limit, "{error:#}");
    match used {
        Some(least) => {
            assert!(error["used"].as_u64().is_some_and(|used| used >= least), "{error:#}")
        }
        None => assert_eq!(error["used"], json!(null)),
    }
    let message = error["message"].as_str().expect("a message");
    if let Some(limit) = limit {
        assert!(message.contains(&limit.to_string()), "{message}");
    }
}

async fn fail_open_is_a_warning(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let mut to = ["TRIAGE", "DIAGNOSTICS"].into_iter().cycle();
    for Breaker { package, limits, outcome, limit, used } in breakers() {
        let hooks = json!({ "pre-transition": { "on_failure": "open" } });
        let id = t.install_with(package, json!({ "limits": limits, "hooks": hooks })).await;
        let done = t.transition(&ticket, to.next().expect("a status")).await.ok();
        let ran = &done["plugins"][0];
        assert_eq!(
            (&ran["plugin"], &ran["outcome"]),
            (&json!(package), &json!(outcome)),
            "{done:#}"
        );
        assert_figures(&ran["error"], limit, used);
        let warning = &done["warnings"][0];
        assert_eq!(
            (&warning["plugin"], &warning["code"]),
            (&json!(package), &json!("PLUGIN_FAILED_OPEN"))
        );
        assert_eq!(warning["message"], ran["error"]["message"]);
        t.delete(&format!("/v1/installations/{id}")).await.expect_status(200);
    }
}

async fn a_flood_of_log_is_cut_and_harmless(t: &TestApp) {
    t.install("guest-log-flood", json!({})).await;
    let ticket = t.create_ticket(&t.shop).await;
    let done = t.transition(&ticket, "TRIAGE").await.ok();
    assert_eq!(
        (&done["plugins"][0]["outcome"], &done["warnings"]),
        (&json!("allowed"), &json!([]))
    );
}

async fn one_request_has_one_budget(t: &TestApp) {
    let node = t.node(|config| config.request_budget_ms = 15).await;
    let more = json!({
        "limits": { "fuel": 1_000_000_000, "deadline_ms": 10 },
        "hooks": { "pre-transition": { "on_failure": "open" } },
    });
    for _ in 0..3 {
        t.install_with("guest-loop-forever", more.clone()).await;
    }
    t.install("qc-gate", json!({})).await;
    let ticket = t.create_ticket(&t.shop).await;
    let details = node.admin.transition(&ticket, "TRIAGE").await.details(503, "PLUGIN_UNAVAILABLE");
    let ran = details["plugins"].as_array().expect("a list");
    assert_eq!((&ran[0]["outcome"], &ran[0]["error"]["limit"]), (&json!("deadline"), &json!(10)));
    assert_eq!(ran[2]["outcome"], "budget", "nothing is left for the third");
    assert!(
        ran[2]["error"]["message"].as_str().is_some_and(|message| message.contains("15 ms")),
        "{details:#}"
    );
    assert_eq!(
        (&details["plugin"], &details["outcome"]),
        (&json!("qc-gate"), &json!("budget")),
        "no gate is skipped"
    );
}

async fn a_full_queue_is_a_503_at_once(t: &TestApp) {
    let node = t
        .node(|config| {
            config.guests.guest_threads = 1;
            config.guests.guest_queue = 1;
        })
        .await;
    let limits = json!({ "fuel": 1_000_000_000, "deadline_ms": 100 });
    t.install_with("guest-loop-forever", json!({ "limits": limits })).await;
    let ticket = t.create_ticket(&t.shop).await;
    let replies = all_at_once((0..4).map(|_| node.admin.transition(&ticket, "TRIAGE"))).await;
    let (busy, others): (Vec<_>, Vec<_>) =
        replies.into_iter().partition(|reply| reply["error"]["details"]["outcome"] == "busy");
    assert!(!busy.is_empty() && !others.is_empty(), "{busy:?} {others:?}");
    for reply in busy {
        assert_eq!(reply.header("retry-after"), Some("1"));
        reply.error(503, "PLUGIN_UNAVAILABLE");
    }
    for reply in others {
        reply.error(422, "PLUGIN_FAILED");
    }
    t.get("/v1/tickets").await.ok();
}

/// The wall clock ends the call before its processor time does, as on a node that has other things to do.
async fn what_the_node_did_not_give_is_a_503_and_no_failure_of_the_plugin(t: &TestApp) {
    let limits = json!({ "fuel": 1_000_000_000, "deadline_ms": 1_000, "wall_ms": 5 });
    let id = t.install_with("guest-loop-forever", json!({ "limits": limits })).await;
    let ticket = t.create_ticket(&t.shop).await;
    let known = t.events().await.len();
    let reply = t.transition(&ticket, "TRIAGE").await;
    assert_eq!(reply.header("retry-after"), Some("1"));
    let details = reply.details(503, "PLUGIN_UNAVAILABLE");
    assert_eq!((&details["outcome"], &details["error"]["limit"]), (&json!("wall"), &json!(5)));
    repairops::plugins::report_failures::write(&t.app).await;
    assert_eq!(t.event_names_after(known).await.len(), 0, "no plugin.failed");

    let limits = json!({ "deadline_ms": 5, "wall_ms": 20_000 });
    t.reconfigure(&id, json!({ "limits": limits })).await.ok();
    let details = t.transition(&ticket, "TRIAGE").await.details(422, "PLUGIN_FAILED");
    assert_eq!((&details["outcome"], &details["error"]["limit"]), (&json!("deadline"), &json!(5)));
    repairops::plugins::report_failures::write(&t.app).await;
    assert_eq!(t.event_names_after(known).await, ["plugin.updated", "plugin.failed"]);
}
