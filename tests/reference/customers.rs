//! "Customers": list and detail.

use crate::support::{TestApp, both_databases, json};

use super::{Server, World};

both_databases![list, detail];

async fn list(t: &TestApp) {
    let world = with_three_repairs(t).await;
    let server = Server::start(t).await;
    let request = "GET /customers ?shop_id=uuid &name=John &created_after=2026-01-01 &limit=50";
    let documented = json!({
        "data": [{
            "id": "customer-uuid", "name": "John Doe", "email": "john@example.com", "phone": "555-0123",
            "address": "123 Main St, Anytown, NY 12345", "lifetime_spend": 599.99, "total_tickets": 3,
            "last_repair_date": "2026-02-20", "created_at": "2025-06-15T10:00:00Z"
        }],
        "pagination": { "offset": 0, "limit": 50, "total": 2450 }
    });
    let shop = format!("shop_id={}", world.shop);
    let ids = [("shop_id=uuid", shop.as_str())];
    let body =
        server.request(request, &ids).await.documented(200, documented, &["pagination.total"]);
    assert_eq!(body["pagination"]["total"], 1);
    for request in ["GET /customers ?name=Jane", "GET /customers ?created_after=2100-01-01"] {
        assert_eq!(server.request(request, &[]).await.body["pagination"]["total"], 0, "{request}");
    }
}

async fn detail(t: &TestApp) {
    let world = with_three_repairs(t).await;
    let server = Server::start(t).await;
    let documented = json!({
        "id": "customer-uuid", "name": "John Doe", "email": "john@example.com", "phone": "555-0123",
        "address": "123 Main St, Anytown, NY 12345", "lifetime_spend": 599.99, "total_tickets": 3,
        "repairs": [
            { "ticket_id": "ticket-uuid", "date": "2026-02-20", "device": "iPhone 14 Pro", "status": "CLOSED", "cost": 259.99 }
        ],
        "created_at": "2025-06-15T10:00:00Z"
    });
    let ids = [(":customer_id", world.customer.as_str())];
    // Three tickets are three repairs; the sample shows one.
    let except = ["repairs[]", "repairs[].status", "repairs[].cost"];
    let body = server
        .request("GET /customers/:customer_id", &ids)
        .await
        .documented(200, documented, &except);
    let repairs = body["repairs"].as_array().expect("repairs");
    assert_eq!(repairs.len(), 3);
    let sample = json!(["CLOSED", 259.99]);
    assert!(
        repairs.iter().any(|repair| json!([repair["status"], repair["cost"]]) == sample),
        "{body:#}"
    );
}

/// John's ticket for 259.99 is closed, and two more of his for 200 and 140.
async fn with_three_repairs(t: &TestApp) -> World {
    let world = World::make(t).await;
    world.charge(t).await;
    world.move_on(t, &["QC_REVIEW", "READY_FOR_PICKUP", "PICKED_UP", "CLOSED"]).await;
    for rate in [200, 140] {
        let customer = json!({ "name": "John Doe", "email": "john@example.com" });
        let more = json!({ "customer": customer, "device_identifier": "iPhone 14 Pro" });
        let ticket = t.create_ticket_with(&world.shop, more).await;
        t.change(&ticket, json!({ "labor_hours": 1, "labor_rate": rate })).await.ok();
        for status in ["DIAGNOSTICS", "IN_REPAIR", "QC_REVIEW", "READY_FOR_PICKUP", "PICKED_UP"] {
            t.transition(&ticket, status).await.ok();
        }
    }
    let mut tx = t.app.db.begin().await.expect("a transaction");
    repairops::execute!(
        tx,
        "update customers set address = $1 where org_id = $2",
        "123 Main St, Anytown, NY 12345",
        t.org
    )
    .expect("an address");
    tx.commit().await.expect("a commit");
    world
}
