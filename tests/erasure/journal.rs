//! Every copy at once: nothing of a customer is left in any table of both databases.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{customer_of, erase, files, finish, holders, written};
use crate::support::builders::ticket_body;
use crate::support::receiver::{Answer, Receiver};
use crate::support::{TestApp, both_databases, json};
use crate::webhooks;

both_databases![nothing_is_left_anywhere];

/// What must be gone: present and earlier names and contacts of a customer, and of one who was merged into it.
const SECRETS: [&str; 11] = [
    "Jane Erasable",
    "jane.erasable@example.com",
    "555-7654321",
    "5557654321",
    "12 Hidden Lane",
    "Janet Oldname",
    "555-1112222",
    "Second Janename",
    "second.jane@example.com",
    "Joe Contactman",
    "1234567555", // what is stored of a phone number to find it by its end
];

fn all_of_them() -> String {
    format!("Called {}; JANE.ERASABLE@example.com, also Al.", SECRETS[..9].join(", "))
}

/// A customer with all that a shop can write about one.
async fn make(t: &TestApp, receiver: &Receiver) -> (String, String) {
    receiver.answers(Answer::Text(200, format!("Hello {}", SECRETS[..2].join(" "))));
    webhooks::create(&t.admin, &receiver.url, json!({})).await;
    let judge = t.install("guest-judge", json!({ "pre_create": "tell" })).await;
    let customer = json!({ "name": "Janet Oldname", "email": "jane.erasable@example.com", "phone": "555-1112222" });
    let body = ticket_body(
        &t.shop,
        json!({
            "customer": customer, "issue_description": all_of_them(),
            "device_identifier": "Phone of Jane Erasable",
        }),
    );
    t.post("/v1/tickets", body.clone()).await.error(422, "PLUGIN_REJECTED");
    t.reconfigure(
        &judge,
        json!({ "settings": { "pre_transition": "tell", "pre_update": "allow" } }),
    )
    .await
    .ok();
    let ticket = t.post("/v1/tickets", body.clone()).await.id();
    t.transition(&ticket, "DIAGNOSTICS").await.error(422, "PLUGIN_REJECTED");
    t.reconfigure(&judge, json!({ "settings": {} })).await.ok();
    let customer = customer_of(t, &ticket).await;
    let change =
        json!({ "name": "Jane Erasable", "phone": "555-7654321", "address": "12 Hidden Lane" });
    t.patch(&format!("/v1/customers/{customer}"), change).await.ok();

    let change = json!({
        "tags": ["Jane Erasable", "vip"],
        "custom_fields": { "caller": all_of_them(), "phone": 5557654321_i64 },
        "diagnostics": { "findings": all_of_them(), "recommended_parts": ["case for Jane Erasable"] },
        "device": { "description": all_of_them() },
        "parts": [{ "name": "Case of Jane Erasable", "quantity": 1, "unit_cost": 5 }],
        "notes": all_of_them(),
    });
    t.change(&ticket, change).await.ok();
    for step in ["DIAGNOSTICS", "IN_REPAIR", "QC_REVIEW", "READY_FOR_PICKUP", "PICKED_UP"] {
        let body = json!({ "new_status": step, "notes": format!("{step} for Jane Erasable") });
        t.post(&format!("/v1/tickets/{ticket}/transition"), body).await.ok();
    }
    let payment = json!({ "amount": 5, "method": "cash", "reference": "from Jane Erasable" });
    t.post(&format!("/v1/tickets/{ticket}/payments"), payment).await.expect_status(201);
    let feedback = json!({ "score": 5, "comment": all_of_them() });
    t.post(&format!("/v1/tickets/{ticket}/feedback"), feedback).await.expect_status(201);
    t.transition(&ticket, "CLOSED").await.ok();

    let contact =
        json!({ "customer": { "name": "Joe Contactman", "email": "jane.erasable@example.com" } });
    let second = t.create_ticket_with(&t.shop, contact).await;
    t.transition(&second, "VOIDED").await.ok();
    let other =
        json!({ "customer": { "name": "Second Janename", "email": "second.jane@example.com" } });
    let third = t.create_ticket_with(&t.shop, other).await;
    t.transition(&third, "VOIDED").await.ok();
    let from = json!({ "from": customer_of(t, &third).await });
    t.post(&format!("/v1/customers/{customer}/merge"), from).await.ok();
    while webhooks::deliver(&t.app).await > 0 {}
    written(t).await;
    (customer, ticket)
}

async fn tables(t: &TestApp) -> BTreeSet<String> {
    let mut tables = BTreeSet::new();
    for secret in SECRETS {
        tables.extend(holders(t, secret).await);
    }
    tables
}

async fn nothing_is_left_anywhere(t: &TestApp) {
    let receiver = Receiver::start().await;
    let (customer, ticket) = make(t, &receiver).await;
    let before = tables(t).await;
    let expected = [
        "customer_aliases",
        "customer_terms",
        "customers",
        "events",
        "feedback",
        "payments",
        "plugin_inputs",
        "plugin_runs",
        "ticket_events",
        "ticket_parts",
        "ticket_refusals",
        "ticket_terms",
        "tickets",
        "webhook_attempts",
    ];
    assert_eq!(
        before.iter().map(String::as_str).collect::<Vec<_>>(),
        expected,
        "the test is a good one"
    );
    let runs = t.get("/v1/plugin-runs?limit=500").await.ok();

    let answer = erase(t, &customer).await;
    for table in expected {
        let is_own = ["customer_aliases", "customer_terms", "ticket_terms"].contains(&table);
        assert!(is_own || answer["rows"][table].as_i64() > Some(0), "{table} in {answer:#}");
    }
    assert_eq!(tables(t).await, BTreeSet::from(["erasures".to_owned()]), "until the second pass");
    finish(t).await;
    assert_eq!(tables(t).await, BTreeSet::new());
    let bytes = files(t).await;
    let bytes = String::from_utf8_lossy(&bytes).to_lowercase();
    for secret in SECRETS {
        assert!(!bytes.contains(&secret.to_lowercase()), "{secret} is in a file of the database");
    }

    // What is left can be read, and found.
    let shown = t.ticket(&ticket).await;
    assert_eq!(shown["device"]["identifier"], "Phone of erased", "{shown:#}");
    assert_eq!(shown["tags"], json!(["erased", "vip"]));
    assert_eq!(shown["custom_fields"]["phone"], "erased");
    let found = t.get("/v1/tickets?q=phone%20erased").await.ok();
    assert_eq!(found["pagination"]["total"], 1);
    for none in ["q=contactman", "q=erasable", "phone=7654321", "tag=Jane%20Erasable"] {
        let found = t.get(&format!("/v1/tickets?{none}")).await.ok();
        assert_eq!(found["pagination"]["total"], 0, "{none}");
    }
    assert_eq!(t.get("/v1/plugin-runs?limit=500").await.ok(), runs, "figures stay");
    let denied = runs["data"].as_array().expect("runs").iter();
    let denied: Vec<&Value> = denied.filter(|run| run["outcome"] == "denied").collect();
    assert_eq!(denied.len(), 2);
    for run in denied {
        let run =
            t.get(&format!("/v1/plugin-runs/{}", run["id"].as_str().expect("an id"))).await.ok();
        assert_eq!(run["input"]["customer"]["name"], "erased");
    }
}
