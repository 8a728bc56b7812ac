//! Webhooks as a resource: create, list, change, delete.

use axum::http::Method;
use serde_json::Value;

use super::{create, deliver, path};
use crate::support::receiver::Receiver;
use crate::support::shape::assert_shape;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_webhook_is_made_changed_and_deleted,
    what_cannot_be_right_is_refused_and_named,
    there_are_twenty_at_most,
    only_an_admin_sees_them,
    another_organization_sees_nothing,
    switched_off_it_gets_nothing,
];

fn shape(url: &str, events: &Value) -> Value {
    json!({
        "id": "uuid", "url": format!("={url}"), "description": "null", "events": events, "enabled": "bool",
        "disabled_reason": "null", "disabled_at": "null", "last_delivery_at": "null", "failing_since": "null",
        "disable_on": "=failed_delivery", "created_at": "time", "updated_at": "time",
    })
}

async fn a_webhook_is_made_changed_and_deleted(t: &TestApp) {
    let url = "https://shop.example/hooks?key=1";
    let reply = t.post("/v1/webhooks", json!({ "url": url })).await.expect_status(201);
    let location = reply.header("location").expect("a location").to_owned();
    let webhook = reply.body;
    assert_eq!(location, path(&webhook));
    let mut with_secret = shape(url, &json!(["=*"]));
    with_secret["secret"] = json!("text");
    assert_shape(&webhook, &with_secret);
    assert!(webhook["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")));

    let shown = t.get(&location).await.ok();
    assert_shape(&shown, &shape(url, &json!(["=*"])));
    assert_eq!(shown["enabled"], true);
    let secret = t.get(&format!("{location}/secret")).await.ok();
    assert_eq!(secret, json!({ "secret": webhook["secret"], "previous": [] }));

    let body = json!({
        "url": "http://shop.example:8080/", "description": " The till ",
        "events": ["ticket.created", "payment.processed", "ticket.created"],
    });
    let changed = t.patch(&location, body).await.ok();
    assert_eq!(changed["url"], "http://shop.example:8080/");
    assert_eq!(changed["description"], "The till");
    assert_eq!(changed["events"], json!(["ticket.created", "payment.processed"]));
    assert!(changed.get("secret").is_none(), "{changed:#}");
    let body = json!({ "description": null, "events": ["ticket.created", "*"] });
    let changed = t.patch(&location, body).await.ok();
    assert_eq!(changed["description"], Value::Null);
    assert_eq!(changed["events"], json!(["*"]));
    assert_eq!(t.get("/v1/webhooks").await.ok()["data"], json!([changed]));

    t.delete(&location).await.expect_status(204);
    t.get(&location).await.not_found();
    t.delete(&location).await.not_found();
    assert_eq!(t.get("/v1/webhooks").await["pagination"]["total"], 0);
}

async fn what_cannot_be_right_is_refused_and_named(t: &TestApp) {
    let url = "https://shop.example/";
    for wrong in [
        "shop.example",
        "ftp://shop.example/",
        "https://user:word@shop.example/",
        "https://shop.example/#x",
        "https://",
    ] {
        let reply = t.post("/v1/webhooks", json!({ "url": wrong })).await;
        assert_eq!(reply.invalid("url"), wrong);
    }
    t.post("/v1/webhooks", json!({})).await.invalid("url");
    let long = json!({ "url": format!("{url}{}", "x".repeat(2048)) });
    t.post("/v1/webhooks", long).await.invalid("url");
    let events = |events: Value| t.post("/v1/webhooks", json!({ "url": url, "events": events }));
    assert_eq!(events(json!(["ticket.exploded"])).await.invalid("events[0]"), "ticket.exploded");
    assert_eq!(events(json!([])).await.invalid("events"), json!([]));
    let text = "x".repeat(201);
    t.post("/v1/webhooks", json!({ "url": url, "description": text })).await.invalid("description");
    t.post("/v1/webhooks", json!({ "url": url, "secret": "mine" })).await.invalid("secret");

    let webhook = create(t, url, json!({})).await;
    t.patch(&path(&webhook), json!({ "url": "gopher://x" })).await.invalid("url");
    t.patch(&path(&webhook), json!({ "enabled": "yes" })).await.invalid("enabled");
    t.get("/v1/webhooks/12").await.invalid("webhook_id");
    t.get(&format!("{}/deliveries/12", path(&webhook))).await.invalid("delivery_id");
    t.get(&format!("{}/deliveries?state=lost", path(&webhook))).await.invalid("state");
}

