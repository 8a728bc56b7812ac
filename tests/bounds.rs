//! What one organization may have: bounds on its resources, exact however many requests come at once.

use std::time::Duration;

use repairops::model::people::Scope;
use serde_json::Value;

use crate::support::client::Client;
use crate::support::components::from_text;
use crate::support::reply::Reply;
use crate::support::{TestApp, all_at_once, both_databases, json};

both_databases![
    shops_and_users_are_bounded,
    valid_keys_are_bounded,
    a_rotation_needs_room_for_both_keys,
    installations_are_bounded,
    plugins_and_their_bytes_are_bounded,
    settings_have_a_size_limit,
];

/// Of these exactly so many were created; the others say which bound is reached.
fn expect_created(replies: Vec<Reply>, created: usize, details: &Value) {
    let count = replies.len();
    let refused: Vec<Reply> = replies.into_iter().filter(|reply| reply.status != 201).collect();
    assert_eq!(count - refused.len(), created, "{refused:#?}");
    for reply in refused {
        assert_eq!(reply.details(409, "LIMIT_REACHED"), *details);
    }
}

fn full(limit: &str, maximum: i64) -> Value {
    json!({ "limit": limit, "maximum": maximum, "current": maximum })
}

async fn twenty(client: &Client, path: &str, body: impl Fn(usize) -> Value) -> Vec<Reply> {
    all_at_once((0..20).map(|number| client.post(path, body(number)))).await
}

async fn total(t: &TestApp, path: &str) -> Value {
    t.get(path).await.ok()["pagination"]["total"].clone()
}

async fn shops_and_users_are_bounded(t: &TestApp) {
    let node = t
        .node(|config| {
            config.bounds.shops_max = 6; // one is there
            config.bounds.users_max = 7;
        })
        .await;
    let shop = |number| json!({ "name": format!("Shop {number}") });
    expect_created(twenty(&node.admin, "/v1/shops", shop).await, 5, &full("shops", 6));
    assert_eq!(total(t, "/v1/shops").await, 6);
    let user = |number| json!({ "name": "Sam", "email": format!("sam{number}@shop.example"), "role": "technician" });
    expect_created(twenty(&node.admin, "/v1/users", user).await, 7, &full("users", 7));
    assert_eq!(total(t, "/v1/users").await, 7);
    let error = node.admin.post("/v1/shops", shop(0)).await.error(409, "LIMIT_REACHED");
    let message = error["message"].as_str().expect("a message");
    assert!(message.contains("at most 6 shops") && message.contains("operator"), "{message}");
    // Each organization has its own bound, and changes are no creations.
    let other = node.admin.authorized(Some(t.stranger().await.authorization()));
    other.post("/v1/shops", shop(0)).await.expect_status(201);
    let change = json!({ "name": "Harbour Street" });
    node.admin.patch(&format!("/v1/shops/{}", t.shop), change).await.ok();
    node.app.db.close().await;
}

async fn valid_keys_are_bounded(t: &TestApp) {
    // Three of the test and one of the node are there.
    let node = t.node(|config| config.bounds.api_keys_max = 9).await;
    let key = |number: usize| json!({ "name": format!("Key {number}"), "scope": "read" });
    let replies = twenty(&node.admin, "/v1/keys", key).await;
    let made = replies.iter().find(|reply| reply.status == 201).expect("a key").body["id"].clone();
    expect_created(replies, 5, &full("api_keys", 9));
    let one_more = || node.admin.post("/v1/keys", key(0));
    one_more().await.error(409, "LIMIT_REACHED");

    node.admin
        .delete(&format!("/v1/keys/{}", made.as_str().expect("an id")))
        .await
        .expect_status(204);
    let soon = node.app.clock.now() + Duration::from_secs(3_600);
    let expiring = json!({ "name": "For an hour", "scope": "read", "expires_at": soon });
    node.admin.post("/v1/keys", expiring).await.expect_status(201);
    one_more().await.error(409, "LIMIT_REACHED");
    node.app.clock.advance(Duration::from_secs(3_601));
    one_more().await.expect_status(201);
    one_more().await.error(409, "LIMIT_REACHED");
    // An operator is not bound: an organization without a usable key needs one.
    t.create_key(Scope::Admin, "From the operator").await;
    node.app.db.close().await;
}

