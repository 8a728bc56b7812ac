//! `/v1/customers`.

use crate::support::shape::assert_shape;
use crate::support::{TestApp, both_databases, json};

both_databases![
    the_list_and_the_detail_have_the_documented_fields,
    a_customer_is_found_by_email_and_only_filled,
    spend_counts_what_was_picked_up,
    filters_and_sorting,
];

async fn the_list_and_the_detail_have_the_documented_fields(t: &TestApp) {
    let customer = json!({ "name": "John Doe", "email": "john@example.com", "phone": "555-0123" });
    let ticket = t.create_ticket_with(&t.shop, json!({ "customer": customer })).await;
    let mut shape = json!({
        "id": "uuid", "name": "=John Doe", "email": "=john@example.com", "phone": "=555-0123", "address": "null",
        "lifetime_spend": "number", "total_tickets": "integer", "last_repair_date": "null", "created_at": "time",
    });
    let list = t.get("/v1/customers").await.ok();
    assert_shape(&list["data"], &json!([shape]));
    let repair = json!({ "ticket_id": "uuid", "date": "date", "device": "text", "status": "=INTAKE", "cost": "number" });
    shape["repairs"] = json!([repair]);
    let id = list["data"][0]["id"].as_str().expect("an id");
    let detail = t.get(&format!("/v1/customers/{id}")).await.ok();
    assert_shape(&detail, &shape);
    assert_eq!(detail["repairs"][0]["ticket_id"], ticket.as_str());
    assert_eq!((&detail["total_tickets"], &detail["lifetime_spend"]), (&json!(1), &json!(0.0)));
}

async fn a_customer_is_found_by_email_and_only_filled(t: &TestApp) {
    let create = async |name: &str, email: &str, phone: Option<&str>| {
        let customer = json!({ "name": name, "email": email, "phone": phone });
        let ticket = t.create_ticket_with(&t.shop, json!({ "customer": customer })).await;
        t.ticket(&ticket).await["customer"].clone()
    };
    let first = create("Jürgen Groß", "J.Groß@Example.com", None).await;
    let second = create("Somebody Else", "  j.groß@EXAMPLE.com ", Some("555-1")).await;
    assert_eq!(second["id"], first["id"]);
    assert_eq!((&second["name"], &second["phone"]), (&json!("Jürgen Groß"), &json!("555-1")));
    let third = create("Jürgen Groß", "j.groß@example.com", Some("555-2")).await;
    assert_eq!(third["phone"], "555-1", "nothing is overwritten");
    let created = t.event_names_after(0).await;
    assert_eq!(created.iter().filter(|name| *name == "customer.created").count(), 1, "{created:?}");
    let list = t.get("/v1/customers").await.ok();
    assert_eq!(
        (&list["pagination"]["total"], &list["data"][0]["total_tickets"]),
        (&json!(1), &json!(3))
    );
}

async fn spend_counts_what_was_picked_up(t: &TestApp) {
    let parts = json!([{ "name": "Screen", "quantity": 2, "unit_cost": 10.01 }]);
    let ticket = t.create_ticket_with_parts(&t.shop, "READY_FOR_PICKUP", parts.clone()).await;
    t.create_ticket_with_parts(&t.shop, "IN_REPAIR", parts).await;
    t.change(&ticket, json!({ "labor_hours": 0.33, "labor_rate": 0.5 })).await.ok();
    let customer = async || t.get("/v1/customers").await["data"][0].clone();
    assert_eq!(customer().await["lifetime_spend"], 0.0);
    t.transition(&ticket, "PICKED_UP").await.ok();
    let after = customer().await;
    assert_eq!(after["lifetime_spend"], 20.19, "2 x 10.01 and 16.5 cents of labor, half up");
    let today = t.app.clock.now().date_naive().to_string();
    assert_eq!(after["last_repair_date"], today);
    let detail =
        t.get(&format!("/v1/customers/{}", after["id"].as_str().expect("an id"))).await.ok();
    let repairs: Vec<_> = detail["repairs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|repair| &repair["status"])
        .collect();
    assert_eq!(repairs, ["IN_REPAIR", "PICKED_UP"], "newest first");
    assert_eq!(detail["repairs"][1]["cost"], 20.19);
}

async fn filters_and_sorting(t: &TestApp) {
    let elm = t.create_shop("Elm Street").await;
    for (shop, name) in
        [(&t.shop, "Ännchen Müller"), (&elm, "Bob 100% Smith"), (&t.shop, "carl Müller")]
    {
        let customer = json!({ "name": name, "email": format!("{}@example.com", name.len()) });
        t.create_ticket_with(shop, json!({ "customer": customer })).await;
        t.app.clock.advance(std::time::Duration::from_secs(86_400));
    }
    let names = async |query: &str| {
        let list = t.get(&format!("/v1/customers?{query}")).await.ok();
        let names: Vec<String> = list["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|c| c["name"].as_str().expect("a name").to_owned())
            .collect();
        assert_eq!(list["pagination"]["total"], names.len(), "{query}");
        names
    };
    assert_eq!(
        names("").await,
        ["carl Müller", "Bob 100% Smith", "Ännchen Müller"],
        "newest first"
    );
    assert_eq!(
        names("sort=created_at&name=M%C3%9CLL").await,
        ["Ännchen Müller", "carl Müller"],
        "any part, any case"
    );
    assert_eq!(names("name=%C3%84NN").await, ["Ännchen Müller"]);
    assert_eq!(names("name=0%25%20s").await, ["Bob 100% Smith"], "a percent sign is one");
    assert_eq!(names("name=_ob").await, [""; 0], "and so is an underscore");
    assert_eq!(names(&format!("shop_id={elm}")).await, ["Bob 100% Smith"]);
    let tomorrow = t.app.clock.now() - chrono::Duration::hours(36);
    assert_eq!(
        names(&format!("created_after={}", tomorrow.format("%Y-%m-%dT%H:%M:%SZ"))).await,
        ["carl Müller"]
    );
    t.get("/v1/customers?sort=email").await.invalid("sort");
    t.get("/v1/customers?created_after=soon").await.invalid("created_after");
}
