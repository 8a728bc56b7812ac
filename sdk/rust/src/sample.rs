//! Ready-made tickets and events for unit tests. Change what a test is about, leave the rest.
//!
//! ```
//! use repairops_plugin::{prelude::*, sample};
//!
//! let mut event = sample::transition_event("IN_REPAIR", "QC_REVIEW");
//! event.ticket.assigned_to = None;
//! event.ticket.parts = vec![sample::part("SCREEN-IP14-001", 1)];
//! ```
//!
//! The ticket is the API reference's example, an iPhone with a broken screen. Ids are fixed and of the
//! right shape; [`id`] makes more of them.

use crate::{
    Actor, CreationEvent, Customer, Device, Diagnostics, Draft, DraftCustomer, DraftEvent,
    EntryKind, Id, Issue, Labor, Line, Money, Part, Payment, PaymentKind, ReservationEvent, Shop,
    StockItem, Ticket, TimelineEntry, Timestamp, TransitionEvent, UpdateEvent, User, Visibility,
};

/// The `now` of the events: 2026-02-20T14:15:00Z.
pub const NOW: Timestamp = 1_771_596_900_000;

const CREATED: Timestamp = 1_771_151_400_000;
const SCREEN_PRICE: Money = 8_000;
const HOURLY_RATE: Money = 6_500;

/// A valid id, the same for the same name, so that `id("shop-2")` can be used twice.
#[must_use]
pub fn id(name: &str) -> Id {
    // FNV-1a. Any hash would do, if names of a test get different ids.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("01890a5d-ac96-774b-8{:03x}-{:012x}", hash >> 52, hash & 0xffff_ffff_ffff)
}

/// The ticket's shop, `id("shop")`.
#[must_use]
pub fn shop() -> Shop {
    Shop {
        id: id("shop"),
        name: "Downtown".into(),
        time_zone: "America/New_York".into(),
        address: None,
    }
}

/// The ticket's technician.
#[must_use]
pub fn technician() -> User {
    User { id: id("technician"), name: "Alice Tech".into(), role: "technician".into() }
}

/// The technician as the actor.
#[must_use]
pub fn actor() -> Actor {
    let technician = technician();
    Actor { name: technician.name, user_id: Some(technician.id) }
}

/// The ticket's customer.
#[must_use]
pub fn customer() -> Customer {
    Customer {
        id: id("customer"),
        name: "John Doe".into(),
        email: Some("john@example.com".into()),
        phone: Some("555-0123".into()),
        address: None,
        created_at: CREATED,
    }
}

/// A timeline entry with this status, an hour after the ticket was created.
#[must_use]
pub fn timeline_entry(status: &str) -> TimelineEntry {
    let kind = if status == "INTAKE" { EntryKind::Created } else { EntryKind::Transitioned };
    TimelineEntry {
        kind,
        visibility: Visibility::Internal,
        status: status.into(),
        timestamp: CREATED + 3_600_000,
        actor: technician().name,
        notes: None,
    }
}

/// A part line at 80.00 per unit for the [`stock_item`] of this SKU in the ticket's shop; nothing is held yet. Its
/// own id is `id("part <sku>")`.
#[must_use]
pub fn part(sku: &str, quantity: u32) -> Part {
    Part {
        id: id(&format!("part {sku}")),
        inventory_id: Some(id(&format!("{sku} in {}", shop().id))),
        sku: Some(sku.into()),
        name: sku.into(),
        quantity,
        unit_cost: SCREEN_PRICE,
        total: SCREEN_PRICE * Money::from(quantity),
        held: 0,
        consumed: 0,
    }
}

/// A ticket in repair: approved, assigned, with findings, one part at 80.00 and 1.5 hours at 65.00; 177.50 in total.
#[must_use]
pub fn ticket() -> Ticket {
    let part = part("SCREEN-IP14-001", 1);
    let labor = Labor { hours: 150, rate: HOURLY_RATE, total: HOURLY_RATE * 3 / 2 };
    Ticket {
        id: id("ticket"),
        number: "T001234".into(),
        status: "IN_REPAIR".into(),
        shop_id: shop().id,
        assigned_to: Some(technician()),
        device: Device {
            identifier: "iPhone 14 Pro".into(),
            category: Some("smartphone".into()),
            description: Some("Blue, 256GB".into()),
        },
        issue: Issue {
            description: "Cracked screen".into(),
            category: Some("physical_damage".into()),
            severity: Some("high".into()),
        },
        timeline: ["INTAKE", "DIAGNOSTICS", "WAITING_APPROVAL", "APPROVED", "IN_REPAIR"]
            .map(timeline_entry)
            .into(),
        timeline_total: 5,
        diagnostics: Diagnostics {
            findings: Some("Screen is damaged; digitizer also broken".into()),
            estimated_cost: Some(25_999),
            recommended_parts: vec!["iPhone 14 Pro Screen".into()],
        },
        labor,
        parts_cost: part.total,
        total_cost: part.total + labor.total,
        amount_paid: 0,
        balance_due: part.total + labor.total,
        payments: Vec::new(),
        field_origins: Vec::new(),
        parts: vec![part],
        tags: Vec::new(),
        custom_fields: Vec::new(),
        created_at: CREATED,
        updated_at: NOW,
    }
}