async fn a_rotation_needs_room_for_both_keys(t: &TestApp) {
    let node = t.node(|config| config.bounds.api_keys_max = 5).await;
    let body = json!({ "name": "Till", "scope": "read" });
    let key = node.admin.post("/v1/keys", body).await.id();
    let path = format!("/v1/keys/{key}/rotate");
    let error = node.admin.post(&path, json!({})).await.error(409, "LIMIT_REACHED");
    assert_eq!(error["details"], full("api_keys", 5));
    assert!(error["message"].as_str().is_some_and(|text| text.contains("overlap_hours 0")));
    node.admin.post(&path, json!({ "overlap_hours": 0 })).await.expect_status(201);
    node.app.db.close().await;
}

async fn installations_are_bounded(t: &TestApp) {
    let node = t.node(|config| config.bounds.installations_max = 4).await;
    let plugin = node.admin.upload("guest-trap").await.id();
    let off = json!({ "pre-transition": { "mode": "off" } });
    let body = |_| json!({ "plugin_id": plugin, "hooks": off });
    let replies = twenty(&node.admin, "/v1/installations", body).await;
    let made = replies.iter().find(|reply| reply.status == 201).expect("one").body["id"].clone();
    expect_created(replies, 4, &full("installations", 4));
    assert_eq!(total(t, "/v1/installations").await, 4);
    let path = format!("/v1/installations/{}", made.as_str().expect("an id"));
    node.admin.delete(&path).await.expect_status(200);
    node.admin.post("/v1/installations", body(0)).await.expect_status(201);
    node.app.db.close().await;
}

/// Another component for each number, of the same size below 10.
fn numbered(number: usize) -> Vec<u8> {
    from_text(&format!(
        r#"(instance $i) (export "repairops:plugin/post-create@0.1.0" (instance $i))
           (core module (@custom "repairops:name" "made-by-hand") (@custom "repairops:version" "1.0.{number}"))"#
    ))
}

async fn plugins_and_their_bytes_are_bounded(t: &TestApp) {
    let node = t.node(|config| config.bounds.plugins_max = 3).await;
    let uploads = (0..8).map(|number| node.admin.upload_bytes(&numbered(number)));
    expect_created(all_at_once(uploads).await, 3, &full("plugins", 3));
    assert_eq!(total(t, "/v1/plugins").await, 3);
    // What is there already is no new plugin.
    let known = all_at_once((0..8).map(|number| node.admin.upload_bytes(&numbered(number)))).await;
    assert_eq!(known.iter().filter(|reply| reply.status == 200).count(), 3);
    let plugin = known.into_iter().find(|reply| reply.status == 200).expect("one").id();
    node.admin.delete(&format!("/v1/plugins/{plugin}")).await.expect_status(204);
    node.admin.upload_bytes(&numbered(8)).await.expect_status(201);

    let size = numbered(0).len() as i64;
    let small = t.node(|config| config.bounds.components_max_bytes = 2 * size + 1).await;
    let stranger = t.stranger().await;
    let other = small.admin.authorized(Some(stranger.authorization()));
    let uploads = (0..6).map(|number| other.upload_bytes(&numbered(number)));
    let reached =
        json!({ "limit": "component_bytes", "maximum": 2 * size + 1, "current": 2 * size });
    expect_created(all_at_once(uploads).await, 2, &reached);
    assert_eq!(stranger.get("/v1/plugins").await.ok()["pagination"]["total"], 2);
    for node in [node, small] {
        node.app.db.close().await;
    }
}

async fn settings_have_a_size_limit(t: &TestApp) {
    let plugin = t.upload("guest-trap").await.id();
    // {"note":"…"} has 11 bytes besides the text.
    let settings = |bytes: usize| json!({ "note": "x".repeat(bytes - 11) });
    let body = |bytes: usize| json!({ "plugin_id": plugin, "settings": settings(bytes) });
    let error = t.post("/v1/installations", body(65_537)).await.error(400, "INVALID_REQUEST");
    let details = json!({
        "field": "settings", "value": 65_537, "size_bytes": 65_537, "limit_bytes": 65_536,
    });
    assert_eq!(error["details"], details);
    assert!(error["message"].as_str().is_some_and(|text| text.contains("at most 65536")));
    let installation = t.post("/v1/installations", body(65_536)).await.id();
    let larger = json!({ "settings": settings(65_537) });
    t.reconfigure(&installation, larger).await.invalid("settings");
    // Settings from before the limit stay, and do not hinder other changes.
    let small = t.node(|config| config.bounds.settings_max_bytes = 100).await;
    let same = json!({ "settings": settings(65_536), "shop_ids": [t.shop] });
    small.admin.reconfigure(&installation, same).await.ok();
    small.app.db.close().await;
}
