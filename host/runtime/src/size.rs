//! Estimates the bytes that the shared records of an event take in a guest: their texts, and a fixed size per record.

use crate::event::{
    Actor, CustomField, CustomValue, Customer, Device, Issue, Shop, StockItem, Ticket,
};

/// The fixed size of an event, and of each entry of its lists.
pub(crate) const EVENT_BYTES: usize = 640;
pub(crate) const ENTRY_BYTES: usize = 96;

pub(crate) fn people(actor: &Actor, customer: Option<&Customer>, shop: &Shop) -> usize {
    let customer = customer.map_or(0, |customer| {
        let contact =
            optional(&customer.email) + optional(&customer.phone) + optional(&customer.address);
        customer.id.len() + customer.name.len() + contact
    });
    let shop = shop.id.len() + shop.name.len() + shop.time_zone.len() + optional(&shop.address);
    actor.name.len() + optional(&actor.user_id) + customer + shop
}

/// Of WIT 0.1.0, where a ticket has no payments and no origins of fields.
pub(crate) fn old_ticket(ticket: &Ticket) -> usize {
    let ids = ticket.id.len() + ticket.number.len() + ticket.status.len() + ticket.shop_id.len();
    let user = ticket
        .assigned_to
        .as_ref()
        .map_or(0, |user| user.id.len() + user.name.len() + user.role.len());
    let device = device(&ticket.device);
    let issue = issue(&ticket.issue);
    let timeline = ticket
        .timeline
        .iter()
        .map(|entry| entry.status.len() + entry.actor.len() + optional(&entry.notes) + ENTRY_BYTES);
    let found =
        optional(&ticket.diagnostics.findings) + list(&ticket.diagnostics.recommended_parts);
    let parts = ticket.parts.iter().map(|part| {
        part.id.len()
            + optional(&part.inventory_id)
            + optional(&part.sku)
            + part.name.len()
            + ENTRY_BYTES
    });
    let fields = fields(&ticket.custom_fields);
    let lists = timeline.sum::<usize>() + parts.sum::<usize>() + fields + list(&ticket.tags);
    ids + user + device + issue + found + lists
}

pub(crate) fn ticket(ticket: &Ticket) -> usize {
    let payments = ticket.payments.iter().flatten();
    let payments = payments.map(|payment| payment.id.len() + payment.method.len() + ENTRY_BYTES);
    let origins = ticket.field_origins.iter().flatten();
    let origins = origins.map(|origin| origin.field.len() + origin.plugin.len() + ENTRY_BYTES);
    old_ticket(ticket) + payments.sum::<usize>() + origins.sum::<usize>()
}

pub(crate) fn fields(fields: &[CustomField]) -> usize {
    let fields = fields.iter().map(|field| {
        let value = if let CustomValue::Text(text) = &field.value { text.len() } else { 0 };
        field.key.len() + value + ENTRY_BYTES
    });
    fields.sum()
}

pub(crate) fn device(device: &Device) -> usize {
    device.identifier.len() + optional(&device.category) + optional(&device.description)
}

pub(crate) fn issue(issue: &Issue) -> usize {
    issue.description.len() + optional(&issue.category) + optional(&issue.severity)
}

pub(crate) fn stock(items: &[StockItem]) -> usize {
    let texts = items.iter().map(|item| {
        let names =
            item.sku.len() + item.name.len() + item.category.len() + optional(&item.supplier);
        item.id.len() + item.shop_id.len() + names + ENTRY_BYTES
    });
    texts.sum()
}

pub(crate) fn list(texts: &[String]) -> usize {
    texts.iter().map(|text| text.len() + ENTRY_BYTES).sum()
}

pub(crate) fn optional(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, String::len)
}
