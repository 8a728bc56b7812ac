//! What a ticket's transitions do to stock. The doctor checks the sums after each test.

use crate::support::{TestApp, both_databases, json};

both_databases![
    holds_begin_with_the_approval,
    a_shortage_blocks_the_repair_alone,
    special_orders_never_block,
    another_shop_s_item_is_not_taken_without_a_plugin,
    lines_of_one_item_share_it,
    qc_consumes_and_freezes_the_parts,
    a_line_that_shrinks_on_the_way_to_qc_is_used_for_the_rest,
    one_patch_does_what_two_would,
    a_voided_ticket_keeps_the_lines_of_what_was_used,
    lines_pass_pieces_to_each_other,
    each_use_of_an_item_is_a_movement,
    after_a_failed_qc_parts_may_grow_but_what_was_used_stays,
    parts_that_are_not_held_block_qc,
    a_voided_ticket_gives_back_what_it_holds,
];

async fn holds_begin_with_the_approval(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let parts = json!([{ "inventory_id": item, "quantity": 2 }]);
    let ticket = t.create_ticket_with_parts(&t.shop, "WAITING_APPROVAL", parts).await;
    assert_eq!(t.stock(&item).await, (5, 0, 5));
    let known = t.events().await.len();
    t.transition(&ticket, "APPROVED").await.ok();
    assert_eq!(t.stock(&item).await, (5, 2, 3));
    let events = t.events().await.split_off(known);
    let (_, data) = events.iter().find(|(name, _)| name == "inventory.updated").expect("an event");
    assert_eq!((&data["quantity_reserved"], &data["ticket_id"]), (&json!(2), &json!(ticket)));
    t.transition(&ticket, "WAITING_ON_PARTS").await.ok();
    t.transition(&ticket, "IN_REPAIR").await.ok();
    assert_eq!(t.stock(&item).await, (5, 2, 3), "what is held is not held again");
    assert_eq!(t.movements(&item).await.len(), 1, "a hold moves nothing");
}

async fn a_shortage_blocks_the_repair_alone(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let parts = json!([{ "inventory_id": item, "quantity": 7 }]);
    let ticket = t.create_ticket_with_parts(&t.shop, "APPROVED", parts).await;
    assert_eq!(t.stock(&item).await, (5, 5, 0), "as many as there are");
    t.transition(&ticket, "WAITING_ON_PARTS").await.ok();
    let before = t.ticket(&ticket).await;
    let details = t.transition(&ticket, "IN_REPAIR").await.details(409, "INSUFFICIENT_STOCK");
    assert_eq!(
        details["lines"],
        json!([{ "part_id": before["parts"][0]["id"], "inventory_id": item, "name": "Part SCREEN", "sku": "SCREEN",
                 "missing": 2 }])
    );
    assert_eq!(t.ticket(&ticket).await, before);
    t.patch(&format!("/v1/inventory/{item}"), json!({ "quantity": 8, "reason": "purchased" }))
        .await
        .ok();
    t.transition(&ticket, "IN_REPAIR").await.ok();
    assert_eq!(t.stock(&item).await, (8, 7, 1));
}

async fn special_orders_never_block(t: &TestApp) {
    let parts = json!([{ "name": "Rare hinge", "quantity": 3, "unit_cost": 9 }]);
    let ticket = t.create_ticket_with_parts(&t.shop, "READY_FOR_PICKUP", parts).await;
    let ticket = t.ticket(&ticket).await;
    assert_eq!(
        (&ticket["status"], &ticket["reservations"]),
        (&json!("READY_FOR_PICKUP"), &json!([]))
    );
}

async fn another_shop_s_item_is_not_taken_without_a_plugin(t: &TestApp) {
    let elm = t.create_shop("Elm Street").await;
    let far = t.create_item(&elm, "SCREEN", 5).await;
    let parts = json!([{ "inventory_id": far, "quantity": 1 }]);
    let ticket = t.create_ticket_with_parts(&t.shop, "DIAGNOSTICS", parts).await;
    let details = t.transition(&ticket, "IN_REPAIR").await.details(409, "INSUFFICIENT_STOCK");
    assert_eq!(details["lines"][0]["missing"], 1);
    assert_eq!(t.stock(&far).await, (5, 0, 5));
}

