//! `/v1/tickets/{ticket_id}/payments`.

use serde_json::Value;

use crate::support::client::Asked;
use crate::support::shape::assert_shape;
use crate::support::{TestApp, all_at_once, both_databases, json};

both_databases![
    a_payment_is_on_the_ticket_in_the_list_and_in_an_event,
    deposits_and_refunds_make_the_balance,
    a_refund_is_never_more_than_what_was_paid,
    of_refunds_at_once_only_what_was_paid_goes_back,
    a_voided_ticket_only_pays_back,
    what_is_not_right_is_refused,
    payments_of_others_are_not_there,
];

fn pay(t: &TestApp, ticket: &str, kind: &str, amount: f64) -> impl Asked + use<> {
    let body = json!({ "kind": kind, "amount": amount, "method": "cash" });
    t.writer.post(&format!("/v1/tickets/{ticket}/payments"), body)
}

/// A ticket that costs 100.
async fn ticket(t: &TestApp, status: &str) -> String {
    let parts = json!([{ "name": "Screen", "quantity": 1, "unit_cost": 100 }]);
    t.create_ticket_with_parts(&t.shop, status, parts).await
}

/// What is paid and what is due, as the ticket has it.
async fn balance(t: &TestApp, ticket: &str) -> (Value, Value) {
    let ticket = t.ticket(ticket).await;
    (ticket["amount_paid"].clone(), ticket["balance_due"].clone())
}

async fn a_payment_is_on_the_ticket_in_the_list_and_in_an_event(t: &TestApp) {
    let alice = t.create_technician("Alice Tech").await;
    let ticket = ticket(t, "DIAGNOSTICS").await;
    let (before, known) = (t.ticket(&ticket).await, t.events().await.len());
    let path = format!("/v1/tickets/{ticket}/payments");
    let body = json!({ "amount": 40.5, "method": "bank_transfer", "reference": " INV-7 ", "actor_id": alice,
                       "paid_at": "2026-02-20T10:00:00+02:00" });
    let made = t.writer.post(&path, body).await.expect_status(201);
    let mut shape = json!({
        "id": "uuid", "ticket_id": "uuid", "kind": "=payment", "amount": "number", "method": "=bank_transfer",
        "reference": "=INV-7", "actor": "=Alice Tech", "paid_at": "=2026-02-20T08:00:00Z", "created_at": "time",
    });
    let mut payment = made.body.clone();
    let fields = payment.as_object_mut().expect("an object");
    let (paid, due) = (fields.remove("amount_paid"), fields.remove("balance_due"));
    assert_eq!((paid, due), (Some(json!(40.5)), Some(json!(59.5))));
    assert_shape(&payment, &shape);
    let location = made.header("location").expect("a location").to_owned();
    assert_eq!(location, format!("{path}/{}", made["id"].as_str().expect("an id")));
    assert_eq!(t.reader.get(&location).await.ok(), payment);
    let list = t.reader.get(&path).await.ok();
    assert_eq!((&list["data"], &list["pagination"]["total"]), (&json!([payment]), &json!(1)));

    let after = t.ticket(&ticket).await;
    assert_eq!((&after["amount_paid"], &after["balance_due"]), (&json!(40.5), &json!(59.5)));
    assert_eq!(after["version"].as_i64(), before["version"].as_i64().map(|version| version + 1));
    let entry =
        after["timeline"].as_array().and_then(|list| list.last()).expect("an entry").clone();
    assert_eq!((&entry["kind"], &entry["actor"]), (&json!("payment"), &json!("Alice Tech")));
    assert_eq!(entry["notes"], "Payment of 40.50 by bank transfer (INV-7)");
    assert_eq!(entry["status"], "DIAGNOSTICS");

    let events = t.events().await.split_off(known);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].0, "payment.processed");
    let expected = json!({
        "payment_id": made["id"], "ticket_id": ticket, "ticket_number": after["number"], "shop_id": t.shop,
        "customer_id": after["customer"]["id"], "kind": "payment", "amount": 40.5, "method": "bank_transfer",
        "amount_paid": 40.5, "balance_due": 59.5,
    });
    assert_eq!(events[0].1, expected);

    let bare = t.post(&path, json!({ "amount": 1, "method": "card" })).await.expect_status(201);
    shape["reference"] = json!("null");
    shape["paid_at"] = json!("time");
    shape["method"] = json!("=card");
    shape["actor"] = json!("=Office");
    shape["amount_paid"] = json!("number");
    shape["balance_due"] = json!("number");
    assert_shape(&bare.body, &shape);
    assert_eq!(bare["paid_at"], bare["created_at"]);
    let newest = t.get(&format!("{path}?limit=1")).await.ok();
    assert_eq!(
        (&newest["data"][0]["id"], &newest["pagination"]["has_more"]),
        (&bare["id"], &json!(true))
    );
    // Other changes of the ticket leave it alone.
    t.change(&ticket, json!({ "labor_hours": 1, "labor_rate": 10 })).await.ok();
    assert_eq!(balance(t, &ticket).await, (json!(41.5), json!(68.5)));
}

