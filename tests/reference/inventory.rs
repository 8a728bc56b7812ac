//! "Inventory": list and update.

use crate::support::{TestApp, both_databases, json};

use super::{Server, World};

both_databases![list, update];

async fn list(t: &TestApp) {
    let world = World::make(t).await;
    // John's ticket holds one of five; this one the other.
    let parts = json!([{ "inventory_id": world.item, "quantity": 1 }]);
    t.create_ticket_with_parts(&world.shop, "APPROVED", parts).await;
    let server = Server::start(t).await;
    let request = "GET /inventory ?shop_id=uuid &category=screens &in_stock=true &limit=50";
    let documented = json!({
        "data": [{
            "id": "inventory-uuid", "sku": "SCREEN-IP14-001", "name": "iPhone 14 Pro Screen", "category": "screens",
            "quantity_on_hand": 5, "quantity_reserved": 2, "quantity_available": 3, "cost": 80.00, "selling_price": 160.00,
            "reorder_level": 2, "supplier": "Tech Parts Inc", "last_updated": "2026-02-20T10:00:00Z"
        }],
        "pagination": { "offset": 0, "limit": 50, "total": 342 }
    });
    let shop = format!("shop_id={}", world.shop);
    let ids = [("shop_id=uuid", shop.as_str())];
    let body =
        server.request(request, &ids).await.documented(200, documented, &["pagination.total"]);
    assert_eq!(body["pagination"]["total"], 1);
    for request in ["GET /inventory ?category=batteries", "GET /inventory ?in_stock=false"] {
        assert_eq!(server.request(request, &[]).await.body["pagination"]["total"], 0, "{request}");
    }
}

async fn update(t: &TestApp) {
    let world = World::make(t).await;
    let server = Server::start(t).await;
    let request = r#"PATCH /inventory/:inventory_id -H "Content-Type: application/json" -d '{ "quantity": 10, "reason": "purchased" }'"#;
    // The reference shows no answer; ours is the item as it is now.
    let documented = json!({
        "id": "inventory-uuid", "sku": "SCREEN-IP14-001", "name": "iPhone 14 Pro Screen", "category": "screens",
        "quantity_on_hand": 10, "quantity_reserved": 1, "quantity_available": 9, "cost": 80.00, "selling_price": 160.00,
        "reorder_level": 2, "supplier": "Tech Parts Inc", "last_updated": "2026-02-20T10:00:00Z"
    });
    let ids = [(":inventory_id", world.item.as_str())];
    server.request(request, &ids).await.documented(200, documented, &[]);
    let movements = t.movements(&world.item).await;
    assert_eq!(movements.last(), Some(&(5, "purchased".to_owned())));
}
