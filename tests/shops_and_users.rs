//! `/v1/shops` and `/v1/users`.

use crate::support::shape::assert_shape;
use crate::support::{TestApp, both_databases, json};

both_databases![
    shops_are_made_and_listed,
    users_are_made_and_listed,
    shops_can_be_changed,
    users_can_be_changed,
];

async fn shops_are_made_and_listed(t: &TestApp) {
    let body =
        json!({ "name": "Elm Street", "time_zone": "America/New_York", "address": "1 Elm Street" });
    let created = t.post("/v1/shops", body).await.expect_status(201);
    assert_eq!(
        created.header("location"),
        Some(&*format!("/v1/shops/{}", created["id"].as_str().expect("an id")))
    );
    assert_shape(
        &created.body,
        &json!({ "id": "uuid", "name": "=Elm Street", "time_zone": "=America/New_York", "address": "=1 Elm Street",
                 "created_at": "time" }),
    );
    let list = t.get("/v1/shops").await.ok();
    assert_eq!(list["data"][0], created.body);
    assert_eq!(
        (&list["data"][1]["time_zone"], &list["data"][1]["address"]),
        (&json!("UTC"), &json!(null))
    );
    let wrong = json!({ "name": "Moon", "time_zone": "Moon/Base" });
    assert_eq!(t.post("/v1/shops", wrong).await.invalid("time_zone"), "Moon/Base");
    t.post("/v1/shops", json!({ "name": "x".repeat(201) })).await.invalid("name");
}

async fn users_are_made_and_listed(t: &TestApp) {
    let body = json!({ "name": "Alice Tech", "email": "Alice@shop.example", "role": "technician", "hourly_cost": 31.5 });
    let created = t.post("/v1/users", body.clone()).await.expect_status(201);
    assert_shape(
        &created.body,
        &json!({ "id": "uuid", "name": "=Alice Tech", "email": "=Alice@shop.example", "role": "=technician",
                 "hourly_cost": "number", "created_at": "time" }),
    );
    assert_eq!(created["hourly_cost"], 31.5);
    let again = json!({ "name": "Alias", "email": "alice@SHOP.example", "role": "manager" });
    let details = t.post("/v1/users", again).await.details(409, "CONFLICT");
    assert_eq!(details["field"], "email");
    let list = t.get("/v1/users").await.ok();
    assert_eq!(list["data"], json!([created.body]));
    let user = t.create_technician("Bob Tech").await;
    assert_eq!(t.get(&format!("/v1/users/{user}")).await["hourly_cost"], json!(null));
    let mut wrong = body;
    wrong["hourly_cost"] = json!("31.50");
    assert_eq!(t.post("/v1/users", wrong).await.invalid("hourly_cost"), "31.50");
}

async fn shops_can_be_changed(t: &TestApp) {
    let body = json!({ "name": "Elm Street", "address": "1 Elm Street" });
    let before = t.post("/v1/shops", body).await.ok();
    let path = format!("/v1/shops/{}", before["id"].as_str().expect("an id"));
    let changed = t.patch(&path, json!({ "time_zone": "America/New_York" })).await.ok();
    assert_eq!(
        (&changed["time_zone"], &changed["name"]),
        (&json!("America/New_York"), &json!("Elm Street"))
    );
    assert_eq!(changed["address"], "1 Elm Street");
    let changed = t.patch(&path, json!({ "name": " Elm ", "address": null })).await.ok();
    assert_eq!((&changed["name"], &changed["address"]), (&json!("Elm"), &json!(null)));
    assert_eq!(t.get(&path).await.ok(), changed);
    assert_eq!(t.patch(&path, json!({})).await.ok(), changed);
    assert_eq!(
        t.patch(&path, json!({ "time_zone": "Moon/Base" })).await.invalid("time_zone"),
        "Moon/Base"
    );
    assert_eq!(
        t.patch(&path, json!({ "time_zone": null })).await.invalid("time_zone"),
        json!(null)
    );
    assert_eq!(t.patch(&path, json!({ "name": " " })).await.invalid("name"), " ");
    t.writer.patch(&path, json!({ "name": "X" })).await.error(403, "FORBIDDEN");
    t.stranger().await.patch(&path, json!({ "name": "X" })).await.not_found();
    assert_eq!(t.get(&path).await.ok(), changed);
}

async fn users_can_be_changed(t: &TestApp) {
    let alice = t.create_technician("Alice Tech").await;
    let path = format!("/v1/users/{alice}");
    let changed = t
        .patch(&path, json!({ "name": "Alice", "role": "manager", "hourly_cost": 31.5 }))
        .await
        .ok();
    assert_eq!(t.get(&path).await.ok(), changed);
    assert_eq!(
        (&changed["name"], &changed["role"], &changed["hourly_cost"]),
        (&json!("Alice"), &json!("manager"), &json!(31.5))
    );
    let ticket = t.create_ticket(&t.shop).await;
    t.change(&ticket, json!({ "assigned_to": alice })).await.ok();
    assert_eq!(t.ticket(&ticket).await["assigned_to_name"], "Alice");
    let changed = t.patch(&path, json!({ "hourly_cost": null })).await.ok();
    assert_eq!((&changed["hourly_cost"], &changed["name"]), (&json!(null), &json!("Alice")));
    assert_eq!(t.patch(&path, json!({ "role": null })).await.invalid("role"), json!(null));
    assert_eq!(t.patch(&path, json!({ "email": "a@b.c" })).await.invalid("email"), "a@b.c");
    t.writer.patch(&path, json!({ "name": "X" })).await.error(403, "FORBIDDEN");
    t.stranger().await.patch(&path, json!({ "name": "X" })).await.not_found();
}