async fn deposits_and_refunds_make_the_balance(t: &TestApp) {
    let ticket = t.create_ticket(&t.shop).await;
    assert_eq!(balance(t, &ticket).await, (json!(0.0), json!(0.0)));
    let deposit = pay(t, &ticket, "payment", 50.0).await.expect_status(201);
    assert_eq!(deposit["balance_due"], -50.0, "a credit: the total is not known yet");
    let parts = json!([{ "name": "Screen", "quantity": 1, "unit_cost": 30 }]);
    t.change(&ticket, json!({ "parts": parts })).await.ok();
    assert_eq!(balance(t, &ticket).await, (json!(50.0), json!(-20.0)));
    let refund = pay(t, &ticket, "refund", 20.0).await.expect_status(201);
    assert_eq!((&refund["kind"], &refund["amount"]), (&json!("refund"), &json!(20.0)));
    assert_eq!(balance(t, &ticket).await, (json!(30.0), json!(0.0)));
    let entry =
        t.ticket(&ticket).await["timeline"].as_array().and_then(|list| list.last()).cloned();
    let entry = entry.expect("an entry");
    assert_eq!(
        (&entry["kind"], &entry["notes"]),
        (&json!("refund"), &json!("Refund of 20.00 by cash"))
    );
    t.transition(&ticket, "VOIDED").await.ok();
}

async fn a_refund_is_never_more_than_what_was_paid(t: &TestApp) {
    let ticket = ticket(t, "INTAKE").await;
    let (before, known) = (t.ticket(&ticket).await, t.events().await.len());
    let details = pay(t, &ticket, "refund", 0.01).await.details(409, "CONFLICT");
    assert_eq!(details, json!({ "field": "amount", "value": 0.01, "refundable": 0.0 }));
    assert_eq!((t.ticket(&ticket).await, t.events().await.len()), (before, known));
    pay(t, &ticket, "payment", 10.0).await.expect_status(201);
    let details = pay(t, &ticket, "refund", 10.01).await.details(409, "CONFLICT");
    assert_eq!(details["refundable"], 10.0);
    pay(t, &ticket, "refund", 4.0).await.expect_status(201);
    let details = pay(t, &ticket, "refund", 6.01).await.details(409, "CONFLICT");
    assert_eq!(details["refundable"], 6.0);
    pay(t, &ticket, "refund", 6.0).await.expect_status(201);
    assert_eq!(balance(t, &ticket).await, (json!(0.0), json!(100.0)));
}

