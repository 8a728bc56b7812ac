//! The settings of an installation: which schemas are accepted, and the limits of checking settings.

use repairops::execute;
use repairops::model::ids::PluginId;
use serde_json::Value;
use sqlx::types::Json;

use crate::support::components::{component, from_text};
use crate::support::{TestApp, both_databases, json};

both_databases![
    schemas_that_cost_too_much_are_refused_at_upload,
    a_schema_from_before_the_bounds_keeps_running,
    the_guest_reads_the_defaults_and_the_owner_what_was_sent,
    formats_count,
    an_expensive_check_ends_by_itself_and_holds_up_nobody,
];

/// Each definition applies the next one twice: 26 lines for 67 million subschemas.
fn exponential() -> Value {
    let names: Vec<char> = ('a'..='z').collect();
    let mut defs = json!({ "z": { "type": "object" } });
    for pair in names.windows(2) {
        let next = json!({ "$ref": format!("#/$defs/{}", pair[1]) });
        defs[pair[0].to_string()] = json!({ "allOf": [next, next] });
    }
    json!({ "$ref": "#/$defs/a", "$defs": defs })
}

fn upload_of(schema: &Value) -> Vec<u8> {
    let schema = schema.to_string().replace('\\', "\\5c").replace('"', "\\22");
    from_text(&format!(
        r#"(@custom "repairops:name" "made-by-hand") (@custom "repairops:version" "1.0.0")
           (@custom "repairops:settings-schema" "{schema}")
           (instance $hook) (export "repairops:plugin/pre-transition@0.1.0" (instance $hook))"#
    ))
}

async fn schemas_that_cost_too_much_are_refused_at_upload(t: &TestApp) {
    let patterns = vec![json!({ "pattern": r"\pL{100}a" }); 40];
    let wide: Vec<Value> = (0..2_001).map(|n| json!({ "const": n })).collect();
    for (schema, place, reason) in [
        (exponential(), "/$defs/n", "more than 10000 subschemas"),
        (json!({ "anyOf": patterns }), "/anyOf/0/pattern", "maxLength"),
        (json!({ "anyOf": wide }), "/anyOf/1999", "more than 2000 subschemas"),
        (json!({ "properties": { "a": { "type": "text" } } }), "/properties/a/type", "not a type"),
        (json!({ "items": { "pattern": "(?!a)b" } }), "/items/pattern", "look-ahead"),
        (json!({ "$ref": "http://127.0.0.1:1/" }), "/$ref", "outside of the schema"),
        (json!({ "not": { "$ref": "#" } }), "", "would never end"),
        // What only an evaluation shows.
        (json!({ "properties": { "a": { "minimum": "1" } } }), "/properties/a/minimum", "number"),
    ] {
        let reply = t.upload_bytes(&upload_of(&schema)).await;
        let error = reply.error(400, "INVALID_REQUEST");
        assert_eq!(error["details"]["reason"], "settings_schema", "{error:#}");
        assert_eq!(error["details"]["place"], place, "{error:#}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(reason) && message.contains(place), "{message}");
    }
    assert_eq!(t.get("/v1/plugins").await["pagination"]["total"], 0, "nothing of them is kept");
}

/// As an upload from before the bounds left it.
async fn set_schema(t: &TestApp, plugin: &str, schema: &Value) {
    let id: PluginId = serde_json::from_value(json!(plugin)).expect("an id");
    let mut tx = t.app.db.begin().await.expect("a transaction");
    let changed = execute!(
        tx,
        "update plugins set settings_schema = $3 where org_id = $1 and id = $2",
        t.org,
        id,
        Json(schema)
    );
    assert_eq!(changed.expect("an update"), 1);
    tx.commit().await.expect("a commit");
}

async fn a_schema_from_before_the_bounds_keeps_running(t: &TestApp) {
    let plugin = t.upload("guest-fickle").await.id();
    let settings = json!({ "do": "deny" });
    let id = t.install("guest-fickle", settings.clone()).await;
    set_schema(t, &plugin, &exponential()).await;
    // A change of anything else is taken, and the settings as they are, too.
    t.reconfigure(&id, json!({ "hooks": { "pre-transition": { "order": 7 } } })).await.ok();
    t.reconfigure(&id, json!({ "settings": settings })).await.ok();
    let ticket = t.create_ticket(&t.shop).await;
    let refused = t.transition(&ticket, "DIAGNOSTICS").await.error(422, "PLUGIN_REJECTED");
    assert_eq!(refused["details"]["violations"][0]["plugin"], "guest-fickle", "{refused:#}");
    // Changed settings are not.
    let error = t.reconfigure(&id, json!({ "settings": {} })).await.error(400, "INVALID_REQUEST");
    assert_eq!(error["details"]["field"], "settings", "{error:#}");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.contains("10000 subschemas") && message.contains("keep running"), "{message}");
    let again = json!({ "plugin_id": plugin, "settings": settings });
    t.post("/v1/installations", again).await.error(400, "INVALID_REQUEST");
    assert_eq!(t.get(&format!("/v1/installations/{id}")).await["settings"], settings);
}

