//! Authentication and authorization: keys, scopes, tiers, and the isolation of organizations.

use axum::http::Method;
use repairops::keys;
use repairops::model::people::Scope;

use crate::support::builders::{item_body, ticket_body};
use crate::support::{TestApp, both_databases, json};

both_databases![
    without_a_good_key_everything_is_a_401,
    a_revoked_key_is_a_401,
    a_scope_that_is_too_small_is_a_403,
    a_right_opens_what_the_scope_does_not,
    below_the_enterprise_tier_everything_is_a_403,
    another_organization_s_ids_are_not_found,
    lists_show_nothing_of_another_organization,
];

async fn without_a_good_key_everything_is_a_401(t: &TestApp) {
    let unknown = format!("Bearer ro_live_{}", "0".repeat(64));
    let (_, key) = t.create_key(Scope::Admin, "Office").await;
    let cases = [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some("Bearer ro_live_12"),
        Some(unknown.as_str()),
        Some(key.as_str()),
    ];
    let basic = format!("Basic {key}");
    let upper = format!("Bearer {}", key.to_uppercase());
    for authorization in cases.into_iter().chain([Some(basic.as_str()), Some(upper.as_str())]) {
        let client = t.authorized(authorization);
        for path in [
            "/v1/tickets",
            "/v1/customers",
            "/v1/inventory",
            "/v1/shops",
            "/v1/users",
            "/v1/plugins",
            "/v1/installations",
        ] {
            let reply = client.get(path).await;
            assert_eq!(
                reply.header("www-authenticate"),
                Some("Bearer"),
                "{path} {authorization:?}"
            );
            reply.error(401, "UNAUTHORIZED");
        }
        let reply = client.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await;
        reply.error(401, "UNAUTHORIZED");
    }
    t.authorized(Some(&format!("bearer {key}"))).get("/v1/tickets").await.ok();
    t.authorized(None).get("/healthz").await.expect_status(200);
}

async fn a_revoked_key_is_a_401(t: &TestApp) {
    let (id, key) = t.create_key(Scope::Read, "Lost laptop").await;
    let client = t.with_key(&key);
    client.get("/v1/tickets").await.ok();
    let mut tx = t.app.db.begin().await.expect("a transaction");
    keys::store::revoke(&mut tx, t.org, id, t.app.clock.now()).await.expect("revoked");
    tx.commit().await.expect("a commit");
    let error = client.get("/v1/tickets").await.error(401, "UNAUTHORIZED");
    assert_eq!(error["message"], "This API key was revoked");
}

async fn a_scope_that_is_too_small_is_a_403(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    let item = t.create_item(&t.shop, "SCREEN", 1).await;
    let writes = [
        (Method::POST, "/v1/tickets".to_owned()),
        (Method::PATCH, format!("/v1/tickets/{ticket}")),
        (Method::POST, format!("/v1/tickets/{ticket}/transition")),
        (Method::PATCH, format!("/v1/inventory/{item}")),
    ];
    let manages = [
        (Method::POST, "/v1/shops".to_owned()),
        (Method::POST, "/v1/users".to_owned()),
        (Method::POST, "/v1/inventory".to_owned()),
        (Method::POST, "/v1/plugins".to_owned()),
        (Method::POST, "/v1/installations".to_owned()),
        (Method::PATCH, format!("/v1/installations/{ticket}")),
        (Method::DELETE, format!("/v1/installations/{ticket}")),
    ];
    let too_small = async |client: &crate::support::client::Client,
                           has: &str,
                           needs: &str,
                           method: &Method,
                           path: &str| {
        let details = client.json(method.clone(), path, "{}").await.details(403, "FORBIDDEN");
        let mut expected = json!({ "reason": "scope", "required": needs, "scope": has });
        if path.starts_with("/v1/plugins") || path.starts_with("/v1/installations") {
            expected["right"] = json!("may_manage_plugins");
        }
        assert_eq!(details, expected, "{path}");
    };
    for (method, path) in &writes {
        too_small(&t.reader, "read", "write", method, path).await;
    }
    for (method, path) in &manages {
        too_small(&t.reader, "read", "admin", method, path).await;
        too_small(&t.writer, "write", "admin", method, path).await;
    }
    t.reader.get("/v1/installations").await.ok();
    t.writer.transition(&ticket, "TRIAGE").await.ok();
    t.writer.get(&format!("/v1/tickets/{ticket}")).await.ok();
}

async fn a_right_opens_what_the_scope_does_not(t: &TestApp) {
    let with = async |scope: &str, right: &str| {
        let body = json!({ "name": "Made", "scope": scope, right: true });
        let made = t.post("/v1/keys", body).await.ok();
        t.with_key(made["key"].as_str().expect("a key"))
    };
    let installation = "/v1/installations/00000000-0000-7000-8000-000000000000";
    for scope in ["read", "write"] {
        let manager = with(scope, "may_manage_plugins").await;
        manager.delete(installation).await.not_found();
        manager.post("/v1/plugins", json!({})).await.error(415, "UNSUPPORTED_MEDIA_TYPE");
        manager.get("/v1/keys").await.error(403, "FORBIDDEN");
        for other in ["may_read_runs", "may_override"] {
            let error = with(scope, other).await.delete(installation).await.error(403, "FORBIDDEN");
            let message = format!(
                "This request needs an API key of scope admin, or with may_manage_plugins; this key has scope {scope}"
            );
            assert_eq!(error["message"], message);
            let details = json!({ "reason": "scope", "required": "admin", "scope": scope,
                                  "right": "may_manage_plugins" });
            assert_eq!(error["details"], details);
        }
    }
    let reader = with("read", "may_manage_plugins").await;
    reader.post("/v1/tickets", json!({})).await.error(403, "FORBIDDEN");
}

