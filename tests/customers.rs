//! `/v1/customers`: lists, changes and merges.

mod without_email;

use crate::support::builders::ticket_body;
use crate::support::reply::Reply;
use crate::support::shape::assert_shape;
use crate::support::{TestApp, all_at_once, both_databases, json};

both_databases![
    the_list_and_the_detail_have_the_documented_fields,
    a_customer_is_found_by_email_and_only_filled,
    spend_counts_what_was_picked_up,
    payments_are_what_was_spent_where_there_are_some,
    contact_data_can_be_changed,
    an_email_address_leads_to_one_customer,
    what_is_not_right_is_refused,
    a_merge_moves_everything_and_leaves_a_trace,
    merges_that_cannot_be,
    tickets_that_come_during_a_merge_are_not_lost,
    filters_and_sorting,
    changes_and_merges_are_events,
    a_second_person_of_one_address_is_not_lost,
    names_are_what_they_look_like,
];

async fn the_list_and_the_detail_have_the_documented_fields(t: &TestApp) {
    let customer = json!({ "name": "John Doe", "email": "john@example.com", "phone": "555-0123" });
    let ticket = t.create_ticket_with(&t.shop, json!({ "customer": customer })).await;
    let mut shape = json!({
        "id": "uuid", "name": "=John Doe", "email": "=john@example.com", "phone": "=555-0123", "address": "null",
        "lifetime_spend": "number", "total_tickets": "integer", "last_repair_date": "null", "created_at": "time",
    });
    let list = t.get("/v1/customers").await.ok();
    shape["version"] = json!("integer");
    assert_shape(&list["data"], &json!([shape]));
    let repair = json!({ "ticket_id": "uuid", "date": "date", "device": "text", "status": "=INTAKE", "cost": "number" });
    shape["repairs"] = json!([repair]);
    shape["other_emails"] = json!([]);
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

async fn payments_are_what_was_spent_where_there_are_some(t: &TestApp) {
    let parts = json!([{ "name": "Screen", "quantity": 1, "unit_cost": 100 }]);
    let mut tickets = Vec::new();
    for _ in 0..3 {
        tickets.push(t.create_ticket_with_parts(&t.shop, "READY_FOR_PICKUP", parts.clone()).await);
    }
    let customer =
        t.ticket(&tickets[0]).await["customer"]["id"].as_str().expect("an id").to_owned();
    let spent =
        async || t.get(&format!("/v1/customers/{customer}")).await.ok()["lifetime_spend"].clone();
    let pay = async |ticket: &str, kind: &str, amount: f64| {
        let body = json!({ "kind": kind, "amount": amount, "method": "cash" });
        t.post(&format!("/v1/tickets/{ticket}/payments"), body).await.expect_status(201);
    };
    assert_eq!(spent().await, 0.0);
    pay(&tickets[0], "payment", 30.5).await;
    assert_eq!(spent().await, 30.5, "a deposit counts before the pickup");
    t.transition(&tickets[0], "PICKED_UP").await.ok();
    t.transition(&tickets[1], "PICKED_UP").await.ok();
    assert_eq!(spent().await, 130.5, "the total only where there is no payment");
    pay(&tickets[0], "refund", 30.5).await;
    assert_eq!(spent().await, 100.0, "what was given back was not spent");
    let list = t.get("/v1/customers").await.ok();
    assert_eq!(list["data"][0]["lifetime_spend"], 100.0);
}

/// The id of the customer of a new ticket.
async fn customer(t: &TestApp, name: &str, email: &str, phone: Option<&str>) -> String {
    let customer = json!({ "name": name, "email": email, "phone": phone });
    let ticket = t.create_ticket_with(&t.shop, json!({ "customer": customer })).await;
    t.ticket(&ticket).await["customer"]["id"].as_str().expect("an id").to_owned()
}

async fn contact_data_can_be_changed(t: &TestApp) {
    let john = customer(t, "John Doe", "john@example.com", Some("555-0123")).await;
    let path = format!("/v1/customers/{john}");
    let ticket = t.get(&path).await["repairs"][0]["ticket_id"].as_str().expect("an id").to_owned();
    let before = t.ticket(&ticket).await;
    let body =
        json!({ "name": " Jane Doe ", "email": "Jane@Example.com", "address": "123 Main St" });
    let changed = t.writer.patch(&path, body).await.ok();
    assert_eq!(changed, t.get(&path).await.ok());
    assert_eq!(
        (&changed["name"], &changed["email"], &changed["phone"], &changed["address"]),
        (&json!("Jane Doe"), &json!("Jane@Example.com"), &json!("555-0123"), &json!("123 Main St"))
    );
    let after = t.ticket(&ticket).await;
    assert_eq!(after["customer"]["name"], "Jane Doe");
    assert_eq!(after["version"].as_i64(), before["version"].as_i64().map(|version| version + 1));
    let emptied = t.patch(&path, json!({ "phone": null, "address": " " })).await.ok();
    assert_eq!((&emptied["phone"], &emptied["address"]), (&json!(null), &json!(null)));
    assert_eq!(t.get("/v1/customers?name=JANE").await["pagination"]["total"], 1);
    assert_eq!(t.patch(&path, json!({})).await.ok(), emptied);
    assert_eq!(
        t.ticket(&ticket).await["version"].as_i64(),
        after["version"].as_i64().map(|version| version + 1)
    );
    // The new address finds the customer, the old one makes another.
    assert_eq!(customer(t, "Anyone", " JANE@example.COM", None).await, john);
    assert_ne!(customer(t, "Anyone", "john@example.com", None).await, john);
    t.reader.patch(&path, json!({ "name": "X" })).await.error(403, "FORBIDDEN");
    t.stranger().await.patch(&path, json!({ "name": "X" })).await.not_found();
}

async fn an_email_address_leads_to_one_customer(t: &TestApp) {
    let john = customer(t, "John Doe", "john@example.com", None).await;
    let jane = customer(t, "Jane Doe", "jane@example.com", None).await;
    let path = format!("/v1/customers/{john}");
    let taken = async |email: &str| {
        let details = t.patch(&path, json!({ "email": email })).await.details(409, "CONFLICT");
        assert_eq!(details, json!({ "field": "email", "value": email, "customer_id": jane }));
    };
    taken("JANE@example.com").await;
    let old = customer(t, "Jane", "jane@old.example", None).await;
    t.post(&format!("/v1/customers/{jane}/merge"), json!({ "from": old })).await.ok();
    taken("Jane@Old.example").await;
    let same = t.patch(&path, json!({ "email": "John@Example.com" })).await.ok();
    assert_eq!(same["email"], "John@Example.com", "the customer's own may be written anew");
    // The customer's own other address becomes the first; the one before leads nowhere any more.
    let jane_path = format!("/v1/customers/{jane}");
    let changed = t.patch(&jane_path, json!({ "email": "jane@old.example" })).await.ok();
    assert_eq!(
        (&changed["email"], &changed["other_emails"]),
        (&json!("jane@old.example"), &json!([]))
    );
    t.patch(&path, json!({ "email": "jane@example.com" })).await.ok();
    // One of many wins.
    let three = customer(t, "Three", "three@example.com", None).await;
    let wanted = json!({ "email": "free@example.com" });
    let paths = [path, jane_path, format!("/v1/customers/{three}")];
    let replies = all_at_once(paths.iter().map(|path| t.patch(path, wanted.clone()))).await;
    let (won, lost): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 2));
    for reply in lost {
        let details = reply.details(409, "CONFLICT");
        assert_eq!(details["customer_id"], won[0]["id"]);
    }
}

