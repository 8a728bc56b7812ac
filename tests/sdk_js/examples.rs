//! The reference's JavaScript, unchanged except for the address, the key and the ids; the SDK's README; and the SDK's
//! own tests against a server.

use std::process::Command;

use serde_json::{Value, json};

use super::package::sdk;
use super::server::Server;
use crate::support::shape::assert_documented;
use crate::support::tools;
use crate::support::{TestApp, both_databases};

both_databases!(
    the_sdk_example,
    the_fetch_examples,
    the_examples_of_the_readme,
    the_tests_against_a_server,
);

async fn the_sdk_example(t: &TestApp) {
    let (listed, ticket) = (full_ticket(t).await, full_ticket(t).await);
    t.transition(&listed, "IN_REPAIR").await.ok();
    let script = include_str!("reference/sdk.mjs")
        .replace("shop-uuid", &t.shop)
        .replace("ticket-uuid", &ticket);
    let script = script + "\nconsole.log(JSON.stringify({ tickets, ticket, newTicket }))\n";
    let said = Server::start(t).await.run(&sdk().await.consumer, &script).await.json();

    assert_documented(&said["tickets"], &documented("list"));
    assert_eq!(said["tickets"]["data"][0]["id"], listed);
    assert_eq!(said["tickets"]["pagination"]["total"], 1);
    assert_documented(&said["ticket"], &documented("detail"));
    assert_documented(&said["newTicket"], &documented("created"));
    let made = t.ticket(said["newTicket"]["id"].as_str().expect("an id")).await;
    assert_eq!(made["customer"]["name"], "Jane Doe");
    assert_eq!(t.ticket(&ticket).await["status"], "IN_REPAIR", "the example moves it");
}

async fn the_fetch_examples(t: &TestApp) {
    let server = Server::start(t).await;
    let ticket = full_ticket(t).await;
    t.transition(&ticket, "IN_REPAIR").await.ok();
    let run = async |script: &str, result: &str| {
        let script = script
            .replace("https://api.repairops.io/v1", &server.base)
            .replace("YOUR_API_KEY", &server.key)
            .replace("TICKET_ID", &ticket)
            .replace("shop-uuid", &t.shop);
        let script = format!("{script}\nconsole.log(JSON.stringify({result}))\n");
        let said = server.run(&sdk().await.consumer, &script).await.ok();
        let last = said.lines().last().unwrap_or_default();
        serde_json::from_str::<Value>(last).unwrap_or_else(|error| panic!("{error} in {said}"))
    };

    let data = run(include_str!("reference/list.mjs"), "data").await;
    assert_documented(&data, &documented("list"));
    for (field, value) in [("offset", 0), ("limit", 25), ("total", 1)] {
        assert_eq!(data["pagination"][field], value);
    }
    assert_eq!(
        (&data["data"][0]["id"], &data["data"][0]["status"]),
        (&json!(ticket), &json!("IN_REPAIR"))
    );

    let shown = run(include_str!("reference/get.mjs"), "ticket").await;
    assert_documented(&shown, &documented("detail"));
    assert_eq!((&shown["id"], &shown["status"]), (&json!(ticket), &json!("IN_REPAIR")));

    let created = run(include_str!("reference/create.mjs"), "created").await;
    assert_documented(&created, &documented("created"));
    let made = t.ticket(created["id"].as_str().expect("an id")).await;
    assert_eq!(made["device"]["identifier"], "MacBook Pro 16\"");
    assert_eq!(made["issue"]["description"], "Won't turn on");
}

