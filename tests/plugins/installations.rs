//! `/v1/installations`: validation, and changes that apply from the next request on.

use crate::support::{TestApp, both_databases, json};

both_databases![
    an_installation_has_sensible_defaults,
    settings_are_checked_against_the_schema,
    limits_hooks_and_grants_are_checked,
    a_patch_changes_what_it_names,
    a_gate_counts_from_the_next_request_until_it_is_off_or_gone,
    shop_ids_choose_the_tickets,
    the_order_decides,
];

async fn an_installation_has_sensible_defaults(t: &TestApp) {
    let plugin = t.upload("guest-fickle").await.id();
    let made = t.post("/v1/installations", json!({ "plugin_id": plugin })).await.expect_status(201);
    let id = made["id"].as_str().expect("an id").to_owned();
    assert_eq!(made.header("location"), Some(&*format!("/v1/installations/{id}")));
    let open = json!({ "order": 100, "mode": "enforce", "on_failure": "open" });
    let expected = json!({
        "id": id, "plugin_id": plugin, "settings": {}, "grants": [], "shop_ids": null,
        "limits": { "fuel": 10_000_000, "deadline_ms": 50, "wall_ms": 1_000, "memory_bytes": 33_554_432, "table_elements": 10_000,
                    "input_bytes": 1_048_576, "output_bytes": 262_144, "log_bytes": 8_192, "host_calls": 10_000 },
        "hooks": { "pre-transition": { "order": 100, "mode": "enforce", "on_failure": "closed" },
                   "post-create": open, "reserve-inventory": open },
        "created_at": made["created_at"], "updated_at": made["created_at"],
    });
    assert_eq!(
        made.body,
        crate::support::builders::merged(expected.clone(), json!({ "warnings": [] }))
    );
    assert_eq!(t.get(&format!("/v1/installations/{id}")).await.body, expected);
    t.install("guest-trap", json!({})).await;
    assert_eq!(t.get("/v1/installations").await["pagination"]["total"], 2);
    let list = t.get(&format!("/v1/installations?plugin_id={plugin}")).await.ok();
    assert_eq!(list["data"], json!([expected]));
}

async fn settings_are_checked_against_the_schema(t: &TestApp) {
    let plugin = t.upload("qc-gate").await.id();
    let install = async |settings| {
        t.post("/v1/installations", json!({ "plugin_id": plugin, "settings": settings })).await
    };
    assert_eq!(
        install(json!({ "approval_threshold": "much" }))
            .await
            .invalid("settings.approval_threshold"),
        "much"
    );
    assert_eq!(
        install(json!({ "approval_threshold": -1 })).await.invalid("settings.approval_threshold"),
        -1
    );
    let error = install(json!({ "threshold": 1 })).await.error(400, "INVALID_REQUEST");
    assert!(
        error["message"].as_str().is_some_and(|message| message.contains("threshold")),
        "{error:#}"
    );
    install(json!([])).await.invalid("settings");
    let id = install(json!({ "approval_threshold": 10 })).await.id();
    let wrong = json!({ "settings": { "approval_threshold": true } });
    assert_eq!(t.reconfigure(&id, wrong).await.invalid("settings.approval_threshold"), true);
    let triage = t.upload("intake-triage").await.id();
    let nested = json!({ "plugin_id": triage, "settings": { "prices": [{ "price": 1 }, { "price": "one" }] } });
    assert_eq!(t.post("/v1/installations", nested).await.invalid("settings.prices.1.price"), "one");
    assert_eq!(
        t.get(&format!("/v1/installations/{id}")).await["settings"],
        json!({ "approval_threshold": 10 })
    );
}

async fn limits_hooks_and_grants_are_checked(t: &TestApp) {
    let plugin = t.upload("guest-two-hooks").await.id();
    let install = async |more| {
        t.post(
            "/v1/installations",
            crate::support::builders::merged(json!({ "plugin_id": plugin }), more),
        )
        .await
    };
    for (name, above) in [
        ("fuel", 1_000_000_001_u64),
        ("deadline_ms", 1_001),
        ("memory_bytes", 128 * 1024 * 1024 + 1),
        ("table_elements", 100_001),
        ("input_bytes", 8 * 1024 * 1024 + 1),
        ("output_bytes", 1024 * 1024 + 1),
        ("log_bytes", 64 * 1024 + 1),
        ("host_calls", 100_001),
    ] {
        for value in [0, above] {
            assert_eq!(
                install(json!({ "limits": { name: value } }))
                    .await
                    .invalid(&format!("limits.{name}")),
                value
            );
        }
        let id = install(json!({ "limits": { name: above - 1 } })).await.id();
        t.delete(&format!("/v1/installations/{id}")).await.ok();
    }
    assert_eq!(install(json!({ "limits": { "patience": 1 } })).await.invalid("limits.patience"), 1);
    install(json!({ "hooks": { "pre-lunch": {} } })).await.invalid("hooks.pre-lunch");
    install(json!({ "hooks": { "reserve-inventory": {} } }))
        .await
        .invalid("hooks.reserve-inventory");
    let closed = json!({ "hooks": { "post-create": { "on_failure": "closed" } } });
    assert_eq!(install(closed).await.invalid("hooks.post-create.on_failure"), "closed");
    let mode = json!({ "hooks": { "post-create": { "mode": "maybe" } } });
    assert_eq!(install(mode).await.invalid("hooks.post-create.mode"), "maybe");
    assert_eq!(install(json!({ "grants": ["wasi:http"] })).await.invalid("grants"), "wasi:http");
    let nothing = "00000000-0000-7000-8000-000000000000";
    assert_eq!(
        install(json!({ "shop_ids": [t.shop, nothing] })).await.invalid("shop_ids"),
        nothing
    );
    assert_eq!(install(json!({ "plugin_id": nothing })).await.invalid("plugin_id"), nothing);
    let many = json!({ "shop_ids": vec![t.shop.as_str(); 1_001] });
    assert_eq!(install(many).await.invalid("shop_ids"), 1_001);
    assert_eq!(install(json!({ "grants": vec!["a"; 201] })).await.invalid("grants"), 201);
    let other = t.create_shop("Side Street").await;
    let twice = install(json!({ "shop_ids": [other, t.shop, other] })).await.expect_status(201);
    assert_eq!(twice["shop_ids"], json!([other, t.shop]), "each once, in their order");
}

