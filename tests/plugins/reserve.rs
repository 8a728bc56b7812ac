//! `reserve-inventory`: a plugin plans, the host checks; without a usable plan the built-in one decides.

use serde_json::Value;

use crate::support::{TestApp, both_databases, json};

both_databases![
    a_plan_is_followed,
    a_backorder_is_a_shortage,
    who_passes_leaves_it_to_the_next,
    without_a_good_plan_the_built_in_one_decides,
    a_bad_plan_that_is_closed_is_a_503,
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
        t.delete(&format!("/v1/installations/{installation}")).await.expect_status(204);
    }
    assert_eq!(t.stock(&item).await, (50, 10, 40));
}

async fn a_bad_plan_that_is_closed_is_a_503(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    for (how, words) in [("bad-plan", "not in the event's stock"), ("greedy-plan", "are missing")] {
        let hooks = json!({ "reserve-inventory": { "on_failure": CLOSED } });
        let installation = t
            .install_with("guest-fickle", json!({ "settings": { "reserve": how }, "hooks": hooks }))
            .await;
        let ticket = ticket(t, &item).await;
        let details = t.transition(&ticket, "IN_REPAIR").await.details(503, "PLUGIN_UNAVAILABLE");
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
        t.delete(&format!("/v1/installations/{installation}")).await.expect_status(204);
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
