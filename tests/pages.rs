//! Pages of all lists: by offset and by cursor, and rejected parameters.

use crate::support::builders::merged;
use crate::support::{TestApp, both_databases, json};
use serde_json::Value;

both_databases![
    a_walk_by_cursor_sees_every_row_once,
    cursors_hold_still_while_rows_come_and_go,
    a_cursor_belongs_to_its_sort_and_filters,
    cursors_that_nobody_gave_out_are_refused,
    texts_to_look_for_are_checked,
];

/// All ids on the way from page to page, and how many pages there were.
async fn walk(t: &TestApp, list: &str, query: &str, limit: usize) -> (Vec<String>, usize) {
    let (mut ids, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = t.get(&format!("/v1/{list}?limit={limit}&{query}{cursor}")).await.ok();
        let pagination = &page["pagination"];
        let rows = page["data"].as_array().expect("a list");
        assert!(rows.len() <= limit);
        ids.extend(rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()));
        pages += 1;
        assert_eq!(pagination["offset"], 0);
        if !cursor.is_empty() {
            assert_eq!(pagination["next_offset"], Value::Null, "a page by cursor has no offset");
        }
        match pagination["next_cursor"].as_str() {
            Some(next) => {
                assert_eq!(pagination["has_more"], true);
                cursor = format!("&cursor={next}");
            }
            None => {
                assert_eq!(pagination["has_more"], false);
                return (ids, pages);
            }
        }
        assert!(pages < 100, "{list}?{query} goes on for ever");
    }
}

async fn a_walk_by_cursor_sees_every_row_once(t: &TestApp) {
    for number in 0..7 {
        // Equal names, statuses and moments, so that the last key has to tell rows apart.
        let customer = json!({ "name": format!("Jane {}", number % 2), "email": format!("j{number}@example.com") });
        let ticket = t.create_ticket_with(&t.shop, json!({ "customer": customer })).await;
        if number % 3 == 0 {
            t.transition(&ticket, "TRIAGE").await.ok();
        }
        let item = json!({ "quantity": number % 2, "category": format!("c{}", number % 3) });
        let body = crate::support::builders::item_body(&t.shop, &format!("SKU-{number}"), item);
        t.post("/v1/inventory", body).await.ok();
        t.create_shop("Elm Street").await;
        t.post("/v1/users", json!({ "name": "Alice", "email": format!("a{number}@example.com"), "role": "technician" }))
            .await
            .ok();
    }
    let lists = [
        ("tickets", vec!["created_at", "updated_at", "number", "status"]),
        ("customers", vec!["created_at", "name"]),
        (
            "inventory",
            vec![
                "sku",
                "name",
                "category",
                "quantity_on_hand",
                "quantity_available",
                "last_updated",
            ],
        ),
        ("shops", vec!["name", "created_at"]),
        ("users", vec!["name", "created_at"]),
    ];
    for (list, sorts) in lists {
        for sort in sorts.iter().flat_map(|sort| [(*sort).to_owned(), format!("-{sort}")]) {
            let query = format!("sort={sort}");
            let all = t.get(&format!("/v1/{list}?limit=500&{query}")).await.ok();
            let all: Vec<&str> = all["data"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|row| row["id"].as_str().expect("an id"))
                .collect();
            assert!(all.len() >= 7, "{list}");
            let (ids, pages) = walk(t, list, &query, 3).await;
            assert_eq!(ids, all, "{list}?{query}");
            assert_eq!(pages, all.len().div_ceil(3), "{list}?{query}");
        }
    }
    for (list, filter) in [
        ("tickets", "status=INTAKE"),
        ("customers", "name=jane%201"),
        ("inventory", "in_stock=true"),
    ] {
        let total =
            t.get(&format!("/v1/{list}?{filter}")).await.ok()["pagination"]["total"].clone();
        let (ids, _) = walk(t, list, filter, 1).await;
        assert_eq!(total, ids.len(), "{list}?{filter}");
        assert!(ids.len() >= 3);
    }
}

async fn cursors_hold_still_while_rows_come_and_go(t: &TestApp) {
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(t.create_ticket(&t.shop).await);
    }
    let first = t.get("/v1/tickets?limit=2&status=INTAKE").await.ok();
    assert_eq!(first["pagination"]["total"], 5);
    // Two new ones in front, and one that was shown already leaves the filter.
    t.create_ticket(&t.shop).await;
    t.create_ticket(&t.shop).await;
    t.transition(&ids[4], "TRIAGE").await.ok();
    let cursor = first["pagination"]["next_cursor"].as_str().expect("a cursor");
    let second = t.get(&format!("/v1/tickets?limit=2&status=INTAKE&cursor={cursor}")).await.ok();
    let shown: Vec<&Value> =
        second["data"].as_array().expect("a list").iter().map(|row| &row["id"]).collect();
    assert_eq!(shown, [&*ids[2], &*ids[1]]);
    let mut pagination = second["pagination"].clone();
    assert!(pagination["next_cursor"].take().is_string());
    let expected =
        json!({ "offset": 0, "limit": 2, "total": 6, "next_offset": null, "has_more": true });
    assert_eq!(pagination, merged(expected, json!({ "next_cursor": null })));
}

