//! Converts the records shared by several hooks: the event model into the generated types, and answers back.

use super::bindings::types;
use crate::event;

shared_conversions!(types);

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

fn timeline_entry(from: &event::TimelineEntry) -> types::TimelineEntry {
    types::TimelineEntry {
        status: from.status.clone(),
        timestamp: from.timestamp,
        actor: from.actor.clone(),
        notes: from.notes.clone(),
    }
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