async fn lines_of_one_item_share_it(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 3).await;
    let line = json!({ "inventory_id": item, "quantity": 2 });
    let ticket = t.create_ticket_with_parts(&t.shop, "DIAGNOSTICS", json!([line, line])).await;
    let details = t.transition(&ticket, "IN_REPAIR").await.details(409, "INSUFFICIENT_STOCK");
    assert_eq!(
        (details["lines"].as_array().map(Vec::len), &details["lines"][0]["missing"]),
        (Some(1), &json!(1))
    );
    t.patch(&format!("/v1/inventory/{item}"), json!({ "quantity": 4 })).await.ok();
    t.transition(&ticket, "IN_REPAIR").await.ok();
    assert_eq!(t.stock(&item).await, (4, 4, 0));
    t.transition(&ticket, "QC_REVIEW").await.ok();
    assert_eq!(t.stock(&item).await, (0, 0, 0));
}

async fn qc_consumes_and_freezes_the_parts(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let parts = json!([{ "inventory_id": item, "quantity": 2 }]);
    let ticket = t.create_ticket_with_parts(&t.shop, "QC_REVIEW", parts.clone()).await;
    assert_eq!(t.stock(&item).await, (3, 0, 3));
    assert_eq!(t.movements(&item).await, [(5, "initial".to_owned()), (-2, "used".to_owned())]);
    let after = t.ticket(&ticket).await;
    assert_eq!(
        (&after["parts"][0]["held"], &after["parts"][0]["consumed"]),
        (&json!(0), &json!(2))
    );
    assert_eq!(after["reservations"][0]["state"], "consumed");
    let more = json!({ "parts": [{ "inventory_id": item, "quantity": 3 }] });
    for status in ["QC_REVIEW", "READY_FOR_PICKUP", "PICKED_UP", "CLOSED"] {
        if status != "QC_REVIEW" {
            t.transition(&ticket, status).await.ok();
        }
        let details = t.change(&ticket, more.clone()).await.details(409, "CONFLICT");
        assert_eq!(details, json!({ "field": "parts", "status": status }));
        t.change(&ticket, json!({ "parts": parts, "labor_hours": 1 })).await.ok();
    }
    assert_eq!(t.stock(&item).await, (3, 0, 3));
}

/// One request takes a part off and consumes the others: nothing stays held.
async fn a_line_that_shrinks_on_the_way_to_qc_is_used_for_the_rest(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let parts = json!([{ "inventory_id": item, "quantity": 3 }]);
    let ticket = t.create_ticket_with_parts(&t.shop, "IN_REPAIR", parts).await;
    let body = json!({ "status": "QC_REVIEW", "parts": [{ "inventory_id": item, "quantity": 1 }] });
    t.change(&ticket, body).await.ok();
    assert_eq!(t.stock(&item).await, (4, 0, 4));
    assert_eq!(t.movements(&item).await, [(5, "initial".to_owned()), (-1, "used".to_owned())]);
    let part = t.ticket(&ticket).await["parts"][0].clone();
    assert_eq!((&part["held"], &part["consumed"]), (&json!(0), &json!(1)));
}

async fn each_use_of_an_item_is_a_movement(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 9).await;
    let line = |quantity: i64| json!({ "inventory_id": item, "quantity": quantity });
    let parts = json!([line(2), line(3), line(1)]);
    let ticket = t.create_ticket_with_parts(&t.shop, "QC_REVIEW", parts).await;
    let path = format!("/v1/inventory/{item}/movements?sort=created_at");
    let rows = t.get(&path).await.ok()["data"].as_array().expect("a list").clone();
    let used: Vec<_> = rows
        .iter()
        .filter(|row| row["ticket_id"] == json!(ticket))
        .map(|row| (row["delta"].clone(), row["quantity_after"].clone()))
        .collect();
    assert_eq!(used, [(json!(-2), json!(7)), (json!(-3), json!(4)), (json!(-1), json!(3))]);
}

