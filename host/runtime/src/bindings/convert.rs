//! Events into the generated types, answers out of them.

use super::{enricher, gate, planner, types};
use crate::event;

fn user(from: &event::User) -> types::User {
    types::User { id: from.id.clone(), name: from.name.clone(), role: from.role.clone() }
}

fn actor(from: &event::Actor) -> types::Actor {
    types::Actor { name: from.name.clone(), user_id: from.user_id.clone() }
}

fn shop(from: &event::Shop) -> types::Shop {
    types::Shop {
        id: from.id.clone(),
        name: from.name.clone(),
        time_zone: from.time_zone.clone(),
        address: from.address.clone(),
    }
}

fn customer(from: &event::Customer) -> types::Customer {
    types::Customer {
        id: from.id.clone(),
        name: from.name.clone(),
        email: from.email.clone(),
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

fn stock_item(from: &event::StockItem) -> types::StockItem {
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

fn ticket(from: &event::Ticket) -> types::Ticket {
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

pub(super) fn transition_event(from: &event::TransitionEvent) -> gate::TransitionEvent {
    gate::TransitionEvent {
        ticket: ticket(&from.ticket),
        from: from.from.clone(),
        to: from.to.clone(),
        notes: from.notes.clone(),
        actor: actor(&from.actor),
        customer: customer(&from.customer),
        shop: shop(&from.shop),
        stock: from.stock.iter().map(stock_item).collect(),
        now: from.now,
    }
}

pub(super) fn creation_event(from: &event::CreationEvent) -> enricher::CreationEvent {
    enricher::CreationEvent {
        ticket: ticket(&from.ticket),
        actor: actor(&from.actor),
        customer: customer(&from.customer),
        shop: shop(&from.shop),
        now: from.now,
    }
}

pub(super) fn reservation_event(from: &event::ReservationEvent) -> planner::ReservationEvent {
    planner::ReservationEvent {
        ticket: ticket(&from.ticket),
        status: from.status.clone(),
        lines: from.lines.iter().map(line).collect(),
        stock: from.stock.iter().map(stock_item).collect(),
        shop: shop(&from.shop),
        actor: actor(&from.actor),
        now: from.now,
    }
}

fn line(from: &event::Line) -> planner::Line {
    planner::Line {
        part_id: from.part_id.clone(),
        inventory_id: from.inventory_id.clone(),
        sku: from.sku.clone(),
        category: from.category.clone(),
        name: from.name.clone(),
        missing: from.missing,
    }
}

pub(super) fn plugin_error(from: types::PluginError) -> event::PluginError {
    match from {
        types::PluginError::InvalidSettings(text) => event::PluginError::InvalidSettings(text),
        types::PluginError::Unsupported(text) => event::PluginError::Unsupported(text),
        types::PluginError::Failed(text) => event::PluginError::Failed(text),
    }
}

pub(super) fn verdict(from: gate::Verdict) -> event::Verdict {
    let violations = |from: Vec<gate::Violation>| {
        let violation =
            |gate::Violation { code, message, field }| event::Violation { code, message, field };
        from.into_iter().map(violation).collect()
    };
    match from {
        gate::Verdict::Allow => event::Verdict::Allow,
        gate::Verdict::AllowWithWarnings(warnings) => {
            event::Verdict::AllowWithWarnings(violations(warnings))
        }
        gate::Verdict::Deny(reasons) => event::Verdict::Deny(violations(reasons)),
    }
}

pub(super) fn patch(from: enricher::Patch) -> event::Patch {
    let custom_field = |types::CustomField { key, value }| {
        let value = match value {
            types::CustomValue::Text(text) => event::CustomValue::Text(text),
            types::CustomValue::Number(number) => event::CustomValue::Number(number),
            types::CustomValue::Flag(flag) => event::CustomValue::Flag(flag),
        };
        event::CustomField { key, value }
    };
    event::Patch {
        tags: from.tags,
        severity: from.severity,
        category: from.category,
        estimated_cost: from.estimated_cost,
        recommended_parts: from.recommended_parts,
        custom_fields: from.custom_fields.into_iter().map(custom_field).collect(),
        internal_note: from.internal_note,
    }
}

pub(super) fn decision(from: planner::Decision) -> event::Decision {
    let allocation = |planner::Allocation { part_id, source, quantity }| {
        let source = match source {
            planner::Source::Item(id) => event::Source::Item(id),
            planner::Source::Backorder => event::Source::Backorder,
        };
        event::Allocation { part_id, source, quantity }
    };
    match from {
        planner::Decision::Pass => event::Decision::Pass,
        planner::Decision::Plan(plan) => {
            event::Decision::Plan(plan.into_iter().map(allocation).collect())
        }
    }
}
