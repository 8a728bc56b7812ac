//! A plugin is upgraded without a gap and taken back in one call.

use serde_json::Value;

use crate::support::builders::{build_of, with_text};
use crate::support::components::component;
use crate::support::databases::dump;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_plugin_is_upgraded_and_taken_back,
    a_preview_says_what_differs_and_writes_nothing,
    what_cannot_be_upgraded_is_said,
    new_hooks_come_off,
    the_other_node_has_the_new_build_at_once,
    no_request_is_judged_by_none_or_by_both,
    one_name_is_asked_once_for_a_shop_and_hook,
    what_was_there_twice_before_the_rule_stays_and_the_doctor_says_so,
    uninstalling_says_what_is_left,
    a_past_build_can_be_deleted,
    fields_that_two_plugins_set_are_said_when_one_is_installed,
];

async fn uploaded(t: &TestApp, bytes: &[u8]) -> String {
    t.upload_bytes(bytes).await.id()
}

fn of(installation: &str, rest: &str) -> String {
    format!("/v1/installations/{installation}/{rest}")
}

/// The version of the plugin that judges a transition now.
async fn judged_by(t: &TestApp) -> Value {
    let ticket = t.create_ticket(&t.shop).await;
    let done = t.transition(&ticket, "TRIAGE").await.ok();
    assert_eq!(done["plugins"].as_array().map(Vec::len), Some(1), "{done}");
    done["plugins"][0]["version"].clone()
}

