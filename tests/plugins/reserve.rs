//! `reserve-inventory`: a plugin plans, the host checks; without a usable plan the built-in one decides.

use repairops::inventory::store;
use repairops::model::ids::{ItemId, ShopId};
use serde_json::Value;

use crate::support::builders::item_body;
use crate::support::statements::Statements;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_plan_is_followed,
    a_backorder_is_a_shortage,
    who_passes_leaves_it_to_the_next,
    without_a_good_plan_the_built_in_one_decides,
    a_bad_plan_that_is_closed_is_a_422,
    candidates_are_found_for_all_lines_at_once,
    a_line_with_much_stock_crowds_out_no_other,
    nearest_stock_takes_compatible_parts_and_leaves_a_safety_stock,
];

const CLOSED: &str = "closed";

/// A ticket in DIAGNOSTICS that wants two pieces of an item of the own shop.
async fn ticket(t: &TestApp, item: &str) -> String {
    t.create_ticket_with_parts(
        &t.shop,
        "DIAGNOSTICS",
        json!([{ "inventory_id": item, "quantity": 2 }]),
    )
    .await
}

/// What the plugins did at this hook.
fn ran(body: &Value) -> Vec<(&str, &str)> {
    let ran = body["plugins"].as_array().expect("a list").iter();
    let at_hook = ran.filter(|ran| ran["hook"] == "reserve-inventory");
    at_hook
        .map(|ran| {
            (ran["plugin"].as_str().expect("a name"), ran["outcome"].as_str().expect("a word"))
        })
        .collect()
}

async fn a_plan_is_followed(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    t.install("guest-fickle", json!({ "reserve": "plan" })).await;
    let ticket = ticket(t, &item).await;
    let done = t.transition(&ticket, "IN_REPAIR").await.ok();
    assert_eq!(ran(&done), [("guest-fickle", "planned")]);
    assert_eq!(t.ticket(&ticket).await["reservations"][0]["plugin"], "guest-fickle");
    assert_eq!(t.stock(&item).await, (5, 2, 3));
    t.transition(&ticket, "QC_REVIEW").await.ok();
    assert_eq!(t.stock(&item).await, (3, 0, 3));
}

async fn a_backorder_is_a_shortage(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    t.install("guest-fickle", json!({ "reserve": "backorder" })).await;
    let ticket = ticket(t, &item).await;
    let details = t.transition(&ticket, "IN_REPAIR").await.details(409, "INSUFFICIENT_STOCK");
    assert_eq!(
        (&details["lines"][0]["missing"], ran(&details)),
        (&json!(2), vec![("guest-fickle", "planned")])
    );
    assert_eq!(t.stock(&item).await, (5, 0, 5));
}

async fn who_passes_leaves_it_to_the_next(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    t.install("guest-fickle", json!({ "reserve": "pass" })).await;
    let first = ticket(t, &item).await;
    assert_eq!(ran(&t.transition(&first, "IN_REPAIR").await.ok()), [("guest-fickle", "passed")]);
    assert_eq!(
        t.ticket(&first).await["reservations"][0]["plugin"],
        json!(null),
        "the built-in plan"
    );
    t.install("nearest-stock", json!({})).await;
    t.install("guest-fickle", json!({ "reserve": "trap" })).await;
    let second = ticket(t, &item).await;
    let done = t.transition(&second, "IN_REPAIR").await.ok();
    assert_eq!(
        ran(&done),
        [("guest-fickle", "passed"), ("nearest-stock", "planned")],
        "the first plan ends it"
    );
    assert_eq!(t.stock(&item).await, (5, 4, 1));
}

async fn without_a_good_plan_the_built_in_one_decides(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 50).await;
    for (how, outcome) in [
        ("bad-plan", "bad_output"),
        ("greedy-plan", "bad_output"),
        ("error", "error"),
        ("trap", "trap"),
        ("loop", "fuel"),
    ] {
        let installation = t.install("guest-fickle", json!({ "reserve": how })).await;
        let ticket = ticket(t, &item).await;
        let done = t.transition(&ticket, "IN_REPAIR").await.ok();
        assert_eq!(ran(&done), [("guest-fickle", outcome)], "{how}");
        let warning = &done["warnings"][0];
        assert_eq!(
            (&warning["hook"], &warning["code"]),
            (&json!("reserve-inventory"), &json!("PLUGIN_FAILED_OPEN"))
        );
        let after = t.ticket(&ticket).await;
        assert_eq!(
            (&after["parts"][0]["held"], &after["reservations"][0]["plugin"]),
            (&json!(2), &json!(null)),
            "{how}"
        );
        t.delete(&format!("/v1/installations/{installation}")).await.expect_status(200);
    }
    assert_eq!(t.stock(&item).await, (50, 10, 40));
}

async fn a_bad_plan_that_is_closed_is_a_422(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    for (how, words) in [("bad-plan", "not in the event's stock"), ("greedy-plan", "are missing")] {
        let hooks = json!({ "reserve-inventory": { "on_failure": CLOSED } });
        let installation = t
            .install_with("guest-fickle", json!({ "settings": { "reserve": how }, "hooks": hooks }))
            .await;
        let ticket = ticket(t, &item).await;
        let details = t.transition(&ticket, "IN_REPAIR").await.details(422, "PLUGIN_FAILED");
        assert_eq!(
            (&details["hook"], &details["outcome"]),
            (&json!("reserve-inventory"), &json!("bad_output"))
        );
        assert!(
            details["error"]["message"].as_str().is_some_and(|message| message.contains(words)),
            "{details:#}"
        );
        assert_eq!(t.ticket(&ticket).await["status"], "DIAGNOSTICS");
        assert_eq!(t.stock(&item).await, (5, 0, 5));
        t.delete(&format!("/v1/installations/{installation}")).await.expect_status(200);
    }
}

