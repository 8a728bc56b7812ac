//! The `parts` of a `PATCH`: they replace the list, and lines that stay keep their ids and stock.

use serde_json::Value;

use crate::support::builders::item_body;
use crate::support::statements::Statements;
use crate::support::{TestApp, both_databases, json};

both_databases![
    lines_come_from_stock_or_are_special_orders,
    the_same_line_keeps_its_id_price_and_holds,
    lines_that_mean_nothing_are_refused,
    many_lines_take_as_many_statements_as_few,
    many_lines_keep_their_ids,
    the_price_is_the_selling_price_unless_given,
];

async fn lines_come_from_stock_or_are_special_orders(t: &TestApp) {
    let elm = t.create_shop("Elm Street").await;
    let far = t.create_item(&elm, "SCREEN", 5).await;
    let near = t.create_item(&t.shop, "SCREEN", 5).await;
    let ticket = t.create_ticket(&t.shop).await;
    let parts = json!([
        { "sku": "SCREEN", "quantity": 1 },
        { "inventory_id": far, "name": "The other screen", "quantity": 2 },
        { "name": "Rare hinge", "quantity": 1, "unit_cost": 12.5 },
        { "sku": "HINGE-9", "quantity": 1, "unit_cost": 3 },
    ]);
    t.change(&ticket, json!({ "parts": parts })).await.ok();
    let ticket = t.ticket(&ticket).await;
    let line = |index: usize| {
        let part = &ticket["parts"][index];
        (
            part["inventory_id"].as_str(),
            part["sku"].as_str(),
            part["name"].as_str(),
            part["total"].as_f64(),
        )
    };
    assert_eq!(
        line(0),
        (Some(&*near), Some("SCREEN"), Some("Part SCREEN"), Some(160.0)),
        "the own shop's"
    );
    assert_eq!(line(1), (Some(&*far), Some("SCREEN"), Some("The other screen"), Some(320.0)));
    assert_eq!(line(2), (None, None, Some("Rare hinge"), Some(12.5)));
    assert_eq!(line(3), (None, Some("HINGE-9"), Some("HINGE-9"), Some(3.0)));
    assert_eq!(ticket["parts_cost"], 495.5);
}

async fn the_same_line_keeps_its_id_price_and_holds(t: &TestApp) {
    let screen = t.create_item(&t.shop, "SCREEN", 10).await;
    let glue = t.create_item(&t.shop, "GLUE", 10).await;
    let parts = json!([
        { "inventory_id": screen, "quantity": 2, "unit_cost": 99 },
        { "inventory_id": glue, "quantity": 1 },
        { "name": "Rare hinge", "quantity": 1, "unit_cost": 5 },
    ]);
    let ticket = t.create_ticket_with_parts(&t.shop, "APPROVED", parts).await;
    let before = t.ticket(&ticket).await;
    assert_eq!((t.stock(&screen).await, t.stock(&glue).await), ((10, 2, 8), (10, 1, 9)));

    // In another order, one grows, one goes.
    let parts =
        json!([{ "name": "Rare hinge", "quantity": 1 }, { "sku": "SCREEN", "quantity": 3 }]);
    t.change(&ticket, json!({ "parts": parts })).await.ok();
    let after = t.ticket(&ticket).await;
    assert_eq!(after["parts"][0]["id"], before["parts"][2]["id"]);
    assert_eq!(after["parts"][0]["unit_cost"], 5.0);
    assert_eq!(after["parts"][1]["id"], before["parts"][0]["id"]);
    assert_eq!(
        (&after["parts"][1]["unit_cost"], &after["parts"][1]["held"]),
        (&json!(99.0), &json!(3))
    );
    assert_eq!(
        after["reservations"][0]["id"], before["reservations"][0]["id"],
        "the first hold is still there"
    );
    assert_eq!((t.stock(&screen).await, t.stock(&glue).await), ((10, 3, 7), (10, 0, 10)));

    // It shrinks: what is too much goes back.
    t.change(&ticket, json!({ "parts": [{ "sku": "SCREEN", "quantity": 1 }] })).await.ok();
    let after = t.ticket(&ticket).await;
    assert_eq!(
        (&after["parts"][0]["id"], &after["parts"][0]["held"]),
        (&before["parts"][0]["id"], &json!(1))
    );
    assert_eq!(t.stock(&screen).await, (10, 1, 9));
    t.change(&ticket, json!({ "parts": [] })).await.ok();
    assert_eq!(t.stock(&screen).await, (10, 0, 10));
}