/// A stock item of this SKU in the shop `shop_id`; its category is `screens`, nothing is reserved.
#[must_use]
pub fn stock_item(sku: &str, shop_id: &str, available: u32) -> StockItem {
    StockItem {
        id: id(&format!("{sku} in {shop_id}")),
        shop_id: shop_id.into(),
        sku: sku.into(),
        name: sku.into(),
        category: "screens".into(),
        on_hand: available,
        reserved: 0,
        available,
        cost: SCREEN_PRICE / 2,
        selling_price: SCREEN_PRICE,
        reorder_level: 2,
        supplier: Some("Tech Parts Inc".into()),
    }
}

/// A line of a reservation: `missing` pieces of the [`part`] with the same SKU.
#[must_use]
pub fn line(sku: &str, missing: u32) -> Line {
    let part = part(sku, missing);
    Line {
        part_id: part.id,
        inventory_id: part.inventory_id.unwrap_or_default(),
        sku: sku.into(),
        category: "screens".into(),
        name: part.name,
        missing,
    }
}

/// [`ticket`] in status `from`, about to move to `to`.
#[must_use]
pub fn transition_event(from: &str, to: &str) -> TransitionEvent {
    TransitionEvent {
        ticket: Ticket { status: from.into(), ..ticket() },
        from: from.into(),
        to: to.into(),
        notes: None,
        actor: actor(),
        customer: customer(),
        shop: shop(),
        stock: vec![stock_item("SCREEN-IP14-001", &shop().id, 3)],
        now: NOW,
    }
}

/// [`ticket`] with a payment of this amount in cash.
#[must_use]
pub fn paid_ticket(amount: Money) -> Ticket {
    let ticket = ticket();
    let payment = Payment {
        id: id("payment"),
        kind: PaymentKind::Payment,
        method: "cash".into(),
        amount,
        at: NOW,
    };
    Ticket {
        amount_paid: amount,
        balance_due: ticket.total_cost - amount,
        payments: vec![payment],
        ..ticket
    }
}

/// [`ticket`] before and after a change of these fields; make the change in `after`.
#[must_use]
pub fn update_event(changed: &[&str]) -> UpdateEvent {
    UpdateEvent {
        before: ticket(),
        after: ticket(),
        changed: changed.iter().map(|field| (*field).into()).collect(),
        notes: None,
        actor: actor(),
        customer: customer(),
        shop: shop(),
        stock: vec![stock_item("SCREEN-IP14-001", &shop().id, 3)],
        now: NOW,
    }
}

/// A ticket that does not exist yet, for this device with this intake text, by a customer who is new.
#[must_use]
pub fn draft_event(device: &str, description: &str) -> DraftEvent {
    let Customer { name, email, phone, .. } = customer();
    DraftEvent {
        draft: Draft {
            status: "INTAKE".into(),
            device: Device { identifier: device.into(), category: None, description: None },
            issue: Issue { description: description.into(), category: None, severity: None },
            tags: Vec::new(),
            custom_fields: Vec::new(),
        },
        customer: DraftCustomer { known: None, name, email, phone },
        actor: actor(),
        shop: shop(),
        now: NOW,
    }
}

/// A new ticket for this device with this intake text, and no other data.
#[must_use]
pub fn creation_event(device: &str, description: &str) -> CreationEvent {
    let ticket = Ticket {
        status: "INTAKE".into(),
        assigned_to: None,
        device: Device { identifier: device.into(), category: None, description: None },
        issue: Issue { description: description.into(), category: None, severity: None },
        timeline: vec![timeline_entry("INTAKE")],
        timeline_total: 1,
        diagnostics: Diagnostics {
            findings: None,
            estimated_cost: None,
            recommended_parts: Vec::new(),
        },
        labor: Labor { hours: 0, rate: HOURLY_RATE, total: 0 },
        parts: Vec::new(),
        parts_cost: 0,
        total_cost: 0,
        balance_due: 0,
        created_at: NOW,
        updated_at: NOW,
        ..ticket()
    };
    CreationEvent { ticket, actor: actor(), customer: customer(), shop: shop(), now: NOW }
}

/// An approved [`ticket`] that needs these lines, and the available stock.
#[must_use]
pub fn reservation_event(lines: Vec<Line>, stock: Vec<StockItem>) -> ReservationEvent {
    ReservationEvent {
        ticket: Ticket { status: "WAITING_APPROVAL".into(), ..ticket() },
        status: "APPROVED".into(),
        lines,
        stock,
        shop: shop(),
        actor: actor(),
        now: NOW,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_uuids_and_differ() {
        assert_eq!(id("shop").len(), 36);
        assert_eq!(id("shop"), id("shop"));
        assert_ne!(id("shop"), id("shop-2"));
    }

    #[test]
    fn the_ticket_adds_up() {
        let ticket = ticket();
        assert_eq!(ticket.total_cost, 17_750);
        assert_eq!(line("A", 2).inventory_id, stock_item("A", &shop().id, 1).id);
    }
}
