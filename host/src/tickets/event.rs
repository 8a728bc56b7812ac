//! Converts the model's ticket, customer, shop and stock into the values of a hook's event.

use std::collections::{BTreeMap, HashMap};

use crate::model::event;
use crate::model::payment::{Kind, Payment};
use crate::model::people::{Actor, Customer, Shop, User};
use crate::model::stock::{Item, Shortage};
use crate::model::ticket::{FieldSource, Part, PartStock, TicketContext};
use crate::model::time::Time;
use crate::tickets::guest_timeline;

pub fn transition(
    after: &TicketContext,
    (from, to): (&str, &str),
    notes: Option<&str>,
    actor: &Actor,
    stock: &[Item],
    now: Time,
) -> event::TransitionEvent {
    event::TransitionEvent {
        ticket: ticket(after, from),
        from: from.to_owned(),
        to: to.to_owned(),
        notes: notes.map(str::to_owned),
        actor: self::actor(actor),
        customer: customer(&after.customer),
        shop: shop(&after.shop),
        stock: stock.iter().map(stock_item).collect(),
        now: now.timestamp_millis(),
    }
}

/// A change of fields; the status of both tickets is the one of before.
pub fn update(
    (before, after): (&TicketContext, &TicketContext),
    changed: Vec<String>,
    notes: Option<&str>,
    actor: &Actor,
    stock: &[Item],
    now: Time,
) -> event::UpdateEvent {
    let status = before.ticket.status.as_str();
    event::UpdateEvent {
        before: ticket(before, status),
        after: ticket(after, status),
        changed,
        notes: notes.map(str::to_owned),
        actor: self::actor(actor),
        customer: customer(&after.customer),
        shop: shop(&after.shop),
        stock: stock.iter().map(stock_item).collect(),
        now: now.timestamp_millis(),
    }
}

pub fn draft(
    draft: event::Draft,
    customer: event::DraftCustomer,
    actor: &Actor,
    shop: &Shop,
    now: Time,
) -> event::DraftEvent {
    event::DraftEvent {
        draft,
        customer,
        actor: self::actor(actor),
        shop: self::shop(shop),
        now: now.timestamp_millis(),
    }
}

pub fn creation(context: &TicketContext, actor: &Actor, now: Time) -> event::CreationEvent {
    event::CreationEvent {
        ticket: ticket(context, context.ticket.status.as_str()),
        actor: self::actor(actor),
        customer: customer(&context.customer),
        shop: shop(&context.shop),
        now: now.timestamp_millis(),
    }
}

pub fn reservation(
    after: &TicketContext,
    shortages: &[Shortage],
    stock: &[Item],
    named: &[Item],
    actor: &Actor,
    now: Time,
) -> event::ReservationEvent {
    let parts: HashMap<_, _> = after.parts.iter().map(|part| (part.id, part)).collect();
    let items: HashMap<_, _> = named.iter().map(|item| (item.id, item)).collect();
    let line = |shortage: &Shortage| {
        let (part, item) = (parts.get(&shortage.part_id)?, items.get(&shortage.item_id)?);
        Some(event::Line {
            part_id: shortage.part_id.to_string(),
            inventory_id: shortage.item_id.to_string(),
            sku: item.sku.clone(),
            category: item.category.clone(),
            name: part.name.clone(),
            missing: count(shortage.missing),
        })
    };
    event::ReservationEvent {
        ticket: ticket(after, after.ticket.status.as_str()),
        status: after.ticket.status.0.clone(),
        lines: shortages.iter().filter_map(line).collect(),
        stock: stock.iter().map(stock_item).collect(),
        shop: shop(&after.shop),
        actor: self::actor(actor),
        now: now.timestamp_millis(),
    }
}