async fn nearest_stock_takes_compatible_parts_and_leaves_a_safety_stock(t: &TestApp) {
    let elm = t.create_shop("Elm Street").await;
    let own = t.create_item(&t.shop, "SCREEN", 1).await;
    let other = t.create_item(&t.shop, "SCREEN-B", 1).await;
    let far = t.create_item(&elm, "SCREEN", 3).await;
    let settings =
        json!({ "compatible": { "SCREEN": ["SCREEN-B"] }, "shop_order": [elm], "safety_stock": 2 });
    t.install("nearest-stock", settings).await;
    let parts = json!([{ "inventory_id": own, "quantity": 4 }]);
    let ticket = t.create_ticket_with_parts(&t.shop, "APPROVED", parts).await;
    assert_eq!(
        (t.stock(&own).await, t.stock(&other).await, t.stock(&far).await),
        ((1, 1, 0), (1, 1, 0), (3, 1, 2))
    );
    let details = t.transition(&ticket, "IN_REPAIR").await.details(409, "INSUFFICIENT_STOCK");
    assert_eq!(details["lines"][0]["missing"], 1);
    t.patch(&format!("/v1/inventory/{far}"), json!({ "quantity": 4 })).await.ok();
    t.transition(&ticket, "IN_REPAIR").await.ok();
    t.transition(&ticket, "QC_REVIEW").await.ok();
    assert_eq!(
        (t.stock(&own).await, t.stock(&other).await, t.stock(&far).await),
        ((0, 0, 0), (0, 0, 0), (2, 0, 2))
    );
    assert_eq!(t.ticket(&ticket).await["parts"][0]["consumed"], 4);
}

/// The same sku before the same category, the own shop before the others, and never more than the limit.
async fn candidates_are_found_for_all_lines_at_once(t: &TestApp) {
    let far = t.create_shop("Far Street").await;
    let item = async |shop: &str, sku: &str, category: &str, quantity: i64| {
        let more = json!({ "quantity": quantity, "category": category });
        t.post("/v1/inventory", item_body(shop, sku, more)).await.id()
    };
    let screen = item(&t.shop, "SCREEN", "screens", 1).await;
    let glue = item(&t.shop, "GLUE", "glue", 0).await;
    let far_glue = item(&far, "GLUE", "glue", 1).await;
    let near_screen = item(&t.shop, "SCREEN-2", "screens", 1).await;
    let far_screen = item(&far, "SCREEN-3", "screens", 1).await;
    item(&far, "HINGE", "hinges", 1).await;
    let mut conn = t.connection().await;
    let mut named = Vec::new();
    for id in [&screen, &glue] {
        let id = ItemId(id.parse().expect("an id"));
        named.extend(store::get(&mut conn, t.org, id).await.expect("a query"));
    }
    let named: Vec<_> = named.iter().collect();
    let shop = ShopId(t.shop.parse().expect("an id"));
    let statements = Statements::counted(&t.app.db);
    let found = store::candidates(&mut conn, t.org, shop, &named, &[], 10).await.expect("a query");
    assert_eq!(statements.so_far(), 1);
    let ids: Vec<String> = found.iter().map(|item| item.id.to_string()).collect();
    assert_eq!(ids, [screen, far_glue, near_screen, far_screen]);
    let some = store::candidates(&mut conn, t.org, shop, &named, &[], 2).await.expect("a query");
    assert_eq!(some.len(), 2);
    let none = store::candidates(&mut conn, t.org, shop, &[], &[], 10).await.expect("no query");
    assert!(none.is_empty());
}

/// 600 other screens before the battery of the last line: the plugin is shown the battery's own item too.
async fn a_line_with_much_stock_crowds_out_no_other(t: &TestApp) {
    let screen = t.create_item(&t.shop, "SCREEN", 5).await;
    let more = json!({ "quantity": 5, "category": "batteries" });
    let battery = t.post("/v1/inventory", item_body(&t.shop, "BATTERY", more)).await.id();
    let category = t.get(&format!("/v1/inventory/{screen}")).await.ok()["category"].clone();
    for number in 0..600 {
        let more = json!({ "quantity": 1, "category": category });
        let body = item_body(&t.shop, &format!("SCREEN-{number}"), more);
        t.post("/v1/inventory", body).await.expect_status(201);
    }
    t.install("nearest-stock", json!({})).await;
    let parts = json!([{ "inventory_id": screen, "quantity": 1 }, { "inventory_id": battery, "quantity": 2 }]);
    let ticket = t.create_ticket_with_parts(&t.shop, "DIAGNOSTICS", parts).await;
    let next = t.get(&format!("/v1/tickets/{ticket}/transitions")).await.ok();
    let next = next["transitions"].as_array().expect("a list").iter();
    let repair =
        next.clone().find(|next| next["to_status"] == "IN_REPAIR").expect("an edge").clone();
    assert_eq!(repair["allowed"], true);
    t.transition(&ticket, "IN_REPAIR").await.ok();
    assert_eq!(t.stock(&battery).await, (5, 2, 3));
    assert_eq!(t.stock(&screen).await, (5, 1, 4));
}
