//! `/v1/inventory`: lists and changes of stock items.

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
    an_item_can_be_edited_without_counting_it,
    movements_tell_how_the_stock_came_to_be,
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
        "last_updated": "time", "version": "integer",
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
    t.patch(&path, json!({})).await.invalid("quantity");
    let no_count = json!({ "name": "Screen", "reason": "purchased" });
    assert_eq!(t.patch(&path, no_count).await.invalid("reason"), "purchased");
    for field in
        ["quantity", "reason", "name", "category", "cost", "selling_price", "reorder_level"]
    {
        let mut body = json!({ "quantity": 7 });
        body[field] = json!(null);
        assert_eq!(t.patch(&path, body).await.invalid(field), json!(null));
    }
    assert_eq!(t.patch(&path, json!({ "name": " " })).await.invalid("name"), " ");
    assert_eq!(t.patch(&path, json!({ "sku": "NEW" })).await.invalid("sku"), "NEW");
    assert_eq!(t.patch(&path, json!({ "quantity": 7, "cost": -1 })).await.invalid("cost"), -1);
    assert_eq!(t.stock(&item).await, (5, 0, 5));
    let create = async |more| t.post("/v1/inventory", item_body(&t.shop, "OTHER", more)).await;
    assert_eq!(create(json!({ "cost": 0.999 })).await.invalid("cost"), 0.999);
    assert_eq!(create(json!({ "selling_price": -1 })).await.invalid("selling_price"), -1);
    assert_eq!(create(json!({ "quantity": -3 })).await.invalid("quantity"), -3);
    assert_eq!(create(json!({ "sku": "" })).await.invalid("sku"), "");
    assert_eq!(t.movements(&item).await.len(), 1);
}

async fn an_item_can_be_edited_without_counting_it(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let path = format!("/v1/inventory/{item}");
    let parts = json!([{ "inventory_id": item, "quantity": 1 }]);
    let ticket = t.create_ticket_with_parts(&t.shop, "IN_REPAIR", parts).await;
    let known = t.events().await.len();
    let body = json!({ "name": " OLED screen ", "category": "displays", "cost": 90.5, "selling_price": 199,
                       "reorder_level": 3, "supplier": null });
    let changed = t.writer.patch(&path, body).await.ok();
    assert_eq!(changed, t.get(&path).await.ok());
    for (field, value) in [
        ("name", json!("OLED screen")),
        ("category", json!("displays")),
        ("cost", json!(90.5)),
        ("selling_price", json!(199.0)),
        ("reorder_level", json!(3)),
        ("supplier", json!(null)),
        ("quantity_on_hand", json!(5)),
        ("quantity_reserved", json!(1)),
    ] {
        assert_eq!(changed[field], value, "{field}");
    }
    let events = t.events().await.split_off(known);
    assert_eq!(events.len(), 1);
    assert_eq!((&*events[0].0, &events[0].1["reason"]), ("inventory.updated", &json!("edited")));
    assert_eq!(t.movements(&item).await.len(), 1, "nothing moved");
    assert_eq!(t.ticket(&ticket).await["parts"][0]["unit_cost"], 160.0, "a ticket keeps its price");
    // Both at once, and one thing alone.
    let both =
        t.patch(&path, json!({ "quantity": 8, "reason": "purchased", "cost": 70 })).await.ok();
    assert_eq!((&both["quantity_on_hand"], &both["cost"]), (&json!(8), &json!(70.0)));
    let one = t.patch(&path, json!({ "supplier": "Tech Parts Inc" })).await.ok();
    assert_eq!((&one["supplier"], &one["name"]), (&json!("Tech Parts Inc"), &json!("OLED screen")));
    t.stranger().await.patch(&path, json!({ "cost": 1 })).await.not_found();
}

async fn movements_tell_how_the_stock_came_to_be(t: &TestApp) {
    let known = t.events().await.len();
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let events = t.events().await.split_off(known);
    assert_eq!((&*events[0].0, &events[0].1["reason"]), ("inventory.updated", &json!("initial")));
    assert_eq!(events[0].1["quantity_on_hand"], 5);
    let path = format!("/v1/inventory/{item}/movements");
    t.writer
        .patch(&format!("/v1/inventory/{item}"), json!({ "quantity": 9, "reason": "purchased" }))
        .await
        .ok();
    let parts = json!([{ "inventory_id": item, "quantity": 2 }]);
    let ticket = t.create_ticket_with_parts(&t.shop, "QC_REVIEW", parts).await;
    t.patch(&format!("/v1/inventory/{item}"), json!({ "quantity": 8 })).await.ok();
    let list = t.reader.get(&path).await.ok();
    let shape = json!({ "id": "uuid", "delta": "integer", "quantity_after": "integer", "reason": "text",
                        "actor": "text", "ticket_id": "null", "created_at": "time" });
    assert_shape(&list["data"][0], &shape);
    let told: Vec<_> = list["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| {
            json!([
                row["delta"],
                row["quantity_after"],
                row["reason"],
                row["actor"],
                row["ticket_id"]
            ])
        })
        .collect();
    let expected = [
        json!([1, 8, "adjusted", "Office", null]),
        json!([-2, 7, "used", "Office", ticket]),
        json!([4, 9, "purchased", "Front desk", null]),
        json!([5, 5, "initial", "Office", null]),
    ];
    assert_eq!(told, expected, "newest first");
    let page = t.get(&format!("{path}?limit=2&offset=1")).await.ok();
    assert_eq!(
        (&page["pagination"]["total"], &page["data"][0]["reason"]),
        (&json!(4), &json!("used"))
    );
    let cursor = page["pagination"]["next_cursor"].as_str().expect("a cursor");
    let rest = t.get(&format!("{path}?cursor={cursor}")).await.ok();
    assert_eq!((&rest["data"][0]["reason"], &rest["data"][1]), (&json!("initial"), &json!(null)));
    t.stranger().await.get(&path).await.not_found();
}