async fn the_guest_reads_the_defaults_and_the_owner_what_was_sent(t: &TestApp) {
    // A build of the same plugin whose schema says `deny` where its code says `allow`.
    let (code, schema) = (br#""default": "allow""#, br#""default": "deny" "#);
    let mut bytes = component("guest-fickle").to_vec();
    // Twice: as the section that the host reads, and as data of the program.
    let starts = 0..bytes.len() - code.len();
    let found: Vec<usize> = starts.filter(|at| bytes[*at..].starts_with(code)).collect();
    assert!(!found.is_empty(), "the schema is there");
    for at in found {
        bytes[at..at + schema.len()].copy_from_slice(schema);
    }
    let plugin = t.upload_bytes(&bytes).await.id();
    let made = t.post("/v1/installations", json!({ "plugin_id": plugin })).await.expect_status(201);
    assert_eq!(made["settings"], json!({}), "stored as sent");
    let ticket = t.create_ticket(&t.shop).await;
    t.transition(&ticket, "DIAGNOSTICS").await.error(422, "PLUGIN_REJECTED");
    let id = made["id"].as_str().expect("an id");
    t.reconfigure(id, json!({ "settings": { "do": "allow" } })).await.ok();
    t.transition(&ticket, "DIAGNOSTICS").await.ok();
    assert_eq!(
        t.get(&format!("/v1/installations/{id}")).await["settings"],
        json!({ "do": "allow" })
    );
}

async fn formats_count(t: &TestApp) {
    let plugin = t.upload("nearest-stock").await.id();
    let settings = json!({ "shop_order": [t.shop, "next door"] });
    let body = json!({ "plugin_id": plugin, "settings": settings });
    let reply = t.post("/v1/installations", body).await;
    assert_eq!(reply.invalid("settings.shop_order.1"), "next door");
}

async fn an_expensive_check_ends_by_itself_and_holds_up_nobody(t: &TestApp) {
    let plugin = t.upload("guest-fickle").await.id();
    // Two ways into each list: two to the power of its depth.
    let list = json!({ "items": { "$ref": "#/$defs/list" } });
    let schema = json!({
        "properties": { "x": { "$ref": "#/$defs/list" } },
        "$defs": { "list": { "anyOf": [list, { "allOf": [list] }], "not": list } },
    });
    set_schema(t, &plugin, &schema).await;
    let mut deep = json!("x");
    for _ in 0..60 {
        deep = json!([deep]);
    }
    let body = json!({ "plugin_id": plugin, "settings": { "x": deep } });
    let checking = tokio::spawn(t.post("/v1/installations", body));
    let stranger = t.stranger().await;
    let shop = stranger.create_shop("Other Avenue").await;
    while !checking.is_finished() {
        stranger.create_ticket(&shop).await;
    }
    let error = checking.await.expect("no panic").error(400, "INVALID_REQUEST");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.contains("the plugin's settings schema is too complex"), "{message}");
    assert_eq!(error["details"]["field"], "settings");
}