async fn there_are_twenty_at_most(t: &TestApp) {
    let body = json!({ "url": "https://shop.example/" });
    let requests = (0..25).map(|_| t.post("/v1/webhooks", body.clone()));
    let replies = crate::support::all_at_once(requests).await;
    let made = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(made, 20);
    for reply in replies.into_iter().filter(|reply| reply.status != 201) {
        let details = reply.details(409, "LIMIT_REACHED");
        assert_eq!(details, json!({ "limit": "webhooks", "maximum": 20, "current": 20 }));
    }
    assert_eq!(t.get("/v1/webhooks").await["pagination"]["total"], 20);
}

async fn only_an_admin_sees_them(t: &TestApp) {
    let webhook = create(t, "https://shop.example/", json!({})).await;
    let path = path(&webhook);
    for client in [&t.reader, &t.writer] {
        client.get("/v1/webhooks").await.error(403, "FORBIDDEN");
        client.get(&path).await.error(403, "FORBIDDEN");
        client.get(&format!("{path}/secret")).await.error(403, "FORBIDDEN");
        client.get(&format!("{path}/deliveries")).await.error(403, "FORBIDDEN");
        client.json(Method::POST, &format!("{path}/test"), "{}").await.error(403, "FORBIDDEN");
        client.patch(&path, json!({ "enabled": false })).await.error(403, "FORBIDDEN");
    }
    assert_eq!(t.get(&path).await["enabled"], true);
}

async fn another_organization_sees_nothing(t: &TestApp) {
    let (ours, theirs) = (Receiver::start().await, Receiver::start().await);
    let webhook = create(t, &ours.url, json!({})).await;
    let stranger = t.stranger().await;
    create(&stranger, &theirs.url, json!({})).await;
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    assert_eq!(ours.events(), ["customer.created", "ticket.created"]);
    assert_eq!(theirs.received().len(), 0, "{:#?}", theirs.received());

    let path = path(&webhook);
    let delivery = super::log(t, &webhook).await.remove(0);
    let delivery = format!("{path}/deliveries/{}", delivery["id"].as_str().expect("an id"));
    t.get(&delivery).await.ok();
    for path in [&path, &format!("{path}/secret"), &format!("{path}/deliveries"), &delivery] {
        stranger.get(path).await.not_found();
    }
    stranger.patch(&path, json!({ "enabled": false })).await.not_found();
    stranger.delete(&path).await.not_found();
    stranger.post(&format!("{delivery}/replay"), json!({})).await.not_found();
    for (action, body) in [
        ("rotate-secret", json!({})),
        ("test", json!({})),
        ("replay", json!({ "since": "2020-01-01T00:00:00Z" })),
    ] {
        stranger.post(&format!("{path}/{action}"), body).await.not_found();
    }
    assert_eq!(stranger.get("/v1/webhooks").await["pagination"]["total"], 1);
    assert_eq!(t.get(&path).await["enabled"], true);

    // A delivery is looked for under its own webhook alone.
    let other = create(t, "https://shop.example/", json!({})).await;
    let id = delivery.rsplit('/').next().expect("an id");
    t.get(&format!("{}/deliveries/{id}", super::path(&other))).await.not_found();
}

async fn switched_off_it_gets_nothing(t: &TestApp) {
    let receiver = Receiver::start().await;
    let webhook = create(t, &receiver.url, json!({})).await;
    t.create_shop("Elm Street").await;
    t.create_ticket(&t.shop).await;
    let off = t.patch(&path(&webhook), json!({ "enabled": false })).await.ok();
    assert_eq!(off["enabled"], false);
    assert_eq!(off["disabled_reason"], "switched off by Office");
    assert_shape(&off["disabled_at"], &json!("time"));
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    assert_eq!(receiver.received().len(), 0);

    let on = t.patch(&path(&webhook), json!({ "enabled": true })).await.ok();
    assert_eq!(
        (&on["enabled"], &on["disabled_reason"], &on["disabled_at"]),
        (&json!(true), &json!(null), &json!(null))
    );
    deliver(&t.app).await;
    assert_eq!(receiver.received().len(), 0, "what happened meanwhile is for replay");
    t.create_ticket(&t.shop).await;
    deliver(&t.app).await;
    assert_eq!(receiver.events(), ["ticket.created"]);
}
