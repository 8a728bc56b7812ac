//! `GET /v1/tickets`: filters, sorts and fields.

use std::time::Duration;

use crate::support::shape::assert_shape;
use crate::support::{TestApp, both_databases, json};

both_databases![
    an_entry_has_the_documented_fields,
    pages_follow_each_other,
    limits_out_of_range_are_refused,
    filters_combine,
    dates_are_half_open,
    sorting,
];

async fn an_entry_has_the_documented_fields(t: &TestApp) {
    let alice = t.create_technician("Alice Tech").await;
    let bare = t.create_ticket(&t.shop).await;
    let full = t.create_ticket(&t.shop).await;
    let parts = json!([{ "name": "Screen", "quantity": 2, "unit_cost": 80 }]);
    t.change(
        &full,
        json!({ "assigned_to": alice, "labor_hours": 1.5, "labor_rate": 66.66, "parts": parts }),
    )
    .await
    .ok();
    let mut shape = json!({
        "id": "uuid", "number": "=T000002", "status": "=INTAKE", "customer_id": "uuid", "customer_name": "=Jane Smith",
        "device_identifier": "text", "issue_description": "text", "total_cost": "number", "labor_cost": "number",
        "parts_cost": "number", "created_at": "time", "updated_at": "time", "assigned_to": "uuid",
        "assigned_to_name": "=Alice Tech", "shop_id": "uuid",
    });
    let list = t.reader.get("/v1/tickets").await.ok();
    let entry = &list["data"][0];
    assert_shape(entry, &shape);
    let costs = (&entry["labor_cost"], &entry["parts_cost"], &entry["total_cost"]);
    assert_eq!(costs, (&json!(99.99), &json!(160.0), &json!(259.99)));
    for field in ["assigned_to", "assigned_to_name"] {
        shape[field] = json!("null");
    }
    shape["number"] = json!("=T000001");
    assert_shape(&list["data"][1], &shape);
    assert_eq!(list["data"][1]["id"], bare.as_str());
    assert_eq!(
        list["pagination"],
        json!({ "offset": 0, "limit": 50, "total": 2, "next_offset": null, "next_cursor": null, "has_more": false })
    );
}