async fn a_patch_changes_what_it_names(t: &TestApp) {
    let id = t.install("guest-two-hooks", json!({})).await;
    let path = format!("/v1/installations/{id}");
    let before = t.get(&path).await.ok();
    let body = json!({ "shop_ids": [t.shop], "hooks": { "post-create": { "order": -5 } } });
    let changed = t.reconfigure(&id, body).await.ok();
    assert_eq!(changed["shop_ids"], json!([t.shop]));
    assert_eq!(
        changed["hooks"]["post-create"],
        json!({ "order": -5, "mode": "enforce", "on_failure": "open" })
    );
    for field in ["plugin_id", "settings", "grants", "limits", "created_at"] {
        assert_eq!(changed[field], before[field], "{field}");
    }
    assert_eq!(changed["hooks"]["pre-transition"], before["hooks"]["pre-transition"]);
    assert_eq!(t.reconfigure(&id, json!({ "shop_ids": null })).await["shop_ids"], json!(null));
    t.reconfigure(&id, json!({ "plugin_id": before["plugin_id"] })).await.invalid("plugin_id");
}

async fn a_gate_counts_from_the_next_request_until_it_is_off_or_gone(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let id = t.install("guest-fickle", json!({ "do": "deny", "only_to": "TRIAGE" })).await;
    let denied = async || t.transition(&ticket, "TRIAGE").await.error(422, "PLUGIN_REJECTED");
    denied().await;
    let mode = |mode: &str| json!({ "hooks": { "pre-transition": { "mode": mode } } });
    t.reconfigure(&id, mode("off")).await.ok();
    assert_eq!(t.transition(&ticket, "TRIAGE").await.ok()["plugins"], json!([]));
    t.reconfigure(&id, mode("enforce")).await.ok();
    t.transition(&ticket, "DIAGNOSTICS").await.ok();
    denied().await;
    t.reconfigure(&id, json!({ "settings": { "do": "warn" } })).await.ok();
    t.transition(&ticket, "TRIAGE").await.ok();
    t.transition(&ticket, "DIAGNOSTICS").await.ok();
    t.reconfigure(&id, json!({ "settings": { "do": "deny" } })).await.ok();
    denied().await;
    let path = format!("/v1/installations/{id}");
    assert_eq!(t.delete(&path).await.expect_status(200)["plugin"], "guest-fickle");
    t.delete(&path).await.not_found();
    t.get(&path).await.not_found();
    t.reconfigure(&id, mode("off")).await.not_found();
    assert_eq!(t.transition(&ticket, "TRIAGE").await.ok()["plugins"], json!([]));
}

async fn shop_ids_choose_the_tickets(t: &TestApp) {
    let elm = t.create_shop("Elm Street").await;
    let more = json!({ "settings": { "do": "deny", "tag": "elm" }, "shop_ids": [elm] });
    t.install_with("guest-fickle", more).await;
    let (here, there) = (t.create_ticket(&t.shop).await, t.create_ticket(&elm).await);
    t.transition(&here, "TRIAGE").await.ok();
    t.transition(&there, "TRIAGE").await.error(422, "PLUGIN_REJECTED");
    assert_eq!(
        (&t.ticket(&here).await["tags"], &t.ticket(&there).await["tags"]),
        (&json!([]), &json!(["elm"]))
    );
}

async fn the_order_decides(t: &TestApp) {
    let first = t.install("guest-fickle", json!({ "tag": "first", "severity": "low" })).await;
    let second = t.install("guest-fickle", json!({ "tag": "second", "severity": "high" })).await;
    let outcome = async || {
        let ticket = t.create_ticket(&t.shop).await;
        let ran = t.transition(&ticket, "TRIAGE").await.ok()["plugins"].clone();
        let ticket = t.ticket(&ticket).await;
        (
            ticket["tags"].clone(),
            ticket["issue"]["severity"].clone(),
            ran[0]["installation_id"].clone(),
        )
    };
    assert_eq!(
        outcome().await,
        (json!(["first", "second"]), json!("high"), json!(first)),
        "the oldest first"
    );
    let last = json!({ "order": 200 });
    t.reconfigure(&first, json!({ "hooks": { "pre-transition": last, "post-create": last } }))
        .await
        .ok();
    assert_eq!(outcome().await, (json!(["second", "first"]), json!("low"), json!(second)));
    t.reconfigure(&second, json!({ "hooks": { "post-create": { "order": 201 } } })).await.ok();
    assert_eq!(
        outcome().await,
        (json!(["first", "second"]), json!("high"), json!(second)),
        "each hook by itself"
    );
}