fn ticket(context: &TicketContext, status: &str) -> event::Ticket {
    let row = &context.ticket;
    let stock = context.stock_by_part();
    let extras = context.extras.as_ref();
    event::Ticket {
        id: row.id.to_string(),
        number: row.number_text(),
        status: status.to_owned(),
        shop_id: row.shop_id.to_string(),
        assigned_to: context.technician.as_ref().map(user),
        device: event::Device {
            identifier: row.device_identifier.clone(),
            category: row.device_category.clone(),
            description: row.device_description.clone(),
        },
        issue: event::Issue {
            description: row.issue_description.clone(),
            category: row.issue_category.clone(),
            severity: row.issue_severity.clone(),
        },
        timeline: guest_timeline::shown(&context.timeline),
        diagnostics: event::Diagnostics {
            findings: row.findings.clone(),
            estimated_cost: row.estimated_cost.map(|cost| cost.0),
            recommended_parts: row.recommended_parts.clone(),
        },
        labor: event::Labor {
            hours: count(row.labor_hours.0),
            rate: row.labor_rate.0,
            total: row.labor_total().0,
        },
        parts: context.parts.iter().map(|line| part(line, stock.of(line.id))).collect(),
        tags: row.tags.clone(),
        custom_fields: custom_fields(&row.custom_fields),
        parts_cost: context.parts_total().0,
        total_cost: context.total().0,
        amount_paid: context.amount_paid().0,
        balance_due: context.balance_due().0,
        payments: extras.map(|extras| extras.payments.iter().map(payment).collect()),
        field_origins: extras.map(|extras| extras.field_sources.iter().map(field_origin).collect()),
        timeline_total: count(context.timeline.total),
        created_at: row.created_at.timestamp_millis(),
        updated_at: row.updated_at.timestamp_millis(),
    }
}

pub fn custom_fields(fields: &BTreeMap<String, event::CustomValue>) -> Vec<event::CustomField> {
    let field = |(key, value): (&String, &event::CustomValue)| event::CustomField {
        key: key.clone(),
        value: value.clone(),
    };
    fields.iter().map(field).collect()
}

fn payment(payment: &Payment) -> event::Payment {
    event::Payment {
        id: payment.id.to_string(),
        kind: match payment.kind {
            Kind::Payment => event::PaymentKind::Payment,
            Kind::Refund => event::PaymentKind::Refund,
        },
        method: payment.method.as_str().to_owned(),
        amount: payment.amount.0,
        at: payment.paid_at.timestamp_millis(),
    }
}

fn field_origin(source: &FieldSource) -> event::FieldOrigin {
    event::FieldOrigin {
        field: source.field.clone(),
        plugin: source.plugin.clone(),
        at: source.created_at.timestamp_millis(),
    }
}

fn part(part: &Part, stock: PartStock) -> event::Part {
    event::Part {
        id: part.id.to_string(),
        inventory_id: part.inventory_id.map(|id| id.to_string()),
        sku: part.sku.clone(),
        name: part.name.clone(),
        quantity: count(part.quantity),
        unit_cost: part.unit_cost.0,
        total: part.total().0,
        held: count(stock.held),
        consumed: count(stock.consumed),
    }
}

fn stock_item(item: &Item) -> event::StockItem {
    event::StockItem {
        id: item.id.to_string(),
        shop_id: item.shop_id.to_string(),
        sku: item.sku.clone(),
        name: item.name.clone(),
        category: item.category.clone(),
        on_hand: count(item.on_hand),
        reserved: count(item.reserved),
        available: count(item.available()),
        cost: item.cost.0,
        selling_price: item.selling_price.0,
        reorder_level: count(item.reorder_level),
        supplier: item.supplier.clone(),
    }
}

fn user(user: &User) -> event::User {
    event::User { id: user.id.to_string(), name: user.name.clone(), role: user.role.clone() }
}

fn actor(actor: &Actor) -> event::Actor {
    event::Actor { name: actor.name.clone(), user_id: actor.user_id.map(|id| id.to_string()) }
}

fn customer(customer: &Customer) -> event::Customer {
    event::Customer {
        id: customer.id.to_string(),
        name: customer.name.clone(),
        email: customer.email.text().map(str::to_owned),
        phone: customer.phone.clone(),
        address: customer.address.clone(),
        created_at: customer.created_at.timestamp_millis(),
    }
}

fn shop(shop: &Shop) -> event::Shop {
    event::Shop {
        id: shop.id.to_string(),
        name: shop.name.clone(),
        time_zone: shop.time_zone.clone(),
        address: shop.address.clone(),
    }
}

/// Counts are validated far below 2^32 on input.
fn count(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(if value < 0 { 0 } else { u32::MAX })
}
