//! Converts the records shared by several hooks: the event model into the generated types, and errors back.

use super::bindings::types;
use crate::event;

fn user(from: &event::User) -> types::User {
    types::User { id: from.id.clone(), name: from.name.clone(), role: from.role.clone() }
}

pub(super) fn actor(from: &event::Actor) -> types::Actor {
    types::Actor { name: from.name.clone(), user_id: from.user_id.clone() }
}

pub(super) fn shop(from: &event::Shop) -> types::Shop {
    types::Shop {
        id: from.id.clone(),
        name: from.name.clone(),
        time_zone: from.time_zone.clone(),
        address: from.address.clone(),
    }
}

pub(super) fn customer(from: &event::Customer) -> types::Customer {
    types::Customer {
        id: from.id.clone(),
        name: from.name.clone(),
        email: from.email.clone().unwrap_or_default(),
        phone: from.phone.clone(),
        address: from.address.clone(),
        created_at: from.created_at,
    }
}

fn device(from: &event::Device) -> types::Device {
    types::Device {
        identifier: from.identifier.clone(),
        category: from.category.clone(),
        description: from.description.clone(),
    }
}

fn issue(from: &event::Issue) -> types::Issue {
    types::Issue {
        description: from.description.clone(),
        category: from.category.clone(),
        severity: from.severity.clone(),
    }
}

fn diagnostics(from: &event::Diagnostics) -> types::Diagnostics {
    types::Diagnostics {
        findings: from.findings.clone(),
        estimated_cost: from.estimated_cost,
        recommended_parts: from.recommended_parts.clone(),
    }
}

fn labor(from: &event::Labor) -> types::Labor {
    types::Labor { hours: from.hours, rate: from.rate, total: from.total }
}

fn part(from: &event::Part) -> types::Part {
    types::Part {
        id: from.id.clone(),
        inventory_id: from.inventory_id.clone(),
        sku: from.sku.clone(),
        name: from.name.clone(),
        quantity: from.quantity,
        unit_cost: from.unit_cost,
        total: from.total,
        held: from.held,
        consumed: from.consumed,
    }
}

fn timeline_entry(from: &event::TimelineEntry) -> types::TimelineEntry {
    types::TimelineEntry {
        status: from.status.clone(),
        timestamp: from.timestamp,
        actor: from.actor.clone(),
        notes: from.notes.clone(),
    }
}

pub(super) fn stock_item(from: &event::StockItem) -> types::StockItem {
    types::StockItem {
        id: from.id.clone(),
        shop_id: from.shop_id.clone(),
        sku: from.sku.clone(),
        name: from.name.clone(),
        category: from.category.clone(),
        on_hand: from.on_hand,
        reserved: from.reserved,
        available: from.available,
        cost: from.cost,
        selling_price: from.selling_price,
        reorder_level: from.reorder_level,
        supplier: from.supplier.clone(),
    }
}

fn custom_field(from: &event::CustomField) -> types::CustomField {
    let value = match &from.value {
        event::CustomValue::Text(text) => types::CustomValue::Text(text.clone()),
        event::CustomValue::Number(number) => types::CustomValue::Number(*number),
        event::CustomValue::Flag(flag) => types::CustomValue::Flag(*flag),
    };
    types::CustomField { key: from.key.clone(), value }
}

pub(super) fn ticket(from: &event::Ticket) -> types::Ticket {
    types::Ticket {
        id: from.id.clone(),
        number: from.number.clone(),
        status: from.status.clone(),
        shop_id: from.shop_id.clone(),
        assigned_to: from.assigned_to.as_ref().map(user),
        device: device(&from.device),
        issue: issue(&from.issue),
        timeline: from.timeline.iter().map(timeline_entry).collect(),
        diagnostics: diagnostics(&from.diagnostics),
        labor: labor(&from.labor),
        parts: from.parts.iter().map(part).collect(),
        tags: from.tags.clone(),
        custom_fields: from.custom_fields.iter().map(custom_field).collect(),
        parts_cost: from.parts_cost,
        total_cost: from.total_cost,
        created_at: from.created_at,
        updated_at: from.updated_at,
    }
}

pub(super) fn plugin_error(from: types::PluginError) -> event::PluginError {
    match from {
        types::PluginError::InvalidSettings(text) => event::PluginError::InvalidSettings(text),
        types::PluginError::Unsupported(text) => event::PluginError::Unsupported(text),
        types::PluginError::Failed(text) => event::PluginError::Failed(text),
    }
}
