//! "Quickstart Playground": three requests, each by curl and by Python.

use crate::support::{TestApp, both_databases, json};

use super::{Server, World};

both_databases![tickets_in_repair, a_ticket, a_new_ticket];

async fn tickets_in_repair(t: &TestApp) {
    let _world = World::make(t).await;
    let server = Server::start(t).await;
    let documented = json!({
        "data": [{ "id": "550e8400-e29b-41d4-a716-446655440000", "number": "T001234", "status": "IN_REPAIR" }],
        "pagination": { "offset": 0, "limit": 25, "total": 1 }
    });
    let curl = r#"curl -X GET "https://api.repairops.io/v1/tickets?status=IN_REPAIR&limit=25" \
-H "Authorization: Bearer YOUR_API_KEY""#;
    server.curl(curl, &[]).await.documented(200, documented.clone(), &[]);
    let python = r#"import requests
response = requests.get(
"https://api.repairops.io/v1/tickets",
params={"status": "IN_REPAIR", "limit": 25},
headers={"Authorization": "Bearer YOUR_API_KEY"},
)
print(response.json())"#;
    server.python(python, &[]).await.documented(200, documented, &[]);
}

async fn a_ticket(t: &TestApp) {
    let world = World::make(t).await;
    let server = Server::start(t).await;
    let documented = json!({ "id": "550e8400-e29b-41d4-a716-446655440000", "number": "T001234", "status": "IN_REPAIR" });
    let ids = [("TICKET_ID", world.ticket.as_str())];
    let curl = r#"curl -X GET "https://api.repairops.io/v1/tickets/TICKET_ID" \
-H "Authorization: Bearer YOUR_API_KEY""#;
    let body = server.curl(curl, &ids).await.documented(200, documented.clone(), &[]);
    assert_eq!(body["id"], world.ticket);
    let python = r#"import requests
response = requests.get(
"https://api.repairops.io/v1/tickets/TICKET_ID",
headers={"Authorization": "Bearer YOUR_API_KEY"},
)
print(response.json())"#;
    server.python(python, &ids).await.documented(200, documented, &[]);
}

async fn a_new_ticket(t: &TestApp) {
    let world = World::make(t).await;
    let server = Server::start(t).await;
    let mut documented = json!({ "id": "ticket-uuid", "number": "T001235", "status": "INTAKE", "created_at": "2026-02-21T10:00:00Z" });
    let ids = [("shop-uuid", world.shop.as_str())];
    let curl = r#"curl -X POST "https://api.repairops.io/v1/tickets" \
-H "Authorization: Bearer YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{
"shop_id": "shop-uuid",
"customer": {
"name": "Jane Smith",
"email": "jane@example.com"
},
"device_identifier": "MacBook Pro 16\"",
"issue_description": "Wont turn on",
"device_category": "laptop"
}'"#;
    // In the reference the apostrophe of "Won't" ends the shell's quotation; the rest is as it stands there.
    let answer = server.curl(curl, &ids).await;
    let location = answer.header("location").map(str::to_owned);
    let body = answer.documented(201, documented.clone(), &[]);
    assert_eq!(location, body["id"].as_str().map(|id| format!("/v1/tickets/{id}")));
    let python = r#"import requests
response = requests.post(
"https://api.repairops.io/v1/tickets",
headers={
"Authorization": "Bearer YOUR_API_KEY",
"Content-Type": "application/json",
},
json={
"shop_id": "shop-uuid",
"customer": {
"name": "Jane Smith",
"email": "jane@example.com",
},
"device_identifier": "MacBook Pro 16\"",
"issue_description": "Won't turn on",
"device_category": "laptop",
},
)
print(response.json())"#;
    documented["number"] = json!("T001236");
    let body = server.python(python, &ids).await.documented(201, documented, &[]);
    let ticket = t.ticket(body["id"].as_str().expect("an id")).await;
    assert_eq!(ticket["issue"]["description"], "Won't turn on");
    assert_eq!(ticket["device"]["identifier"], "MacBook Pro 16\"");
}