async fn a_plugin_is_upgraded_and_taken_back(t: &TestApp) {
    let id = t.install("guest-fickle", json!({ "do": "warn" })).await;
    let next = uploaded(t, &build_of("guest-fickle", "0.2.0")).await;
    assert_eq!(judged_by(t).await, "0.1.0");
    let known = t.events().await.len();
    let upgraded = t.post(&of(&id, "upgrade"), json!({ "plugin_id": next })).await.ok();
    assert_eq!(
        (&upgraded["plugin_id"], &upgraded["settings"]["do"]),
        (&json!(next), &json!("warn"))
    );
    assert_eq!(judged_by(t).await, "0.2.0");
    t.reconfigure(&id, json!({ "settings": { "do": "allow" } })).await.ok();
    let back = t.post(&of(&id, "rollback"), json!({})).await.ok();
    assert_eq!(back["settings"]["do"], "warn", "the settings of that time");
    assert_eq!(judged_by(t).await, "0.1.0");
    let forth = t.post(&of(&id, "rollback"), json!({})).await.ok();
    assert_eq!((&forth["plugin_id"], &forth["settings"]["do"]), (&json!(next), &json!("allow")));
    let names: Vec<String> = t.event_names_after(known).await;
    let of_plugins: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| name.starts_with("plugin.")).collect();
    assert_eq!(
        of_plugins,
        ["plugin.upgraded", "plugin.updated", "plugin.rolled_back", "plugin.rolled_back"]
    );
    let versions = t.get(&of(&id, "versions")).await.ok();
    let rows = versions["data"].as_array().expect("versions");
    let told: Vec<Value> = rows
        .iter()
        .map(|row| json!([row["n"], row["version"], row["state"], row["reason"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!([4, "0.2.0", "current", "rolled_back"]),
            json!([3, "0.1.0", "past", "rolled_back"]),
            json!([2, "0.2.0", "past", "upgraded"]),
            json!([1, "0.1.0", "past", "installed"]),
        ]
    );
    assert!(rows.iter().all(|row| row["actor"].as_str().is_some_and(|actor| !actor.is_empty())));
    assert_eq!((&rows[0]["ended_at"], rows[1]["ended_at"].is_null()), (&json!(null), false));
    let first = t.post(&of(&id, "rollback"), json!({ "n": 1 })).await.ok();
    assert_eq!(first["settings"]["do"], "warn");
    t.stranger().await.get(&of(&id, "versions")).await.not_found();
}

async fn a_preview_says_what_differs_and_writes_nothing(t: &TestApp) {
    let id = t.install("guest-fickle", json!({ "do": "warn" })).await;
    let next = uploaded(t, &build_of("guest-fickle", "0.2.0")).await;
    let before = dump(&t.app).await;
    let path = of(&id, &format!("upgrade-preview?plugin_id={next}"));
    let preview = t.get(&path).await.ok();
    assert_eq!((&preview["can_upgrade"], &preview["reasons"]), (&json!(true), &json!([])));
    assert_eq!(
        (&preview["from"]["version"], &preview["to"]["version"]),
        (&json!("0.1.0"), &json!("0.2.0"))
    );
    for empty in [
        "permissions_added",
        "permissions_removed",
        "hooks_added",
        "hooks_removed",
        "grants_missing",
    ] {
        assert_eq!(preview[empty], json!([]), "{empty}");
    }
    assert_eq!((&preview["settings"]["fit"], &preview["decisions"]), (&json!(true), &json!(null)));
    assert_eq!(dump(&t.app).await, before);
}

async fn what_cannot_be_upgraded_is_said(t: &TestApp) {
    let id = t.install("guest-fickle", json!({})).await;
    let own = uploaded(t, component("guest-fickle")).await;
    let details =
        t.post(&of(&id, "upgrade"), json!({ "plugin_id": own })).await.details(409, "CONFLICT");
    assert_eq!(details["reason"], "same_build");
    let other = uploaded(t, component("qc-gate")).await;
    t.post(&of(&id, "upgrade"), json!({ "plugin_id": other })).await.invalid("plugin_id");
    let preview = t.get(&of(&id, &format!("upgrade-preview?plugin_id={other}"))).await.ok();
    assert_eq!(preview["can_upgrade"], false);
    let details = t.post(&of(&id, "rollback"), json!({})).await.details(409, "CONFLICT");
    assert_eq!(details["reason"], "no_past_version");
    t.post(&of(&id, "rollback"), json!({ "n": 7 })).await.invalid("n");
    let next = uploaded(t, &build_of("guest-fickle", "0.2.0")).await;
    let body = json!({ "plugin_id": next, "grants": ["repairops:plugin/everything"] });
    t.post(&of(&id, "upgrade"), body).await.invalid("grants");
    let body = json!({ "plugin_id": next, "settings": 7 });
    t.post(&of(&id, "upgrade"), body).await.invalid("settings");
    assert_eq!(judged_by(t).await, "0.1.0", "the old build keeps running");
    t.writer.post(&of(&id, "upgrade"), json!({ "plugin_id": next })).await.error(403, "FORBIDDEN");
}

async fn new_hooks_come_off(t: &TestApp) {
    // A plugin with one hook, under the name of one with two.
    let renamed = |package: &str, version: &str| {
        let named =
            with_text(component(package), "repairops:name", |_| "guest-two-hooks".to_owned());
        with_text(&named, "repairops:version", |_| version.to_owned())
    };
    let gate = uploaded(t, &renamed("guest-log-flood", "0.1.0")).await;
    let id = t.post("/v1/installations", json!({ "plugin_id": gate })).await.id();
    let next = uploaded(t, &renamed("guest-two-hooks", "0.2.0")).await;
    let preview = t.get(&of(&id, &format!("upgrade-preview?plugin_id={next}"))).await.ok();
    assert!(preview["hooks_added"].as_array().is_some_and(|hooks| !hooks.is_empty()));
    let upgraded = t.post(&of(&id, "upgrade"), json!({ "plugin_id": next })).await.ok();
    let hooks = upgraded["hooks"].as_object().expect("hooks");
    for (hook, setup) in hooks {
        let is_new =
            preview["hooks_added"].as_array().is_some_and(|new| new.contains(&json!(hook)));
        assert_eq!(setup["mode"], if is_new { "off" } else { "enforce" }, "{hook}");
    }
}

async fn the_other_node_has_the_new_build_at_once(t: &TestApp) {
    let id = t.install("guest-fickle", json!({ "do": "warn" })).await;
    let next = uploaded(t, &build_of("guest-fickle", "0.2.0")).await;
    let node = t.node(|_| {}).await;
    let asked = async || {
        let ticket = t.create_ticket(&t.shop).await;
        let path = format!("/v1/tickets/{ticket}/transition");
        let done = node.admin.post(&path, json!({ "new_status": "TRIAGE" })).await.ok();
        done["plugins"][0]["version"].clone()
    };
    assert_eq!(asked().await, "0.1.0");
    t.post(&of(&id, "upgrade"), json!({ "plugin_id": next })).await.ok();
    assert_eq!(asked().await, "0.2.0");
    t.post(&of(&id, "rollback"), json!({})).await.ok();
    assert_eq!(asked().await, "0.1.0");
}

async fn no_request_is_judged_by_none_or_by_both(t: &TestApp) {
    let id = t.install("guest-fickle", json!({ "do": "warn" })).await;
    let next = uploaded(t, &build_of("guest-fickle", "0.2.0")).await;
    let mut tickets = Vec::new();
    for _ in 0..160 {
        tickets.push(t.create_ticket(&t.shop).await);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for chunk in tickets.chunks(20) {
        let (client, chunk) = (t.admin.clone(), chunk.to_vec());
        tasks.spawn(async move {
            let mut versions = Vec::new();
            for ticket in chunk {
                let path = format!("/v1/tickets/{ticket}/transition");
                let done = client.post(&path, json!({ "new_status": "TRIAGE" })).await.ok();
                let ran = done["plugins"].as_array().expect("runs");
                assert_eq!(ran.len(), 1, "{done}");
                versions.push(ran[0]["version"].as_str().expect("a version").to_owned());
            }
            versions
        });
    }
    t.post(&of(&id, "upgrade"), json!({ "plugin_id": next })).await.ok();
    let versions: Vec<String> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(versions.len(), 160);
    assert!(versions.iter().all(|version| version == "0.1.0" || version == "0.2.0"));
    assert_eq!(judged_by(t).await, "0.2.0");
}

async fn one_name_is_asked_once_for_a_shop_and_hook(t: &TestApp) {
    let first = uploaded(t, component("guest-fickle")).await;
    let second = uploaded(t, &build_of("guest-fickle", "0.2.0")).await;
    let elm = t.create_shop("Elm Street").await;
    let id =
        t.post("/v1/installations", json!({ "plugin_id": first, "shop_ids": [t.shop] })).await.id();
    let details =
        t.post("/v1/installations", json!({ "plugin_id": second })).await.details(409, "CONFLICT");
    assert_eq!(
        (&details["reason"], &details["installation_id"]),
        (&json!("already_installed"), &json!(id))
    );
    let body = json!({ "plugin_id": second, "shop_ids": [elm] });
    let other = t.post("/v1/installations", body).await.id();
    t.reconfigure(&other, json!({ "shop_ids": null })).await.error(409, "CONFLICT");
    let off = json!({ "shop_ids": null, "hooks": { "pre-transition": { "mode": "off" }, "post-create": { "mode": "off" }, "reserve-inventory": { "mode": "off" } } });
    t.reconfigure(&other, off).await.ok();
    let on = json!({ "hooks": { "pre-transition": { "mode": "monitor" } } });
    t.reconfigure(&other, on).await.error(409, "CONFLICT");
}

async fn what_was_there_twice_before_the_rule_stays_and_the_doctor_says_so(t: &TestApp) {
    let first = t.install("guest-fickle", json!({})).await;
    let second = uploaded(t, &build_of("guest-fickle", "0.2.0")).await;
    let off = json!({ "plugin_id": second, "hooks": { "pre-transition": { "mode": "off" }, "post-create": { "mode": "off" }, "reserve-inventory": { "mode": "off" } } });
    let other = t.post("/v1/installations", off).await.id();
    let doctor = async || {
        let found = repairops::doctor::examine(&t.app.db, &t.app.secrets).await.expect("an answer");
        found.into_iter().map(|problem| problem.problem).collect::<Vec<String>>()
    };
    assert_eq!(doctor().await, [""; 0]);
    // As an older server stored it.
    let mut tx = t.app.db.begin().await.expect("a transaction");
    let hooks = t.get(&format!("/v1/installations/{first}")).await.ok()["hooks"].clone();
    repairops::execute!(
        tx,
        "update installations set hooks = $1 where org_id = $2",
        sqlx::types::Json(&hooks),
        t.org
    )
    .expect("the installations");
    tx.commit().await.expect("a commit");
    let found = doctor().await;
    assert!(!found.is_empty() && found[0].contains("guest-fickle"), "{found:?}");
    t.reconfigure(&other, json!({ "hooks": { "pre-transition": { "order": 7 } } })).await.ok();
    t.delete(&format!("/v1/installations/{other}")).await.ok();
    assert_eq!(doctor().await, [""; 0]);
}

async fn uninstalling_says_what_is_left(t: &TestApp) {
    let id = t.install("intake-triage", json!({})).await;
    let more = json!({ "issue_description": "Cracked screen, water damage" });
    t.create_ticket_with(&t.shop, more).await;
    let removed = t.delete(&format!("/v1/installations/{id}")).await.ok();
    assert_eq!((&removed["id"], &removed["plugin"]), (&json!(id), &json!("intake-triage")));
    assert!(removed["fields"].as_i64().is_some_and(|fields| fields > 0), "{}", removed["leaves"]);
    assert_eq!(removed["pending"], 0);
    assert!(removed["leaves"].as_array().is_some_and(|leaves| leaves.len() > 1));
    t.get(&of(&id, "versions")).await.not_found();
}

async fn a_past_build_can_be_deleted(t: &TestApp) {
    let id = t.install("guest-fickle", json!({})).await;
    let old = t.get(&format!("/v1/installations/{id}")).await.ok()["plugin_id"].clone();
    let next = uploaded(t, &build_of("guest-fickle", "0.2.0")).await;
    t.post(&of(&id, "upgrade"), json!({ "plugin_id": next })).await.ok();
    t.delete(&format!("/v1/plugins/{next}")).await.error(409, "PLUGIN_IN_USE");
    t.delete(&format!("/v1/plugins/{}", old.as_str().expect("an id"))).await.expect_status(204);
    let versions = t.get(&of(&id, "versions")).await.ok();
    assert_eq!(versions["data"][1]["plugin_id"], json!(null));
    let details = t.post(&of(&id, "rollback"), json!({})).await.details(409, "CONFLICT");
    assert_eq!(details["reason"], "build_deleted");
}

async fn fields_that_two_plugins_set_are_said_when_one_is_installed(t: &TestApp) {
    let first = uploaded(t, component("guest-judge")).await;
    let judge = json!({ "plugin_id": first, "settings": { "severity": "low" } });
    let installed = t.post("/v1/installations", judge.clone()).await.expect_status(201);
    assert_eq!(installed["warnings"], json!([]));
    t.install("intake-triage", json!({})).await;
    let more = json!({ "issue_description": "Cracked screen, water damage" });
    t.create_ticket_with(&t.shop, more.clone()).await;
    t.delete(&format!("/v1/installations/{}", installed["id"].as_str().expect("an id"))).await.ok();
    t.create_ticket_with(&t.shop, more).await;
    // Field sources name the last plugin to set a field of a ticket, so each of the two was it once.
    let other = t.post("/v1/installations", judge).await.expect_status(201);
    let order = json!({ "hooks": { "post-create": { "order": 900 } } });
    t.reconfigure(other["id"].as_str().expect("an id"), order).await.ok();
    let more = json!({ "issue_description": "Cracked screen" });
    t.create_ticket_with(&t.shop, more).await;
    t.delete(&format!("/v1/installations/{}", other["id"].as_str().expect("an id"))).await.ok();
    let again = json!({ "plugin_id": first, "settings": { "severity": "low" } });
    let again = t.post("/v1/installations", again).await.expect_status(201);
    let warned = again["warnings"][0].as_str().expect("a warning");
    assert!(warned.contains("intake-triage") && warned.contains("issue.severity"), "{warned}");
}
