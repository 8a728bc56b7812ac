//! "Tickets": list, detail, creation, update, transition.

use chrono::Days;

use crate::support::{TestApp, both_databases, json};

use super::{Server, World};

both_databases![list, detail, creation, update, transition, transition_that_is_not_allowed];

async fn list(t: &TestApp) {
    let world = World::make(t).await;
    world.charge(t).await;
    let server = Server::start(t).await;
    let tomorrow = (t.app.clock.now() + Days::new(2)).date_naive().to_string();
    let ids = [("shop_id=uuid", &*format!("shop_id={}", world.shop)), ("2026-02-01", &tomorrow)];
    let request = "GET /tickets ?shop_id=uuid &status=IN_REPAIR &created_after=2026-01-01 &created_before=2026-02-01 &limit=50 &offset=0";
    let documented = json!({
        "data": [{
            "id": "550e8400-e29b-41d4-a716-446655440000", "number": "T001234", "status": "IN_REPAIR",
            "customer_id": "customer-uuid", "customer_name": "John Doe", "device_identifier": "iPhone 14 Pro",
            "issue_description": "Cracked screen", "total_cost": 259.99, "labor_cost": 99.99, "parts_cost": 160.00,
            "created_at": "2026-02-15T10:30:00Z", "updated_at": "2026-02-20T14:15:00Z",
            "assigned_to": "tech-uuid", "assigned_to_name": "Alice Tech"
        }],
        "pagination": { "offset": 0, "limit": 50, "total": 1250 }
    });
    let body =
        server.request(request, &ids).await.documented(200, documented, &["pagination.total"]);
    assert_eq!(body["pagination"]["total"], 1);
    assert_eq!(body["data"][0]["assigned_to"], world.technician);

    // Each parameter counts.
    let customer = format!("GET /tickets ?customer_id={}", world.customer);
    for (request, total) in [
        (customer.as_str(), 1),
        ("GET /tickets ?created_before=2026-02-01", 0),
        ("GET /tickets ?status=CLOSED", 0),
        ("GET /tickets ?offset=1", 1),
        ("GET /tickets ?shop_id=550e8400-e29b-41d4-a716-446655440000", 0),
    ] {
        let answer = server.request(request, &[]).await;
        assert_eq!(answer.body["pagination"]["total"], total, "{request}: {:#}", answer.body);
    }
}

async fn detail(t: &TestApp) {
    let world = World::make(t).await;
    let server = Server::start(t).await;
    let documented = json!({
        "id": "550e8400-e29b-41d4-a716-446655440000", "number": "T001234", "status": "IN_REPAIR",
        "customer": { "id": "customer-uuid", "name": "John Doe", "email": "john@example.com", "phone": "555-0123" },
        "device": { "identifier": "iPhone 14 Pro", "category": "smartphone", "description": "Blue, 256GB" },
        "issue": { "description": "Cracked screen", "category": "physical_damage", "severity": "high" },
        "timeline": [
            { "status": "INTAKE", "timestamp": "2026-02-15T10:30:00Z", "actor": "John Doe (customer)" },
            { "status": "DIAGNOSTICS", "timestamp": "2026-02-15T11:00:00Z", "actor": "Alice Tech" },
            { "status": "IN_REPAIR", "timestamp": "2026-02-16T09:00:00Z", "actor": "Alice Tech" }
        ],
        "diagnostics": {
            "findings": "Screen is damaged; digitizer also broken", "estimated_cost": 259.99,
            "recommended_parts": ["iPhone 14 Pro Screen", "Digitizer Assembly"]
        },
        "labor": { "hours": 1.5, "rate": 65.00, "total": 97.50 },
        "parts": [
            { "name": "iPhone 14 Pro Screen", "quantity": 1, "unit_cost": 80.00, "total": 80.00 },
            { "name": "Digitizer Assembly", "quantity": 1, "unit_cost": 80.00, "total": 80.00 }
        ],
        "total_cost": 259.99, "created_at": "2026-02-15T10:30:00Z", "updated_at": "2026-02-20T14:15:00Z"
    });
    let ids = [(":ticket_id", world.ticket.as_str())];
    // 97.50 and 160 are not 259.99.
    let body = server.request("GET /tickets/:ticket_id", &ids).await.documented(
        200,
        documented,
        &["total_cost"],
    );
    assert_eq!(body["total_cost"], 257.5);
    assert_eq!(body["customer"]["id"], world.customer);
}