async fn lines_that_mean_nothing_are_refused(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let ticket = t.create_ticket(&t.shop).await;
    let good = json!({ "inventory_id": item, "quantity": 1 });
    let change = async |line| t.change(&ticket, json!({ "parts": [good, line] })).await;
    let nothing = "00000000-0000-7000-8000-000000000000";
    let unknown = json!({ "inventory_id": nothing, "quantity": 1 });
    assert_eq!(change(unknown).await.invalid("parts[1].inventory_id"), nothing);
    let mismatch = json!({ "inventory_id": item, "sku": "GLUE", "quantity": 1 });
    assert_eq!(change(mismatch).await.invalid("parts[1].inventory_id"), item.as_str());
    for quantity in [0, -1, 1_000_001] {
        let line = json!({ "inventory_id": item, "quantity": quantity });
        assert_eq!(change(line).await.invalid("parts[1].quantity"), quantity);
    }
    change(json!({ "quantity": 1 })).await.invalid("parts[1]");
    change(json!({ "name": "Rare hinge", "quantity": 1 })).await.invalid("parts[1].unit_cost");
    change(json!({ "name": "x".repeat(201), "quantity": 1, "unit_cost": 1 }))
        .await
        .invalid("parts[1].name");
    let many = vec![json!({ "name": "Screw", "quantity": 1, "unit_cost": 0.1 }); 501];
    assert_eq!(t.change(&ticket, json!({ "parts": many })).await.invalid("parts"), 501);
    assert_eq!(t.ticket(&ticket).await["parts"], json!([]));
}

async fn the_price_is_the_selling_price_unless_given(t: &TestApp) {
    let body = item_body(&t.shop, "SCREEN", json!({ "cost": 80, "selling_price": 159.95 }));
    let item = t.post("/v1/inventory", body).await.id();
    let ticket = t.create_ticket(&t.shop).await;
    let price = async |line| {
        t.change(&ticket, json!({ "parts": [line] })).await.ok();
        t.ticket(&ticket).await["parts"][0]["unit_cost"].clone()
    };
    assert_eq!(price(json!({ "inventory_id": item, "quantity": 1 })).await, 159.95);
    assert_eq!(price(json!({ "inventory_id": item, "quantity": 1, "unit_cost": 0 })).await, 0.0);
    assert_eq!(
        price(json!({ "inventory_id": item, "quantity": 2 })).await,
        0.0,
        "the line keeps its price"
    );
}

/// Items by their ids, by their skus, and special orders; half of them short when the repair begins.
fn lines(items: &[String]) -> Vec<Value> {
    let line = |(index, id): (usize, &String)| match index % 3 {
        0 => json!({ "inventory_id": id, "quantity": 1 }),
        1 => json!({ "sku": format!("SKU-{index}"), "quantity": 1 }),
        _ => json!({ "name": format!("Screw {index}"), "quantity": 2, "unit_cost": 0.1 }),
    };
    items.iter().enumerate().map(line).collect()
}

async fn items(t: &TestApp, count: usize) -> Vec<String> {
    let mut items = Vec::with_capacity(count);
    for index in 0..count {
        items.push(t.create_item(&t.shop, &format!("SKU-{index}"), 5).await);
    }
    items
}

async fn many_lines_take_as_many_statements_as_few(t: &TestApp) {
    let items = items(t, 90).await;
    let mut counts = Vec::new();
    for count in [6, 90] {
        let ticket = t.create_ticket(&t.shop).await;
        let statements = Statements::counted(&t.app.db);
        t.change(&ticket, json!({ "parts": lines(&items[..count]) })).await.ok();
        counts.push(statements.so_far());
    }
    assert!(counts[0] > 5, "statements are counted: {counts:?}");
    assert_eq!(counts[0], counts[1], "for 6 and for 90 lines");
}

async fn many_lines_keep_their_ids(t: &TestApp) {
    let items = items(t, 30).await;
    let mut wanted = lines(&items);
    // The same article and the same special order again: each is a line of its own.
    wanted.extend(lines(&items[..3]));
    let ticket = t.create_ticket(&t.shop).await;
    let ids = async |parts: &[Value]| {
        t.change(&ticket, json!({ "parts": parts })).await.ok();
        let parts = t.ticket(&ticket).await["parts"].as_array().expect("a list").clone();
        parts.into_iter().map(|part| part["id"].clone()).collect::<Vec<_>>()
    };
    let first = ids(&wanted).await;
    assert_eq!(first.len(), 33);
    assert_eq!(ids(&wanted).await, first);
    wanted.reverse();
    let mut turned = ids(&wanted).await;
    // Of the lines that are the same, the first one wanted is the first one there.
    turned.reverse();
    assert_eq!(turned[3..30], first[3..30]);
    assert_eq!((&turned[30..], &turned[..3]), (&first[..3], &first[30..]));
}
