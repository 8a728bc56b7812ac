//! `/v1/inventory`.

use crate::support::builders::item_body;
use crate::support::shape::assert_shape;
use crate::support::{TestApp, both_databases, json};

both_databases![
    an_item_has_the_documented_fields,
    filters_and_sorting,
    a_sku_is_there_once_a_shop,
    setting_the_quantity_leaves_a_movement_and_an_event,
    a_quantity_below_what_is_reserved_is_a_409,
    wrong_figures_are_refused,
];

async fn an_item_has_the_documented_fields(t: &TestApp) {
    let created = t
        .post("/v1/inventory", item_body(&t.shop, "SCREEN-IP14-001", json!({})))
        .await
        .expect_status(201);
    assert_eq!(
        created.header("location"),
        Some(&*format!("/v1/inventory/{}", created["id"].as_str().expect("an id")))
    );
    let mut shape = json!({
        "id": "uuid", "shop_id": "uuid", "sku": "=SCREEN-IP14-001", "name": "text", "category": "=screens",
        "quantity_on_hand": "integer", "quantity_reserved": "integer", "quantity_available": "integer",
        "cost": "number", "selling_price": "number", "reorder_level": "integer", "supplier": "=Tech Parts Inc",
        "last_updated": "time",
    });
    assert_shape(&created.body, &shape);
    let list = t.get("/v1/inventory").await.ok();
    assert_eq!(list["data"], json!([created.body]));
    assert_eq!(
        (&list["data"][0]["cost"], &list["data"][0]["selling_price"]),
        (&json!(80.0), &json!(160.0))
    );
    shape["sku"] = json!("=BARE");
    shape["supplier"] = json!("null");
    let bare =
        t.post("/v1/inventory", item_body(&t.shop, "BARE", json!({ "supplier": null }))).await.ok();
    assert_shape(&bare, &shape);
}

async fn filters_and_sorting(t: &TestApp) {
    let elm = t.create_shop("Elm Street").await;
    for (shop, sku, quantity, category) in [
        (&t.shop, "B", 3, "screens"),
        (&elm, "a", 0, "screens"),
        (&t.shop, "C", 1, "batteries"),
        (&t.shop, "A", 2, "screens"),
    ] {
        let body = item_body(shop, sku, json!({ "quantity": quantity, "category": category }));
        t.post("/v1/inventory", body).await.expect_status(201);
    }
    // All that there is of C is held.
    let parts = json!([{ "sku": "C", "quantity": 1 }]);
    t.create_ticket_with_parts(&t.shop, "IN_REPAIR", parts).await;
    let skus = async |query: &str| {
        let list = t.get(&format!("/v1/inventory?{query}")).await.ok();
        let skus: Vec<String> = list["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|i| i["sku"].as_str().expect("a sku").to_owned())
            .collect();
        assert_eq!(list["pagination"]["total"], skus.len(), "{query}");
        skus
    };
    assert_eq!(skus("").await, ["A", "B", "C", "a"], "by sku, on both databases alike");
    assert_eq!(skus("sort=-sku").await, ["a", "C", "B", "A"]);
    assert_eq!(skus("sort=-quantity_available").await[..2], ["B", "A"]);
    assert_eq!(skus("in_stock=true").await, ["A", "B"]);
    assert_eq!(skus("in_stock=false").await, ["C", "a"]);
    assert_eq!(skus("category=screens&in_stock=true&sort=-quantity_on_hand").await, ["B", "A"]);
    assert_eq!(skus(&format!("shop_id={elm}")).await, ["a"]);
    assert_eq!(skus("sku=A").await, ["A"]);
    assert_eq!(t.get("/v1/inventory?in_stock=maybe").await.invalid("in_stock"), "maybe");
    t.get("/v1/inventory?sort=supplier").await.invalid("sort");
}

async fn a_sku_is_there_once_a_shop(t: &TestApp) {
    let elm = t.create_shop("Elm Street").await;
    t.create_item(&t.shop, "SCREEN", 1).await;
    let details = t
        .post("/v1/inventory", item_body(&t.shop, " SCREEN ", json!({})))
        .await
        .details(409, "CONFLICT");
    assert_eq!(details, json!({ "field": "sku", "value": "SCREEN", "shop_id": t.shop }));
    t.create_item(&elm, "SCREEN", 1).await;
    assert_eq!(t.get("/v1/inventory").await["pagination"]["total"], 2);
}

async fn setting_the_quantity_leaves_a_movement_and_an_event(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let path = format!("/v1/inventory/{item}");
    let known = t.events().await.len();
    let changed = t.patch(&path, json!({ "quantity": 10, "reason": "purchased" })).await.ok();
    assert_eq!(changed["quantity_on_hand"], 10);
    t.patch(&path, json!({ "quantity": 9 })).await.ok();
    let expected = [(5, "initial"), (5, "purchased"), (-1, "adjusted")];
    assert_eq!(
        t.movements(&item).await,
        expected.map(|(delta, reason)| (delta, reason.to_owned()))
    );
    let events = t.events().await.split_off(known);
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].0, "inventory.updated");
    assert_eq!(
        events[0].1,
        json!({ "inventory_id": item, "shop_id": t.shop, "sku": "SCREEN", "quantity_on_hand": 10, "quantity_reserved": 0,
                "quantity_available": 10, "reason": "purchased" })
    );
}

async fn a_quantity_below_what_is_reserved_is_a_409(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let parts = json!([{ "inventory_id": item, "quantity": 3 }]);
    t.create_ticket_with_parts(&t.shop, "IN_REPAIR", parts).await;
    let path = format!("/v1/inventory/{item}");
    let details = t.patch(&path, json!({ "quantity": 2 })).await.details(409, "CONFLICT");
    assert_eq!(details, json!({ "field": "quantity", "value": 2, "reserved": 3 }));
    assert_eq!(t.stock(&item).await, (5, 3, 2));
    t.patch(&path, json!({ "quantity": 3 })).await.ok();
    assert_eq!(t.stock(&item).await, (3, 3, 0));
}

async fn wrong_figures_are_refused(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let path = format!("/v1/inventory/{item}");
    assert_eq!(t.patch(&path, json!({ "quantity": -1 })).await.invalid("quantity"), -1);
    assert_eq!(t.patch(&path, json!({ "quantity": 1.5 })).await.invalid("quantity"), 1.5);
    t.patch(&path, json!({ "reason": "purchased" })).await.invalid("quantity");
    let create = async |more| t.post("/v1/inventory", item_body(&t.shop, "OTHER", more)).await;
    assert_eq!(create(json!({ "cost": 0.999 })).await.invalid("cost"), 0.999);
    assert_eq!(create(json!({ "selling_price": -1 })).await.invalid("selling_price"), -1);
    assert_eq!(create(json!({ "quantity": -3 })).await.invalid("quantity"), -3);
    assert_eq!(create(json!({ "sku": "" })).await.invalid("sku"), "");
    assert_eq!(t.movements(&item).await.len(), 1);
}