async fn after_a_failed_qc_parts_may_grow_but_what_was_used_stays(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let quantity =
        |quantity: i64| json!({ "parts": [{ "inventory_id": item, "quantity": quantity }] });
    let ticket =
        t.create_ticket_with_parts(&t.shop, "QC_FAILED", quantity(2)["parts"].clone()).await;
    let details = t.change(&ticket, quantity(1)).await.details(409, "CONFLICT");
    assert_eq!(details, json!({ "field": "parts", "part": "Part SCREEN", "consumed": 2 }));
    t.change(&ticket, json!({ "parts": [] })).await.details(409, "CONFLICT");
    t.change(&ticket, quantity(3)).await.ok();
    assert_eq!(t.stock(&item).await, (3, 1, 2), "one more is held");
    t.transition(&ticket, "IN_REPAIR").await.ok();
    t.transition(&ticket, "QC_REVIEW").await.ok();
    assert_eq!(t.stock(&item).await, (2, 0, 2));
    assert_eq!(t.ticket(&ticket).await["parts"][0]["consumed"], 3);
}

async fn parts_that_are_not_held_block_qc(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 1).await;
    let ticket = t.create_ticket_in(&t.shop, "IN_REPAIR").await;
    t.change(&ticket, json!({ "parts": [{ "inventory_id": item, "quantity": 2 }] })).await.ok();
    assert_eq!(t.stock(&item).await, (1, 1, 0));
    let details = t.transition(&ticket, "QC_REVIEW").await.details(409, "INSUFFICIENT_STOCK");
    assert_eq!(details["lines"][0]["missing"], 1);
    assert_eq!(t.stock(&item).await, (1, 1, 0));
    t.patch(&format!("/v1/inventory/{item}"), json!({ "quantity": 2 })).await.ok();
    t.transition(&ticket, "QC_REVIEW").await.ok();
    assert_eq!(t.stock(&item).await, (0, 0, 0));
}

async fn a_voided_ticket_gives_back_what_it_holds(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let parts = json!([{ "inventory_id": item, "quantity": 2 }]);
    let held = t.create_ticket_with_parts(&t.shop, "IN_REPAIR", parts.clone()).await;
    t.transition(&held, "VOIDED").await.ok();
    assert_eq!(t.stock(&item).await, (5, 0, 5));
    assert_eq!(t.ticket(&held).await["reservations"][0]["state"], "released");
    let details = t.change(&held, json!({ "parts": [] })).await.details(409, "CONFLICT");
    assert_eq!(details["status"], "VOIDED");
    let used = t.create_ticket_with_parts(&t.shop, "QC_REVIEW", parts).await;
    t.transition(&used, "VOIDED").await.ok();
    assert_eq!(t.stock(&item).await, (3, 0, 3), "what was used does not come back");
}