async fn of_refunds_at_once_only_what_was_paid_goes_back(t: &TestApp) {
    let ticket = ticket(t, "INTAKE").await;
    let payments = (0..10).map(|_| pay(t, &ticket, "payment", 1.0));
    for reply in all_at_once(payments).await {
        reply.expect_status(201);
    }
    assert_eq!(balance(t, &ticket).await, (json!(10.0), json!(90.0)));
    let replies = all_at_once((0..20).map(|_| pay(t, &ticket, "refund", 3.0))).await;
    let (paid, refused): (Vec<_>, Vec<_>) =
        replies.into_iter().partition(|reply| reply.status == 201);
    assert_eq!((paid.len(), refused.len()), (3, 17));
    for reply in refused {
        assert_eq!(reply.details(409, "CONFLICT")["refundable"], 1.0);
    }
    assert_eq!(balance(t, &ticket).await, (json!(1.0), json!(99.0)));
    assert_eq!(t.ticket(&ticket).await["version"], 2 + 10 + 3);
}

async fn a_voided_ticket_only_pays_back(t: &TestApp) {
    let ticket = ticket(t, "INTAKE").await;
    pay(t, &ticket, "payment", 10.0).await.expect_status(201);
    t.transition(&ticket, "VOIDED").await.ok();
    let details = pay(t, &ticket, "payment", 1.0).await.details(409, "CONFLICT");
    assert_eq!(details, json!({ "field": "kind", "status": "VOIDED" }));
    pay(t, &ticket, "refund", 10.0).await.expect_status(201);
    let closed = self::ticket(t, "CLOSED").await;
    let late = pay(t, &closed, "payment", 100.0).await.expect_status(201);
    assert_eq!(late["balance_due"], 0.0, "on account: after the pickup");
}

async fn what_is_not_right_is_refused(t: &TestApp) {
    let ticket = ticket(t, "INTAKE").await;
    let path = format!("/v1/tickets/{ticket}/payments");
    let post = async |field: &str, value: Value| {
        let mut body = json!({ "amount": 1, "method": "cash" });
        body[field] = value;
        t.post(&path, body).await
    };
    for amount in
        [json!(0.0), json!(-1), json!(0.001), json!("1"), json!(null), json!(100_000_000_000_i64)]
    {
        assert_eq!(post("amount", amount.clone()).await.invalid("amount"), amount);
    }
    assert_eq!(post("method", json!("barter")).await.invalid("method"), "barter");
    assert_eq!(post("kind", json!("gift")).await.invalid("kind"), "gift");
    assert_eq!(post("paid_at", json!("soon")).await.invalid("paid_at"), "soon");
    assert_eq!(post("paid_at", json!(null)).await.invalid("paid_at"), json!(null));
    post("reference", json!("x".repeat(201))).await.invalid("reference");
    let nobody = "00000000-0000-7000-8000-000000000000";
    assert_eq!(post("actor_id", json!(nobody)).await.invalid("actor_id"), nobody);
    t.post(&path, json!({ "method": "cash" })).await.invalid("amount");
    t.post(&path, json!({ "amount": 1 })).await.invalid("method");
    t.reader.post(&path, json!({ "amount": 1, "method": "cash" })).await.error(403, "FORBIDDEN");
    t.get(&format!("{path}/nonsense")).await.invalid("payment_id");
    assert_eq!(t.get(&path).await["pagination"]["total"], 0);
    assert_eq!(balance(t, &ticket).await, (json!(0.0), json!(100.0)));
}

async fn payments_of_others_are_not_there(t: &TestApp) {
    let ticket = ticket(t, "INTAKE").await;
    let other = self::ticket(t, "INTAKE").await;
    let payment = pay(t, &ticket, "payment", 1.0).await.id();
    let stranger = t.stranger().await;
    let path = format!("/v1/tickets/{ticket}/payments");
    stranger.get(&path).await.not_found();
    stranger.get(&format!("{path}/{payment}")).await.not_found();
    stranger.post(&path, json!({ "amount": 1, "method": "cash" })).await.not_found();
    t.get(&format!("/v1/tickets/{other}/payments/{payment}")).await.not_found();
    let nobody = "00000000-0000-7000-8000-000000000000";
    t.get(&format!("/v1/tickets/{nobody}/payments")).await.not_found();
    pay(t, nobody, "payment", 1.0).await.not_found();
}