async fn what_is_not_right_is_refused(t: &TestApp) {
    let john = customer(t, "John Doe", "john@example.com", None).await;
    let path = format!("/v1/customers/{john}");
    let before = t.get(&path).await.ok();
    let change = async |body| t.patch(&path, body).await;
    assert_eq!(change(json!({ "name": " " })).await.invalid("name"), " ");
    assert_eq!(change(json!({ "name": null })).await.invalid("name"), json!(null));
    assert_eq!(change(json!({ "email": null })).await.invalid("email"), json!(null));
    assert_eq!(change(json!({ "email": "john" })).await.invalid("email"), "john");
    change(json!({ "phone": "5".repeat(65) })).await.invalid("phone");
    change(json!({ "address": "5".repeat(501) })).await.invalid("address");
    change(json!({ "lifetime_spend": 1 })).await.invalid("lifetime_spend");
    assert_eq!(t.get(&path).await.ok(), before);
    t.patch("/v1/customers/00000000-0000-7000-8000-000000000000", json!({})).await.not_found();
}

async fn a_merge_moves_everything_and_leaves_a_trace(t: &TestApp) {
    let john = customer(t, "John Doe", "john@example.com", None).await;
    let other = customer(t, "J. Doe", "john@work.example", Some("555-0123")).await;
    t.patch(&format!("/v1/customers/{other}"), json!({ "address": "123 Main St" })).await.ok();
    customer(t, "J. Doe", "john@work.example", None).await;
    let path = format!("/v1/customers/{john}");
    let moved = t.get(&format!("/v1/tickets?customer_id={other}&sort=number")).await.ok();
    let moved = [0, 1].map(|index| moved["data"][index]["id"].as_str().expect("an id").to_owned());
    let (before, known) = (t.ticket(&moved[0]).await, t.events().await.len());
    let merged = t.post(&format!("{path}/merge"), json!({ "from": other })).await.ok();
    assert_eq!(merged, t.get(&path).await.ok());
    assert_eq!(
        (&merged["name"], &merged["phone"], &merged["address"], &merged["total_tickets"]),
        (&json!("John Doe"), &json!("555-0123"), &json!("123 Main St"), &json!(3))
    );
    assert_eq!(merged["other_emails"], json!(["john@work.example"]));
    assert_eq!(merged["repairs"].as_array().map(Vec::len), Some(3));
    let after = t.ticket(&moved[0]).await;
    assert_eq!(after["customer"]["id"], john.as_str());
    assert_eq!(after["version"].as_i64(), before["version"].as_i64().map(|version| version + 1));
    let events = t.events().await.split_off(known);
    let told: Vec<_> =
        events.iter().map(|(name, data)| (name.as_str(), &data["ticket_id"])).collect();
    assert_eq!(
        told[..2],
        [("ticket.updated", &json!(moved[0])), ("ticket.updated", &json!(moved[1]))]
    );
    assert_eq!(told[2..], [("customer.merged", &json!(null))]);
    assert_eq!(
        (&events[0].1["changed"], &events[0].1["customer_id"]),
        (&json!(["customer_id"]), &json!(john))
    );
    assert_eq!(events[0].1["version"], after["version"]);

    // Old links and the old address lead to the survivor, after another merge too.
    let gone = |reply: Reply| reply.details(404, "NOT_FOUND")["merged_into"].clone();
    assert_eq!(gone(t.get(&format!("/v1/customers/{other}")).await), john.as_str());
    assert_eq!(gone(t.patch(&format!("/v1/customers/{other}"), json!({})).await), john.as_str());
    assert_eq!(t.get("/v1/customers").await["pagination"]["total"], 1);
    assert_eq!(customer(t, "Anyone", "JOHN@work.example", None).await, john);
    let third = customer(t, "Third", "third@example.com", None).await;
    t.post(&format!("/v1/customers/{third}/merge"), json!({ "from": john })).await.ok();
    assert_eq!(gone(t.get(&format!("/v1/customers/{other}")).await), third.as_str());
    let merged = t.get(&format!("/v1/customers/{third}")).await.ok();
    assert_eq!(merged["other_emails"], json!(["john@example.com", "john@work.example"]));
    assert_eq!(customer(t, "Anyone", "john@work.example", None).await, third);
    let list = t.get(&format!("/v1/customers?shop_id={}", t.shop)).await.ok();
    assert_eq!(
        (&list["pagination"]["total"], &list["data"][0]["total_tickets"]),
        (&json!(1), &json!(6))
    );
}