async fn below_the_enterprise_tier_everything_is_a_403(t: &TestApp) {
    let small = t.organization("Kiosk", "professional").await;
    for reply in
        [small.get("/v1/tickets").await, small.post("/v1/shops", json!({ "name": "Kiosk" })).await]
    {
        let details = reply.details(403, "FORBIDDEN");
        assert_eq!(details, json!({ "reason": "tier", "tier": "professional" }));
    }
}

async fn another_organization_s_ids_are_not_found(t: &TestApp) {
    let stranger = t.stranger().await;
    let ticket = t.create_ticket(&t.shop).await;
    let item = t.create_item(&t.shop, "SCREEN", 1).await;
    let user = t.create_technician("Alice Tech").await;
    let plugin = t.upload("qc-gate").await.id();
    let installation = t.install("qc-gate", json!({})).await;
    let detail = t.ticket(&ticket).await;
    let customer = detail["customer"]["id"].as_str().expect("an id");
    for path in [
        format!("/v1/tickets/{ticket}"),
        format!("/v1/customers/{customer}"),
        format!("/v1/inventory/{item}"),
        format!("/v1/shops/{}", t.shop),
        format!("/v1/users/{user}"),
        format!("/v1/plugins/{plugin}"),
        format!("/v1/installations/{installation}"),
    ] {
        t.get(&path).await.expect_status(200);
        stranger.get(&path).await.not_found();
    }
    stranger.change(&ticket, json!({ "labor_hours": 1 })).await.not_found();
    stranger.transition(&ticket, "TRIAGE").await.not_found();
    stranger.patch(&format!("/v1/inventory/{item}"), json!({ "quantity": 9 })).await.not_found();
    stranger.reconfigure(&installation, json!({ "settings": {} })).await.not_found();
    stranger.delete(&format!("/v1/installations/{installation}")).await.not_found();
    assert_eq!(t.ticket(&ticket).await, detail, "nothing changed");
    assert_eq!(t.stock(&item).await, (1, 0, 1));
    t.get(&format!("/v1/installations/{installation}")).await.expect_status(200);

    // In a body, the field is named.
    let shop = stranger.create_shop("Other Avenue").await;
    let own = stranger.create_ticket(&shop).await;
    stranger.post("/v1/tickets", ticket_body(&t.shop, json!({}))).await.invalid("shop_id");
    stranger
        .post("/v1/tickets", ticket_body(&shop, json!({ "actor_id": user })))
        .await
        .invalid("actor_id");
    stranger
        .post("/v1/inventory", item_body(&t.shop, "SCREEN", json!({})))
        .await
        .invalid("shop_id");
    assert_eq!(
        stranger.change(&own, json!({ "assigned_to": user })).await.invalid("assigned_to"),
        user.as_str()
    );
    let parts = json!([{ "inventory_id": item, "quantity": 1 }]);
    assert_eq!(
        stranger.change(&own, json!({ "parts": parts })).await.invalid("parts[0].inventory_id"),
        item.as_str()
    );
    stranger.post("/v1/installations", json!({ "plugin_id": plugin })).await.invalid("plugin_id");
    let own_plugin = stranger.upload("qc-gate").await.expect_status(201).id();
    assert_ne!(own_plugin, plugin, "the component is shared, the plugin is not");
    let body = json!({ "plugin_id": own_plugin, "shop_ids": [t.shop] });
    stranger.post("/v1/installations", body).await.invalid("shop_ids");
}

async fn lists_show_nothing_of_another_organization(t: &TestApp) {
    let stranger = t.stranger().await;
    t.create_ticket(&t.shop).await;
    t.create_item(&t.shop, "SCREEN", 1).await;
    t.create_technician("Alice Tech").await;
    t.install("guest-two-hooks", json!({})).await;
    for path in ["tickets", "customers", "inventory", "shops", "users", "plugins", "installations"]
    {
        let path = format!("/v1/{path}");
        assert_eq!(t.get(&path).await["pagination"]["total"], 1, "{path}");
        let theirs = stranger.get(&path).await.ok();
        assert_eq!(
            (&theirs["data"], &theirs["pagination"]["total"]),
            (&json!([]), &json!(0)),
            "{path}"
        );
    }
    let shop = stranger.create_shop("Other Avenue").await;
    let ticket = stranger.create_ticket(&shop).await;
    assert_eq!(
        stranger.ticket(&ticket).await["number"],
        "T000001",
        "numbers are each organization's own"
    );
    assert_eq!(stranger.ticket(&ticket).await["tags"], json!([]), "and so are plugins");
    assert_eq!(
        stranger.get(&format!("/v1/tickets?shop_id={}", t.shop)).await["pagination"]["total"],
        0
    );
}
