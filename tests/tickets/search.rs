//! `q`, `tag` and `phone` of the list of tickets.

use repairops::search::backfill;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::find::found;
use crate::support::builders::ticket_body;
use crate::support::{TestApp, both_databases, json};

both_databases![
    words_are_found_however_they_are_written,
    a_phone_number_is_found_from_its_end,
    tags_are_found_as_they_are_now,
    what_a_customer_is_called_now_is_found,
    tickets_of_before_are_found_after_the_job,
    what_cannot_be_looked_for_is_named,
];

async fn create(t: &TestApp, more: Value) -> String {
    t.post("/v1/tickets", ticket_body(&t.shop, more)).await.expect_status(201).id()
}

fn customer(name: &str, email: &str, phone: &str) -> Value {
    json!({ "name": name, "email": email, "phone": phone })
}

async fn q(t: &TestApp, text: &str) -> Vec<String> {
    found(t, &format!("q={}", encoded(text))).await
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn words_are_found_however_they_are_written(t: &TestApp) {
    let phone = create(
        t,
        json!({ "device_identifier": "iPhone 14 Pro (C39-XK7)", "device_category": "Smartphone",
            "customer": customer("José Müller-İnan", "jose@example.com", "+49 30 555-0123") }),
    )
    .await;
    let laptop = create(
        t,
        json!({ "device_identifier": "ThinkPad X1", "tags": ["vip"],
            "customer": customer("Straßer, Odysseus", "post@example.com", "0171 99887766") }),
    )
    .await;
    // Another person of that address: the ticket has the name.
    let other = create(
        t,
        json!({ "device_identifier": "ThinkPad T14", "customer": customer("Ὀδυσσεύς Øberg", "post@example.com", "") }),
    )
    .await;
    for text in [
        "iphone",
        "IPHO 14",
        "pro iphone",
        "c39xk7",
        "xk7",
        "smartph",
        "JOSE",
        "josé",
        "mülle",
        "muller",
        "inan",
        "İNAN",
        "mullerin",
        "muller iph",
        "ｉｐｈｏｎｅ",
        "jose, pro",
        "T000001",
        "0001",
        "1 iphone",
    ] {
        assert_eq!(q(t, text).await, [phone.as_str()], "{text}");
    }
    for text in ["thinkpad", "STRASSER", "straßer", "odysseus"] {
        assert_eq!(q(t, text).await, [laptop.as_str(), &other], "{text}");
    }
    for text in ["ΟΔΥΣΣΕΥΣ", "οδυσσευσ", "oberg", "thinkpad t14", "strasser øb"] {
        assert_eq!(q(t, text).await, [other.as_str()], "{text}");
    }
    for text in ["phone14", "hone", "iphone thinkpad", "vip", "50%", "%jose%50"] {
        assert!(q(t, text).await.is_empty(), "{text}");
    }
    // Beside another filter, in another order, page by page.
    let shop = t.create_shop("Elm Street").await;
    assert!(found(t, &format!("q=thinkpad&shop_id={shop}")).await.is_empty());
    assert_eq!(found(t, "q=thinkpad&tag=VIP").await, [laptop.as_str()]);
    let first = t.get("/v1/tickets?q=thinkpad&limit=1").await.ok();
    assert_eq!(
        (&first["data"][0]["id"], &first["pagination"]["total"]),
        (&json!(other), &json!(2))
    );
    let cursor = first["pagination"]["next_cursor"].as_str().expect("a cursor");
    let next = t.get(&format!("/v1/tickets?q=thinkpad&limit=1&cursor={cursor}")).await.ok();
    assert_eq!(next["data"][0]["id"], laptop.as_str());
    t.get(&format!("/v1/tickets?q=iphone&limit=1&cursor={cursor}")).await.invalid("cursor");
    let stranger = t.stranger().await;
    for query in ["q=thinkpad", "tag=vip", "phone=0123", "q=1"] {
        assert_eq!(
            stranger.get(&format!("/v1/tickets?{query}")).await["data"],
            json!([]),
            "{query}"
        );
    }
}

async fn a_phone_number_is_found_from_its_end(t: &TestApp) {
    let far = create(
        t,
        json!({ "customer": customer("Jane", "jane@example.com", "+49 (0) 30 / 555-0123") }),
    )
    .await;
    let near =
        create(t, json!({ "customer": customer("John", "john@example.com", "0171 99887766") }))
            .await;
    let none = create(t, json!({ "customer": customer("Jim", "jim@example.com", "ask") })).await;
    for text in
        ["0123", "5550123", "030 5550123", "+49305550123", "0049 30 555 0123", "(030) 555.0123"]
    {
        assert_eq!(found(t, &format!("phone={}", encoded(text))).await, [far.as_str()], "{text}");
        assert_eq!(q(t, text).await, [far.as_str()], "{text}");
        let customers = t.get(&format!("/v1/customers?phone={}", encoded(text))).await.ok();
        assert_eq!(
            (&customers["pagination"]["total"], &customers["data"][0]["name"]),
            (&json!(1), &json!("Jane")),
            "{text}"
        );
    }
    // The code of the country finds a number that was written without.
    assert_eq!(
        found(t, "phone=%2B49 171 99887766".replace(' ', "%20").as_str()).await,
        [near.as_str()]
    );
    assert!(found(t, "phone=5550124").await.is_empty());
    assert!(!found(t, "phone=123").await.contains(&none));
}

async fn tags_are_found_as_they_are_now(t: &TestApp) {
    let first = create(t, json!({ "tags": ["Garantie", "Größe XL"] })).await;
    let second = create(t, json!({ "tags": ["garantie", "GARANTIE"] })).await;
    assert_eq!(found(t, "tag=GARANTIE").await, [first.as_str(), &second]);
    assert_eq!(found(t, &format!("tag={}", encoded("grosse xl"))).await, [first.as_str()]);
    assert!(found(t, "tag=garant").await.is_empty(), "a tag is whole");
    t.change(&first, json!({ "tags": ["vip"] })).await.ok();
    assert_eq!(found(t, "tag=garantie").await, [second.as_str()]);
    assert_eq!(found(t, "tag=vip").await, [first.as_str()]);
    t.change(&first, json!({ "tags": [] })).await.ok();
    assert!(found(t, "tag=vip").await.is_empty());
    assert_eq!(found(t, "tag=garantie&status=INTAKE,TRIAGE").await, [second.as_str()]);
}

async fn what_a_customer_is_called_now_is_found(t: &TestApp) {
    let ticket =
        create(t, json!({ "customer": customer("Jane Doe", "jane@example.com", "") })).await;
    let id = t.ticket(&ticket).await["customer"]["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/customers/{id}");
    t.patch(&path, json!({ "name": "Jane Smith", "phone": "555-0188" })).await.ok();
    assert!(q(t, "doe").await.is_empty());
    assert_eq!(q(t, "smith").await, [ticket.as_str()]);
    assert_eq!(found(t, "phone=0188").await, [ticket.as_str()]);
    t.patch(&path, json!({ "phone": null })).await.ok();
    assert!(found(t, "phone=0188").await.is_empty());
    // A later ticket fills the empty number.
    let later =
        create(t, json!({ "customer": customer("Jane Smith", "jane@example.com", "555-0199") }))
            .await;
    assert_eq!(found(t, "phone=5550199").await, [ticket.as_str(), &later]);
    let other = create(t, json!({ "customer": customer("J. Smythe", "js@example.com", "") })).await;
    let from = t.ticket(&other).await["customer"]["id"].clone();
    t.post(&format!("{path}/merge"), json!({ "from": from })).await.ok();
    assert!(q(t, "smythe").await.is_empty());
    assert_eq!(q(t, "smith").await, [ticket.as_str(), &later, &other]);
    let names = t.get(&format!("/v1/customers?name={}", encoded("ŠMÍTH"))).await.ok();
    assert_eq!(names["pagination"]["total"], 1);
}

async fn tickets_of_before_are_found_after_the_job(t: &TestApp) {
    let ticket = create(
        t,
        json!({ "tags": ["vip"], "device_identifier": "iPhone 14", "customer": customer("Ünal", "u@example.com", "555-0123") }),
    )
    .await;
    let mut tx = t.app.db.begin().await.expect("a transaction");
    for sql in [
        "delete from ticket_terms",
        "delete from customer_terms",
        "update tickets set has_terms = false",
        "update customers set has_terms = false, name_key = lower(name)",
    ] {
        repairops::execute!(tx, sql).expect("a statement");
    }
    tx.commit().await.expect("a commit");
    let queries = ["q=unal", "tag=vip", "phone=5550123", "q=iphone"];
    for query in queries {
        assert!(found(t, query).await.is_empty(), "{query}");
    }
    let stop = CancellationToken::new();
    assert_eq!(backfill::fill(&t.app, &stop).await.expect("terms"), 2);
    assert_eq!(backfill::fill(&t.app, &stop).await.expect("terms"), 0);
    for query in queries {
        assert_eq!(found(t, query).await, [ticket.as_str()], "{query}");
    }
    assert_eq!(t.get("/v1/customers?name=unal").await["pagination"]["total"], 1);
}

async fn what_cannot_be_looked_for_is_named(t: &TestApp) {
    let many = ["word"; 9].join("%20");
    for (query, field) in [
        ("q=", "q"),
        ("q=%20", "q"),
        ("q=-", "q"),
        (&format!("q={many}"), "q"),
        (&format!("q={}", "x".repeat(201)), "q"),
        ("tag=", "tag"),
        ("phone=12", "phone"),
        ("phone=jane", "phone"),
    ] {
        t.get(&format!("/v1/tickets?{query}")).await.invalid(field);
    }
    t.get("/v1/customers?phone=12").await.invalid("phone");
}