/// In one of the shop's tickets everything is filled in that the reference shows filled in; it may go to IN_REPAIR.
async fn full_ticket(t: &TestApp) -> String {
    let number = t.get("/v1/tickets").await.ok()["pagination"]["total"].clone();
    let technician = t.create_technician(&format!("Alice Tech {number}")).await;
    let item = t.create_item(&t.shop, &format!("SCREEN-{number}"), 5).await;
    let more = json!({
        "customer": { "name": "John Doe", "email": "john@example.com", "phone": "555-0123" },
        "device_category": "smartphone",
    });
    let ticket = t.create_ticket_with(&t.shop, more).await;
    let change = json!({
        "assigned_to": technician, "labor_hours": 1.5, "labor_rate": 65, "parts": [{ "inventory_id": item, "quantity": 1 }],
        "diagnostics": { "findings": "Screen is damaged", "estimated_cost": 259.99, "recommended_parts": ["Screen"] },
        "issue": { "category": "physical_damage", "severity": "high" }, "device": { "description": "Blue, 256GB" },
    });
    t.change(&ticket, change).await.ok();
    t.transition(&ticket, "DIAGNOSTICS").await.ok();
    ticket
}

/// The reference's answers.
fn documented(name: &str) -> Value {
    match name {
        "list" => json!({
            "data": [{
                "id": "550e8400-e29b-41d4-a716-446655440000", "number": "T001234", "status": "IN_REPAIR",
                "customer_id": "customer-uuid", "customer_name": "John Doe", "device_identifier": "iPhone 14 Pro",
                "issue_description": "Cracked screen", "total_cost": 259.99, "labor_cost": 99.99, "parts_cost": 160.00,
                "created_at": "2026-02-15T10:30:00Z", "updated_at": "2026-02-20T14:15:00Z",
                "assigned_to": "tech-uuid", "assigned_to_name": "Alice Tech",
            }],
            "pagination": { "offset": 0, "limit": 50, "total": 1250 },
        }),
        "detail" => json!({
            "id": "550e8400-e29b-41d4-a716-446655440000", "number": "T001234", "status": "IN_REPAIR",
            "customer": { "id": "customer-uuid", "name": "John Doe", "email": "john@example.com", "phone": "555-0123" },
            "device": { "identifier": "iPhone 14 Pro", "category": "smartphone", "description": "Blue, 256GB" },
            "issue": { "description": "Cracked screen", "category": "physical_damage", "severity": "high" },
            "timeline": [{ "status": "INTAKE", "timestamp": "2026-02-15T10:30:00Z", "actor": "John Doe (customer)" }],
            "diagnostics": {
                "findings": "Screen is damaged; digitizer also broken", "estimated_cost": 259.99,
                "recommended_parts": ["iPhone 14 Pro Screen", "Digitizer Assembly"],
            },
            "labor": { "hours": 1.5, "rate": 65.00, "total": 97.50 },
            "parts": [{ "name": "iPhone 14 Pro Screen", "quantity": 1, "unit_cost": 80.00, "total": 80.00 }],
            "total_cost": 259.99, "created_at": "2026-02-15T10:30:00Z", "updated_at": "2026-02-20T14:15:00Z",
        }),
        "created" => json!({
            "id": "ticket-uuid", "number": "T001235", "status": "INTAKE", "created_at": "2026-02-21T10:00:00Z",
        }),
        _ => panic!("the reference has no answer {name}"),
    }
}

async fn the_examples_of_the_readme(t: &TestApp) {
    let server = Server::start(t).await;
    let sdk = sdk().await;
    full_ticket(t).await;
    let readme = include_str!("../../sdk/js/README.md");
    let blocks: Vec<&str> = readme
        .split("```js\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default())
        .collect();
    let receiver = include_str!("../../sdk/js/examples/webhook-receiver.mjs");
    assert!(blocks.contains(&receiver), "the README shows the example as it is");
    let mut run = 0;
    for block in blocks.iter().filter(|block| **block != receiver) {
        let said = server.run(&sdk.consumer, block).await.ok();
        assert!(!said.trim().is_empty(), "an example shows something:\n{block}");
        run += 1;
    }
    assert!(run >= 4, "{run} examples were run");
}

async fn the_tests_against_a_server(t: &TestApp) {
    let server = Server::start(t).await;
    let mut command = Command::new("node");
    command
        .args(["--test", "--test-reporter=tap", "test/integration.test.mjs"])
        .envs(server.environment());
    command.current_dir(&sdk().await.folder);
    let said = tools::run(command).await.ok();
    assert!(said.contains("# fail 0") && said.contains("# skipped 0"), "{said}");
}
