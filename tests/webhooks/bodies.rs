//! The exact body of every event, and that the pages and the subscriptions name the same events.

use std::collections::BTreeSet;

use repairops::model::event::Hook;
use repairops::model::ids::Id;
use repairops::model::money::{Balance, Money};
use repairops::model::outbox::{
    CustomerCreated, CustomerErased, CustomerMerged, CustomerUpdated, InstallationData,
    InventoryUpdated, OutboxEvent, PaymentProcessed, PluginFailed, TicketCreated,
    TicketTransitioned, TicketUpdated, WebhookDisabled, WebhookTest,
};
use repairops::model::payment::{Kind, Method};
use repairops::model::plugin::{FailureView, HookSetup, Mode, OnFailure};
use repairops::model::time;
use repairops::model::webhook::{Event, EventName};
use repairops::model::workflow::Status;
use serde_json::Value;

use crate::support::reply::keys;

/// An id that ends in this number.
fn id<T: Id>(number: u128) -> T {
    T::from_uuid(uuid::Uuid::from_u128((7 << 76) | (2 << 62) | number))
}

/// The body that a receiver gets, without its time, which is the same in all, and with short ids.
fn body(event: OutboxEvent) -> String {
    let (event, data) = event.to_parts().expect("a name and data");
    let created_at = time::parse("2026-02-21T15:30:00Z").expect("a time");
    let text = Event { id: id(99), event, data, created_at }.payload();
    let text = text.replace("00000000-0000-7000-8000-00000000000", "id-");
    text.strip_suffix(r#","timestamp":"2026-02-21T15:30:00Z"}"#)
        .expect("a time at the end")
        .to_owned()
}

#[test]
fn tickets_have_their_bodies() {
    let created = OutboxEvent::TicketCreated(TicketCreated {
        ticket_id: id(1),
        ticket_number: "T000001".to_owned(),
        status: Status("INTAKE".to_owned()),
        shop_id: id(2),
        customer_id: id(3),
    });
    assert_eq!(
        body(created),
        concat!(
            r#"{"data":{"customer_id":"id-3","shop_id":"id-2","status":"INTAKE","ticket_id":"id-1","#,
            r#""ticket_number":"T000001"},"event":"ticket.created""#,
        )
    );
    let transitioned = OutboxEvent::TicketTransitioned(TicketTransitioned {
        ticket_id: id(1),
        ticket_number: "T000001".to_owned(),
        from_status: Status("IN_REPAIR".to_owned()),
        to_status: Status("QC_REVIEW".to_owned()),
        shop_id: id(2),
    });
    assert_eq!(
        body(transitioned),
        concat!(
            r#"{"data":{"from_status":"IN_REPAIR","shop_id":"id-2","ticket_id":"id-1","ticket_number":"T000001","#,
            r#""to_status":"QC_REVIEW"},"event":"ticket.transitioned""#,
        )
    );
}

#[test]
fn an_update_names_the_customer_after_a_merge_only() {
    let updated = TicketUpdated {
        ticket_id: id(1),
        ticket_number: "T000001".to_owned(),
        shop_id: id(2),
        customer_id: None,
        changed: vec!["labor_hours".to_owned(), "assigned_to".to_owned()],
        version: 2,
    };
    assert_eq!(
        body(OutboxEvent::TicketUpdated(updated.clone())),
        concat!(
            r#"{"data":{"changed":["labor_hours","assigned_to"],"shop_id":"id-2","ticket_id":"id-1","#,
            r#""ticket_number":"T000001","version":2},"event":"ticket.updated""#,
        )
    );
    let changed = vec!["customer_id".to_owned()];
    let merged = TicketUpdated { customer_id: Some(id(3)), changed, ..updated };
    assert_eq!(
        body(OutboxEvent::TicketUpdated(merged)),
        concat!(
            r#"{"data":{"changed":["customer_id"],"customer_id":"id-3","shop_id":"id-2","ticket_id":"id-1","#,
            r#""ticket_number":"T000001","version":2},"event":"ticket.updated""#,
        )
    );
}

#[test]
fn payments_and_customers_have_their_bodies() {
    let paid = OutboxEvent::PaymentProcessed(PaymentProcessed {
        payment_id: id(4),
        ticket_id: id(1),
        ticket_number: "T000001".to_owned(),
        shop_id: id(2),
        customer_id: id(3),
        kind: Kind::Payment,
        amount: Money(5_000),
        method: Method::BankTransfer,
        amount_paid: Money(5_050),
        balance_due: Balance(-25),
    });
    assert_eq!(
        body(paid),
        concat!(
            r#"{"data":{"amount":50.0,"amount_paid":50.5,"balance_due":-0.25,"customer_id":"id-3","#,
            r#""kind":"payment","method":"bank_transfer","payment_id":"id-4","shop_id":"id-2","ticket_id":"id-1","#,
            r#""ticket_number":"T000001"},"event":"payment.processed""#,
        )
    );
    let customer = OutboxEvent::CustomerCreated(CustomerCreated {
        customer_id: id(3),
        name: "Jane Smith".to_owned(),
        email: Some("jane@example.com".to_owned()),
        shop_id: id(2),
    });
    assert_eq!(
        body(customer),
        concat!(
            r#"{"data":{"customer_id":"id-3","email":"jane@example.com","name":"Jane Smith","shop_id":"id-2"},"#,
            r#""event":"customer.created""#,
        )
    );
}

#[test]
fn changes_of_customers_name_fields_and_customers() {
    let updated = OutboxEvent::CustomerUpdated(CustomerUpdated {
        customer_id: id(3),
        shop_id: None,
        changed: vec!["phone".to_owned()],
        version: 4,
    });
    assert_eq!(
        body(updated),
        r#"{"data":{"changed":["phone"],"customer_id":"id-3","shop_id":null,"version":4},"event":"customer.updated""#
    );
    let merged = OutboxEvent::CustomerMerged(CustomerMerged {
        customer_id: id(3),
        merged_customer_id: id(4),
        shop_id: None,
        version: 5,
    });
    assert_eq!(
        body(merged),
        concat!(
            r#"{"data":{"customer_id":"id-3","merged_customer_id":"id-4","shop_id":null,"version":5},"#,
            r#""event":"customer.merged""#,
        )
    );
    let erased = OutboxEvent::CustomerErased(CustomerErased { customer_id: id(3), shop_id: None });
    assert_eq!(
        body(erased),
        r#"{"data":{"customer_id":"id-3","shop_id":null},"event":"customer.erased""#
    );
}

#[test]
fn stock_names_the_ticket_that_it_moved_for() {
    let edited = InventoryUpdated {
        inventory_id: id(5),
        shop_id: id(2),
        sku: "SCREEN".to_owned(),
        quantity_on_hand: 10,
        quantity_reserved: 3,
        quantity_available: 7,
        reason: "purchased".to_owned(),
        ticket_id: None,
    };
    assert_eq!(
        body(OutboxEvent::InventoryUpdated(edited.clone())),
        concat!(
            r#"{"data":{"inventory_id":"id-5","quantity_available":7,"quantity_on_hand":10,"#,
            r#""quantity_reserved":3,"reason":"purchased","shop_id":"id-2","sku":"SCREEN"},"#,
            r#""event":"inventory.updated""#,
        )
    );
    let reason = "reserved".to_owned();
    let reserved = InventoryUpdated { ticket_id: Some(id(1)), reason, ..edited };
    assert_eq!(
        body(OutboxEvent::InventoryUpdated(reserved)),
        concat!(
            r#"{"data":{"inventory_id":"id-5","quantity_available":7,"quantity_on_hand":10,"#,
            r#""quantity_reserved":3,"reason":"reserved","shop_id":"id-2","sku":"SCREEN","ticket_id":"id-1"},"#,
            r#""event":"inventory.updated""#,
        )
    );
}

#[test]
fn installations_have_their_bodies() {
    let setup = HookSetup { order: 100, mode: Mode::Enforce, on_failure: OnFailure::Closed };
    let data = InstallationData {
        installation_id: id(6),
        plugin_id: id(7),
        plugin: "qc-gate".to_owned(),
        version: "0.1.0".to_owned(),
        shop_id: None,
        shop_ids: None,
        hooks: [(Hook::PreTransition, setup)].into(),
        changed: None,
    };
    assert_eq!(
        body(OutboxEvent::PluginInstalled(data.clone())),
        concat!(
            r#"{"data":{"hooks":{"pre-transition":{"mode":"enforce","on_failure":"closed","order":100}},"#,
            r#""installation_id":"id-6","plugin":"qc-gate","plugin_id":"id-7","shop_id":null,"shop_ids":null,"#,
            r#""version":"0.1.0"},"event":"plugin.installed""#,
        )
    );
    assert_eq!(
        body(OutboxEvent::PluginUninstalled(data.clone())),
        concat!(
            r#"{"data":{"hooks":{"pre-transition":{"mode":"enforce","on_failure":"closed","order":100}},"#,
            r#""installation_id":"id-6","plugin":"qc-gate","plugin_id":"id-7","shop_id":null,"shop_ids":null,"#,
            r#""version":"0.1.0"},"event":"plugin.uninstalled""#,
        )
    );
    let of_shop = InstallationData {
        shop_id: Some(id(2)),
        shop_ids: Some(vec![id(2)]),
        changed: Some(vec!["shop_ids"]),
        ..data
    };
    assert_eq!(
        body(OutboxEvent::PluginUpdated(of_shop)),
        concat!(
            r#"{"data":{"changed":["shop_ids"],"hooks":{"pre-transition":{"mode":"enforce","#,
            r#""on_failure":"closed","order":100}},"installation_id":"id-6","plugin":"qc-gate","plugin_id":"id-7","#,
            r#""shop_id":"id-2","shop_ids":["id-2"],"version":"0.1.0"},"event":"plugin.updated""#,
        )
    );
}

#[test]
fn failures_and_tests_have_their_bodies() {
    let failed = OutboxEvent::PluginFailed(PluginFailed {
        installation_id: id(6),
        plugin: "qc-gate".to_owned(),
        version: "0.1.0".to_owned(),
        shop_id: "a-shop".to_owned(),
        ticket_id: Some("a-ticket".to_owned()),
        ticket_number: Some("T000001".to_owned()),
        hook: Hook::PreTransition,
        run_id: id(7),
        outcome: "fuel",
        error: FailureView { message: "too slow".to_owned(), limit: Some(10), used: None },
        on_failure: Some(OnFailure::Closed),
        request_id: "req_1".to_owned(),
    });
    assert_eq!(
        body(failed),
        concat!(
            r#"{"data":{"error":{"limit":10,"message":"too slow","used":null},"hook":"pre-transition","#,
            r#""installation_id":"id-6","on_failure":"closed","outcome":"fuel","plugin":"qc-gate","#,
            r#""request_id":"req_1","run_id":"id-7","shop_id":"a-shop","ticket_id":"a-ticket","ticket_number":"T000001","#,
            r#""version":"0.1.0"},"event":"plugin.failed""#,
        )
    );
    let disabled = OutboxEvent::WebhookDisabled(WebhookDisabled {
        webhook_id: id(8),
        url: "https://shop.example/hook".to_owned(),
        shop_id: None,
        reason: "410".to_owned(),
        failing_since: Some(time::parse("2026-02-21T10:00:00.5Z").expect("a time")),
    });
    assert_eq!(
        body(disabled),
        concat!(
            r#"{"data":{"failing_since":"2026-02-21T10:00:00.500Z","reason":"410","shop_id":null,"#,
            r#""url":"https://shop.example/hook","webhook_id":"id-8"},"event":"webhook.disabled""#,
        )
    );
    let sent_by = "Jane".to_owned();
    let test = OutboxEvent::WebhookTest(WebhookTest { webhook_id: id(8), shop_id: None, sent_by });
    assert_eq!(
        body(test),
        r#"{"data":{"sent_by":"Jane","shop_id":null,"webhook_id":"id-8"},"event":"webhook.test""#
    );
}

/// The events of the document, which is generated from the enum.
fn documented() -> Value {
    repairops::router::document()["webhooks"].clone()
}

#[test]
fn every_event_but_the_test_can_be_subscribed_to() {
    let document = repairops::router::document();
    let names = document["components"]["schemas"]["WebhookEventName"]["enum"].as_array();
    let mut names: Vec<&str> = names.into_iter().flatten().filter_map(Value::as_str).collect();
    names.retain(|name| *name != "*");
    names.push("webhook.test");
    names.sort_unstable();
    assert_eq!(names, keys(&documented()));
    for name in names.iter().filter(|name| **name != "webhook.test") {
        let read: EventName = serde_json::from_value(Value::from(*name)).expect("a name");
        assert_eq!(read.as_str(), *name);
    }
}

/// The table of docs/webhooks.md has a row for each event, with all fields of its `data` besides `shop_id`.
#[test]
fn the_page_lists_every_event_with_its_fields() {
    let page = include_str!("../../docs/webhooks.md");
    let code = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let document = documented();
    let mut listed = BTreeSet::from(["webhook.test".to_owned()]); // described in the text
    let rows = page.lines().skip_while(|line| !line.starts_with("| event |")).skip(2);
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        for event in code(cells[1]) {
            let data = &document[&event]["post"]["requestBody"]["content"]["application/json"]["schema"]
                ["properties"]["data"]["properties"];
            let mut fields = keys(data);
            fields.retain(|name| *name != "shop_id");
            let mut described = code(cells[3]);
            described.sort_unstable();
            assert_eq!(described, fields, "{event}");
            listed.insert(event);
        }
    }
    assert_eq!(listed.into_iter().collect::<Vec<_>>(), keys(&document));
}
