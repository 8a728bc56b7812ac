//! The data of the reference's samples: John Doe and his iPhone, Alice Tech, screens in stock.

use std::time::Duration;

use serde_json::json;

use crate::support::TestApp;

pub struct World {
    pub shop: String,
    /// Alice Tech.
    pub technician: String,
    pub customer: String,
    /// John Doe's ticket, T001234, in repair.
    pub ticket: String,
    /// The iPhone 14 Pro Screen.
    pub item: String,
}

impl World {
    /// The ticket of the sample detail: 1.5 hours at 65, two parts of 80, one of them from stock.
    pub async fn make(t: &TestApp) -> World {
        count_tickets_from(t, 1234).await;
        let shop = t.shop.clone();
        let technician = t.create_technician("Alice Tech").await;
        let customer_user = t.create_technician("John Doe (customer)").await;
        let item = t
            .post(
                "/v1/inventory",
                json!({
                    "shop_id": shop, "sku": "SCREEN-IP14-001", "name": "iPhone 14 Pro Screen", "category": "screens",
                    "quantity": 5, "cost": 80.00, "selling_price": 160.00, "reorder_level": 2, "supplier": "Tech Parts Inc",
                }),
            )
            .await
            .id();
        let ticket = t
            .post(
                "/v1/tickets",
                json!({
                    "shop_id": shop,
                    "customer": { "name": "John Doe", "email": "john@example.com", "phone": "555-0123" },
                    "device_identifier": "iPhone 14 Pro", "device_category": "smartphone", "issue_description": "Cracked screen",
                    "actor_id": customer_user,
                }),
            )
            .await
            .id();
        t.change(
            &ticket,
            json!({
                "assigned_to": technician, "labor_hours": 1.5, "labor_rate": 65,
                "parts": [
                    { "inventory_id": item, "quantity": 1, "unit_cost": 80 },
                    { "name": "Digitizer Assembly", "quantity": 1, "unit_cost": 80 },
                ],
                "diagnostics": {
                    "findings": "Screen is damaged; digitizer also broken", "estimated_cost": 259.99,
                    "recommended_parts": ["iPhone 14 Pro Screen", "Digitizer Assembly"],
                },
                "issue": { "category": "physical_damage", "severity": "high" },
                "device": { "description": "Blue, 256GB" },
            }),
        )
        .await
        .ok();
        let customer =
            t.ticket(&ticket).await["customer"]["id"].as_str().expect("an id").to_owned();
        let world = World { shop, technician, customer, ticket, item };
        world.move_on(t, &["DIAGNOSTICS", "IN_REPAIR"]).await;
        world
    }

    /// Alice moves John's ticket, half an hour for each step.
    pub async fn move_on(&self, t: &TestApp, statuses: &[&str]) {
        for status in statuses {
            t.app.clock.advance(Duration::from_secs(1800));
            let body = json!({ "new_status": status, "actor_id": self.technician });
            t.post(&format!("/v1/tickets/{}/transition", self.ticket), body).await.ok();
        }
    }

    /// What the sample of the list costs: 99.99 of labor and 160 of parts.
    pub async fn charge(&self, t: &TestApp) {
        t.change(&self.ticket, json!({ "labor_hours": 1, "labor_rate": 99.99 })).await.ok();
    }
}

/// The next ticket gets this number.
async fn count_tickets_from(t: &TestApp, number: i64) {
    let mut tx = t.app.db.begin().await.expect("a transaction");
    let last = number - 1;
    repairops::execute!(
        tx,
        "update organizations set last_ticket_number = $1 where id = $2",
        last,
        t.org
    )
    .expect("the counter is set");
    tx.commit().await.expect("a commit");
}