async fn creation(t: &TestApp) {
    let world = World::make(t).await;
    let server = Server::start(t).await;
    // The apostrophe of "Won't" would end the shell's quotation.
    let request = r#"POST /tickets -H "Content-Type: application/json" -d '{ "shop_id": "shop-uuid", "customer": { "name": "Jane Smith", "email": "jane@example.com", "phone": "555-0456" }, "device_identifier": "MacBook Pro 16\"", "issue_description": "Wont turn on, possible liquid damage", "device_category": "laptop" }'"#;
    let documented = json!({ "id": "ticket-uuid", "number": "T001235", "status": "INTAKE", "created_at": "2026-02-21T10:00:00Z" });
    let body = server.request(request, &[("shop-uuid", &world.shop)]).await.documented(
        201,
        documented,
        &[],
    );
    let ticket = t.ticket(body["id"].as_str().expect("an id")).await;
    assert_eq!(ticket["customer"]["phone"], "555-0456");
    assert_eq!(ticket["device"]["category"], "laptop");
    // Only what is said to be required is.
    let request = r#"POST /tickets -H "Content-Type: application/json" -d '{ "shop_id": "shop-uuid", "customer": { "name": "Jane Smith", "email": "jane@example.com" }, "device_identifier": "iPhone 14", "issue_description": "Cracked screen" }'"#;
    let documented = json!({ "id": "ticket-uuid", "number": "T001236", "status": "INTAKE", "created_at": "2026-02-21T10:00:00Z" });
    server.request(request, &[("shop-uuid", &world.shop)]).await.documented(201, documented, &[]);
}

async fn update(t: &TestApp) {
    let world = World::make(t).await;
    let ticket = t.create_ticket_in(&world.shop, "DIAGNOSTICS").await;
    let server = Server::start(t).await;
    let request = r#"PATCH /tickets/:ticket_id -H "Content-Type: application/json" -d '{ "status": "IN_REPAIR", "assigned_to": "tech-uuid", "labor_hours": 2, "labor_rate": 65 }'"#;
    let ids = [(":ticket_id", ticket.as_str()), ("tech-uuid", world.technician.as_str())];
    let documented =
        json!({ "id": "ticket-uuid", "status": "IN_REPAIR", "updated_at": "2026-02-21T11:00:00Z" });
    server.request(request, &ids).await.documented(200, documented, &[]);
    let changed = t.ticket(&ticket).await;
    assert_eq!(changed["labor"]["total"], 130.0);
    assert_eq!(changed["assigned_to"], world.technician);
}

async fn transition(t: &TestApp) {
    let world = World::make(t).await;
    let server = Server::start(t).await;
    let request = r#"POST /tickets/:ticket_id/transition -H "Content-Type: application/json" -d '{ "new_status": "QC_REVIEW", "notes": "Ready for quality check" }'"#;
    let documented = json!({
        "ok": true, "event_id": "event-uuid", "from_status": "IN_REPAIR", "to_status": "QC_REVIEW",
        "timestamp": "2026-02-21T15:00:00Z"
    });
    server.request(request, &[(":ticket_id", &world.ticket)]).await.documented(
        200,
        documented,
        &[],
    );
    let timeline = t.ticket(&world.ticket).await["timeline"].clone();
    assert_eq!(timeline[3]["notes"], "Ready for quality check");
}

async fn transition_that_is_not_allowed(t: &TestApp) {
    let world = World::make(t).await;
    let server = Server::start(t).await;
    let request = r#"POST /tickets/:ticket_id/transition -H "Content-Type: application/json" -d '{ "new_status": "INTAKE" }'"#;
    let documented = json!({ "error": {
        "code": "INVALID_TRANSITION", "message": "Cannot transition from IN_REPAIR to INTAKE",
        "details": { "from": "IN_REPAIR", "to": "INTAKE" }
    }});
    server.request(request, &[(":ticket_id", &world.ticket)]).await.documented(
        409,
        documented,
        &[],
    );
}