async fn merges_that_cannot_be(t: &TestApp) {
    let john = customer(t, "John Doe", "john@example.com", None).await;
    let jane = customer(t, "Jane Doe", "jane@example.com", None).await;
    let merge = |id: &str, from: &str| {
        t.post(&format!("/v1/customers/{id}/merge"), json!({ "from": from }))
    };
    assert_eq!(merge(&john, &john).await.invalid("from"), john.as_str());
    let nobody = "00000000-0000-7000-8000-000000000000";
    assert_eq!(merge(&john, nobody).await.invalid("from"), nobody);
    merge(nobody, &john).await.not_found();
    let path = format!("/v1/customers/{john}/merge");
    t.writer.post(&path, json!({ "from": jane })).await.error(403, "FORBIDDEN");
    t.stranger().await.post(&path, json!({ "from": jane })).await.not_found();
    t.post(&path, json!({})).await.invalid("from");
    // Each into the other at once: one is done, the other finds its customer gone.
    let mut replies = all_at_once([merge(&john, &jane), merge(&jane, &john)]).await;
    replies.sort_by_key(|reply| reply.status);
    let survivor = replies[0]["id"].clone();
    assert_eq!(replies.iter().map(|reply| reply.status).collect::<Vec<_>>(), [200, 404]);
    assert_eq!(replies.remove(1).details(404, "NOT_FOUND")["merged_into"], survivor);
    let gone = if survivor == john.as_str() { &jane } else { &john };
    let again = merge(survivor.as_str().expect("an id"), gone).await.details(409, "CONFLICT");
    assert_eq!(again, json!({ "field": "from", "value": gone, "merged_into": survivor }));
}