/// On every edge that holds, requires, consumes or releases stock, with every change of the parts: one PATCH leaves the
/// same stock and lines as one of the parts and then one of the status.
async fn one_patch_does_what_two_would(t: &TestApp) {
    let edges = [
        ("WAITING_APPROVAL", "APPROVED"),
        ("APPROVED", "IN_REPAIR"),
        ("DIAGNOSTICS", "IN_REPAIR"),
        ("IN_REPAIR", "QC_REVIEW"),
        ("QC_FAILED", "IN_REPAIR"),
        ("IN_REPAIR", "VOIDED"),
    ];
    let mut number = 0;
    for (from, to) in edges {
        for change in ["fewer", "more", "none", "another", "one more line"] {
            let mut ends = Vec::new();
            for at_once in [false, true] {
                number += 1;
                let item = t.create_item(&t.shop, &format!("A-{number}"), 10).await;
                let other = t.create_item(&t.shop, &format!("B-{number}"), 10).await;
                let line = json!([{ "inventory_id": item, "quantity": 5 }]);
                let way = if from == "QC_FAILED" { "IN_REPAIR" } else { from };
                let ticket = t.create_ticket_with_parts(&t.shop, way, line).await;
                if from == "QC_FAILED" {
                    t.transition(&ticket, "QC_REVIEW").await.ok();
                    t.transition(&ticket, "QC_FAILED").await.ok();
                }
                let used = from == "QC_FAILED";
                let plain = |item: &str, quantity: i64| json!({ "inventory_id": item, "quantity": quantity });
                let parts = match change {
                    "fewer" if !used => json!([plain(&item, 3)]),
                    "more" => json!([plain(&item, 7)]),
                    "none" if !used => json!([]),
                    "another" if !used => json!([plain(&other, 2)]),
                    "one more line" => json!([plain(&item, 5), plain(&other, 2)]),
                    _ => continue, // what was used stays
                };
                if at_once {
                    t.change(&ticket, json!({ "status": to, "parts": parts })).await.ok();
                } else {
                    t.change(&ticket, json!({ "parts": parts })).await.ok();
                    t.transition(&ticket, to).await.ok();
                }
                let lines: Vec<_> = t.ticket(&ticket).await["parts"]
                    .as_array()
                    .expect("lines")
                    .iter()
                    .map(|line| ["quantity", "held", "consumed"].map(|name| line[name].clone()))
                    .collect();
                ends.push((t.stock(&item).await, t.stock(&other).await, lines));
            }
            if let [two, one] = &ends[..] {
                assert_eq!(one, two, "{from} -> {to} with {change}");
                let ((_, reserved, _), (_, others, _), lines) = one;
                if ["QC_REVIEW", "VOIDED"].contains(&to) {
                    assert_eq!((*reserved, *others), (0, 0), "{from} -> {to} with {change}");
                }
                if to == "QC_REVIEW" {
                    assert!(
                        lines.iter().all(|[quantity, _, consumed]| quantity == consumed),
                        "{lines:?}"
                    );
                }
            }
        }
    }
}

async fn a_voided_ticket_keeps_the_lines_of_what_was_used(t: &TestApp) {
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let parts = json!([{ "inventory_id": item, "quantity": 2 }]);
    let ticket = t.create_ticket_with_parts(&t.shop, "QC_REVIEW", parts).await;
    t.transition(&ticket, "QC_FAILED").await.ok();
    for parts in [json!([]), json!([{ "inventory_id": item, "quantity": 1 }])] {
        let body = json!({ "status": "VOIDED", "parts": parts });
        t.change(&ticket, body).await.error(409, "CONFLICT");
    }
    let shown = t.ticket(&ticket).await;
    assert_eq!(
        (&shown["status"], &shown["parts"][0]["consumed"]),
        (&json!("QC_FAILED"), &json!(2))
    );
    assert_eq!(t.stock(&item).await, (3, 0, 3));
}

/// What one line gives up is there for another one of the same request.
async fn lines_pass_pieces_to_each_other(t: &TestApp) {
    for (sku, plugin) in [("SCREEN", None), ("BATTERY", Some("nearest-stock"))] {
        if let Some(plugin) = plugin {
            t.install(plugin, json!({})).await;
        }
        let item = t.create_item(&t.shop, sku, 5).await;
        let line = |quantity: i64| json!({ "inventory_id": item, "quantity": quantity });
        let ticket =
            t.create_ticket_with_parts(&t.shop, "IN_REPAIR", json!([line(3), line(2)])).await;
        t.change(&ticket, json!({ "parts": [line(1), line(4)] })).await.ok();
        let shown = t.ticket(&ticket).await;
        let held = [0, 1].map(|index| shown["parts"][index]["held"].as_i64());
        assert_eq!((held, t.stock(&item).await), ([Some(1), Some(4)], (5, 5, 0)), "{plugin:?}");
        t.change(&ticket, json!({ "status": "QC_REVIEW", "parts": [line(2), line(3)] })).await.ok();
        assert_eq!(t.stock(&item).await, (0, 0, 0), "{plugin:?}");
    }
}