async fn pages_follow_each_other(t: &TestApp) {
    for _ in 0..5 {
        t.create_ticket(&t.shop).await;
    }
    let page = async |query: &str| {
        let mut page = t.get(&format!("/v1/tickets?sort=number&{query}")).await.ok();
        let pagination = page["pagination"].as_object_mut().expect("an object");
        let cursor = pagination.remove("next_cursor").expect("a cursor or null");
        assert_eq!(cursor.is_string(), page["pagination"]["has_more"] == true, "{page}");
        let numbers: Vec<String> = page["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|t| t["number"].as_str().expect("a number").to_owned())
            .collect();
        (numbers, page["pagination"].clone())
    };
    let (numbers, pagination) = page("limit=2").await;
    assert_eq!(numbers, ["T000001", "T000002"]);
    assert_eq!(
        pagination,
        json!({ "offset": 0, "limit": 2, "total": 5, "next_offset": 2, "has_more": true })
    );
    let (numbers, pagination) = page("limit=2&offset=2").await;
    assert_eq!(numbers, ["T000003", "T000004"]);
    assert_eq!(
        pagination,
        json!({ "offset": 2, "limit": 2, "total": 5, "next_offset": 4, "has_more": true })
    );
    let (numbers, pagination) = page("limit=2&offset=4").await;
    assert_eq!(numbers, ["T000005"]);
    assert_eq!(
        pagination,
        json!({ "offset": 4, "limit": 2, "total": 5, "next_offset": null, "has_more": false })
    );
    let (numbers, pagination) = page("limit=3&offset=2").await;
    assert_eq!(
        (numbers.len(), &pagination["has_more"]),
        (3, &json!(false)),
        "a full last page is the last"
    );
    let (numbers, pagination) = page("offset=50").await;
    assert_eq!(numbers, [""; 0]);
    assert_eq!(
        pagination,
        json!({ "offset": 50, "limit": 50, "total": 5, "next_offset": null, "has_more": false })
    );
}

async fn limits_out_of_range_are_refused(t: &TestApp) {
    for path in ["tickets", "customers", "inventory", "shops", "users", "plugins", "installations"]
    {
        for limit in [0, 501, -1] {
            assert_eq!(
                t.get(&format!("/v1/{path}?limit={limit}")).await.invalid("limit"),
                limit,
                "{path}"
            );
        }
        assert_eq!(t.get(&format!("/v1/{path}?offset=-1")).await.invalid("offset"), -1, "{path}");
        t.get(&format!("/v1/{path}?limit=500")).await.ok();
        assert_eq!(
            t.get(&format!("/v1/{path}?colour=blue")).await.invalid("colour"),
            "blue",
            "{path}"
        );
    }
}

async fn filters_combine(t: &TestApp) {
    let elm = t.create_shop("Elm Street").await;
    let alice = t.create_technician("Alice Tech").await;
    let john = json!({ "customer": { "name": "John Doe", "email": "john@example.com" } });
    let first = t.create_ticket(&t.shop).await;
    let second = t.create_ticket_with(&elm, john.clone()).await;
    let third = t.create_ticket_with(&t.shop, john).await;
    t.change(&third, json!({ "assigned_to": alice, "status": "TRIAGE" })).await.ok();
    t.transition(&second, "TRIAGE").await.ok();
    let john = t.ticket(&third).await["customer"]["id"].as_str().expect("an id").to_owned();
    let found = async |query: String| {
        let list = t.get(&format!("/v1/tickets?sort=number&{query}")).await.ok();
        let ids: Vec<String> = list["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|t| t["id"].as_str().expect("an id").to_owned())
            .collect();
        assert_eq!(list["pagination"]["total"], ids.len(), "{query}");
        ids
    };
    let shop = &t.shop;
    assert_eq!(found(format!("shop_id={shop}")).await, [&*first, &third]);
    assert_eq!(found("status=TRIAGE".to_owned()).await, [&*second, &third]);
    assert_eq!(found(format!("customer_id={john}")).await, [&*second, &third]);
    assert_eq!(found(format!("assigned_to={alice}")).await, [&*third]);
    assert_eq!(found(format!("status=TRIAGE&shop_id={shop}&customer_id={john}")).await, [&*third]);
    assert_eq!(found(format!("status=INTAKE&customer_id={john}")).await, [""; 0]);
    assert_eq!(t.get("/v1/tickets?shop_id=elm").await.invalid("shop_id"), "elm");
}

async fn dates_are_half_open(t: &TestApp) {
    let mut moments = Vec::new();
    for _ in 0..3 {
        let ticket = t.create_ticket(&t.shop).await;
        moments.push(t.ticket(&ticket).await["created_at"].as_str().expect("a time").to_owned());
        t.app.clock.advance(Duration::from_secs(86_400));
    }
    let count = async |query: String| {
        t.get(&format!("/v1/tickets?{query}")).await.ok()["pagination"]["total"].clone()
    };
    assert_eq!(count(format!("created_after={}", moments[1])).await, 2, "from that moment on");
    assert_eq!(count(format!("created_before={}", moments[1])).await, 1, "before that moment");
    assert_eq!(
        count(format!("created_after={}&created_before={}", moments[0], moments[2])).await,
        2
    );
    let day = &moments[1][..10];
    assert_eq!(count(format!("created_after={day}")).await, 2, "a date is its midnight in UTC");
    assert_eq!(count(format!("created_before={day}")).await, 1);
    let offset = format!("{day}T02:00:00%2B02:00");
    assert_eq!(count(format!("created_before={offset}")).await, 1, "the same midnight elsewhere");
    assert_eq!(
        t.get("/v1/tickets?created_after=yesterday").await.invalid("created_after"),
        "yesterday"
    );
    assert_eq!(
        t.get("/v1/tickets?created_before=2026-02-30").await.invalid("created_before"),
        "2026-02-30"
    );
}

async fn sorting(t: &TestApp) {
    for _ in 0..3 {
        t.create_ticket(&t.shop).await;
        t.app.clock.advance(Duration::from_secs(1));
    }
    let second = t.get("/v1/tickets?sort=number").await.body["data"][1]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    t.transition(&second, "TRIAGE").await.ok();
    let numbers = async |sort: &str| {
        let list = t.get(&format!("/v1/tickets?{sort}")).await.ok();
        list["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|t| t["number"].as_str().expect("a number").to_owned())
            .collect::<Vec<_>>()
    };
    let (a, b, c) = ("T000001", "T000002", "T000003");
    assert_eq!(numbers("").await, [c, b, a], "newest first");
    assert_eq!(numbers("sort=created_at").await, [a, b, c]);
    assert_eq!(numbers("sort=-number").await, [c, b, a]);
    assert_eq!(numbers("sort=-updated_at").await, [b, c, a]);
    assert_eq!(numbers("sort=status").await, [a, c, b], "the id is the last key");
    for sort in ["total_cost", "-", "number,status", "--number", "created_at%20desc"] {
        t.get(&format!("/v1/tickets?sort={sort}")).await.invalid("sort");
    }
}