async fn tickets_that_come_during_a_merge_are_not_lost(t: &TestApp) {
    let survivor = customer(t, "John Doe", "john@example.com", None).await;
    for round in 0..4 {
        let email = format!("john{round}@example.com");
        let other = customer(t, "J. Doe", &email, None).await;
        let body = || {
            let customer = json!({ "name": "J. Doe", "email": email });
            ticket_body(&t.shop, json!({ "customer": customer }))
        };
        let merge = t.post(&format!("/v1/customers/{survivor}/merge"), json!({ "from": other }));
        let mut running = vec![tokio::spawn(t.post("/v1/tickets", body()))];
        running.extend((0..4).map(|_| tokio::spawn(t.post("/v1/tickets", body()))));
        running.push(tokio::spawn(merge));
        running.extend((0..5).map(|_| tokio::spawn(t.post("/v1/tickets", body()))));
        for reply in running {
            reply.await.expect("no panic").ok();
        }
        assert_eq!(t.get("/v1/customers").await["pagination"]["total"], 1);
    }
    let found = t.get(&format!("/v1/customers/{survivor}")).await.ok();
    assert_eq!(found["total_tickets"], 1 + 4 * 11);
    assert_eq!(found["other_emails"].as_array().map(Vec::len), Some(4));
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

async fn changes_and_merges_are_events(t: &TestApp) {
    let (jane, john) = (
        customer(t, "Jane Doe", "jane@example.com", None).await,
        customer(t, "John Doe", "john@example.com", Some("555-0123")).await,
    );
    let known = t.events().await.len();
    let path = format!("/v1/customers/{jane}");
    t.patch(&path, json!({ "name": "Jane Q. Doe", "phone": null })).await.ok();
    t.patch(&path, json!({ "name": "Jane Q. Doe" })).await.ok();
    // A ticket fills what is empty.
    customer(t, "Jane", "jane@example.com", Some("555-0199")).await;
    t.post(&format!("{path}/merge"), json!({ "from": john })).await.ok();
    let events: Vec<_> = t.events().await.split_off(known);
    let of = |name: &str| {
        events
            .iter()
            .filter(|event| event.0 == name)
            .map(|event| event.1.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of("customer.updated"),
        [
            json!({ "customer_id": jane, "shop_id": null, "changed": ["name"], "version": 2 }),
            json!({ "customer_id": jane, "shop_id": null, "changed": ["phone"], "version": 3 }),
        ]
    );
    assert_eq!(
        of("customer.merged"),
        [json!({ "customer_id": jane, "merged_customer_id": john, "shop_id": null, "version": 4 })]
    );
    assert_eq!(t.get(&path).await["version"], 4);
}

async fn a_second_person_of_one_address_is_not_lost(t: &TestApp) {
    let make = async |name: &str, phone: Option<&str>| {
        let customer = json!({ "name": name, "email": "doe@example.com", "phone": phone });
        t.post("/v1/tickets", ticket_body(&t.shop, json!({ "customer": customer })))
            .await
            .expect_status(201)
    };
    let first = make("Jane Doe", Some("555-0123")).await;
    assert_eq!(first["warnings"], json!([]));
    let same = make(" jane DOE ", Some("555-0123")).await;
    assert_eq!(same["warnings"], json!([]));
    let second = make("John Doe", Some("555-0199")).await;
    assert_eq!(
        second["warnings"],
        json!([
            { "plugin": null, "hook": null, "code": "CUSTOMER_NOT_CHANGED", "field": "customer.name",
              "message": "The customer of doe@example.com is Jane Doe, which stays; John Doe is this ticket's contact_name" },
            { "plugin": null, "hook": null, "code": "CUSTOMER_NOT_CHANGED", "field": "customer.phone",
              "message": "The customer of doe@example.com is known with another phone number, which stays; change it at the customer" },
        ])
    );
    let (first, second) = (t.ticket(&first.id()).await, t.ticket(&second.id()).await);
    assert_eq!(
        (&first["contact_name"], &second["contact_name"]),
        (&json!(null), &json!("John Doe"))
    );
    assert_eq!(second["customer"], first["customer"]);
}

async fn names_are_what_they_look_like(t: &TestApp) {
    let customer =
        json!({ "name": "\u{202e}Jane\u{200b} Doe\u{feff}", "email": "\u{200b}jane@example.com" });
    let ticket = t.create_ticket_with(&t.shop, json!({ "customer": customer })).await;
    let shown = t.ticket(&ticket).await["customer"].clone();
    assert_eq!((&shown["name"], &shown["email"]), (&json!("Jane Doe"), &json!("jane@example.com")));
    let path = format!("/v1/customers/{}", shown["id"].as_str().expect("an id"));
    t.patch(&path, json!({ "name": "\u{2066}\u{200b}" })).await.invalid("name");
    let changed = t.patch(&path, json!({ "name": "علی\u{200c}رضا" })).await.ok();
    assert_eq!(changed["name"], "علی\u{200c}رضا", "joiners stay");
    let user =
        json!({ "name": "\u{202d}Alice", "email": "alice@example.com", "role": "technician" });
    assert_eq!(t.post("/v1/users", user).await.expect_status(201)["name"], "Alice");
}