async fn a_cursor_belongs_to_its_sort_and_filters(t: &TestApp) {
    for _ in 0..3 {
        t.create_ticket(&t.shop).await;
    }
    let page = t.get("/v1/tickets?limit=1&status=INTAKE").await.ok();
    let cursor = page["pagination"]["next_cursor"].as_str().expect("a cursor").to_owned();
    let refused = async |query: &str, word: &str| {
        let error =
            t.get(&format!("/v1/{query}&cursor={cursor}")).await.error(400, "INVALID_REQUEST");
        assert_eq!(error["details"]["field"], "cursor", "{query}");
        assert_eq!(error["details"]["value"], *cursor, "{query}");
        assert!(error["message"].as_str().is_some_and(|text| text.contains(word)), "{error}");
    };
    refused("tickets?status=TRIAGE", "filters").await;
    refused("tickets?limit=1", "filters").await;
    refused(&format!("tickets?status=INTAKE&shop_id={}", t.shop), "filters").await;
    refused("tickets?status=INTAKE&sort=created_at", "sort=-created_at").await;
    refused("customers?limit=5", "another list").await;
    refused("shops?limit=5", "another list").await;
    let other = t.stranger().await;
    let theirs = other.get(&format!("/v1/tickets?status=INTAKE&cursor={cursor}")).await.ok();
    assert_eq!(theirs["data"], json!([]), "a cursor opens no other organization");
    t.get(&format!("/v1/tickets?status=INTAKE&limit=500&cursor={cursor}")).await.ok();
    t.get(&format!("/v1/tickets?status=INTAKE&offset=0&cursor={cursor}")).await.ok();
    let both = t.get(&format!("/v1/tickets?status=INTAKE&offset=1&cursor={cursor}")).await;
    assert_eq!(both.invalid("offset"), 1);
}

async fn cursors_that_nobody_gave_out_are_refused(t: &TestApp) {
    use base64::Engine;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    t.create_ticket(&t.shop).await;
    t.create_ticket(&t.shop).await;
    for (list, sort) in [("tickets", "-created_at"), ("tickets", "status"), ("tickets", "number")] {
        let page = t.get(&format!("/v1/{list}?limit=1&sort={sort}")).await.ok();
        let cursor = page["pagination"]["next_cursor"].as_str().expect("a cursor");
        let content: Value =
            serde_json::from_slice(&engine.decode(cursor).expect("base64")).expect("JSON");
        let keys = [
            json!([]),
            json!(["x"]),
            json!([i64::MAX]),
            json!([i64::MIN]),
            json!([1.5]),
            json!([null]),
            json!(["a\0b", 0]),
            json!([0, 0, 0]),
        ];
        for keys in keys {
            let forged = merged(content.clone(), json!({ "keys": keys }));
            let forged = engine.encode(forged.to_string());
            let reply = t.get(&format!("/v1/{list}?limit=1&sort={sort}&cursor={forged}")).await;
            if reply.status != 200 {
                reply.invalid("cursor");
            }
        }
        for forged in ["", "x", "%00", "bnVsbA", &cursor[1..], &"A".repeat(5_000)] {
            t.get(&format!("/v1/{list}?sort={sort}&cursor={forged}")).await.invalid("cursor");
        }
    }
}

async fn texts_to_look_for_are_checked(t: &TestApp) {
    let long = "x".repeat(201);
    for (path, field) in [("customers", "name"), ("inventory", "category"), ("inventory", "sku")] {
        for text in ["", "%20", "%0A", "%00", "a%00b", &long] {
            t.get(&format!("/v1/{path}?{field}={text}")).await.invalid(field);
        }
        let found = t.get(&format!("/v1/{path}?{field}=%27%20or%20true--")).await.ok();
        assert_eq!(found["data"], json!([]));
    }
    for path in ["tickets", "customers", "inventory", "shops", "users", "plugins", "installations"]
    {
        for offset in ["9223372036854775808", "9223372036854775807", "1e3", "-1"] {
            t.get(&format!("/v1/{path}?offset={offset}")).await.invalid("offset");
        }
        assert_eq!(t.get(&format!("/v1/{path}?offset=1000000000")).await.ok()["data"], json!([]));
    }
    for moment in ["-262143-01-01", "%2B12345-01-01", "10000-01-01", "2026-13-01", "0"] {
        t.get(&format!("/v1/tickets?created_after={moment}")).await.invalid("created_after");
        t.get(&format!("/v1/customers?created_before={moment}")).await.invalid("created_before");
    }
    t.get("/v1/tickets?created_after=0001-01-01&created_before=9999-12-31").await.ok();
}
