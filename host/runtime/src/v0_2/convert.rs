//! Converts the records shared by several hooks: the event model into the generated types, and answers back.

use super::bindings::types;
use crate::event;

shared_conversions!(types);

pub(super) fn customer(from: &event::Customer) -> types::Customer {
    types::Customer {
        id: from.id.clone(),
        name: from.name.clone(),
        email: from.email.clone(),
        phone: from.phone.clone(),
        address: from.address.clone(),
        created_at: from.created_at,
    }
}

fn timeline_entry(from: &event::TimelineEntry) -> types::TimelineEntry {
    let kind = match from.kind {
        event::EntryKind::Created => types::EntryKind::Created,
        event::EntryKind::Transitioned => types::EntryKind::Transitioned,
        event::EntryKind::Note => types::EntryKind::Note,
        event::EntryKind::Payment => types::EntryKind::Payment,
        event::EntryKind::Refund => types::EntryKind::Refund,
        event::EntryKind::Feedback => types::EntryKind::Feedback,
    };
    let visibility = match from.visibility {
        event::Visibility::Internal => types::Visibility::Internal,
        event::Visibility::Customer => types::Visibility::Customer,
    };
    types::TimelineEntry {
        kind,
        visibility,
        status: from.status.clone(),
        timestamp: from.timestamp,
        actor: from.actor.clone(),
        notes: from.notes.clone(),
    }
}

fn payment(from: &event::Payment) -> types::Payment {
    let kind = match from.kind {
        event::PaymentKind::Payment => types::PaymentKind::Payment,
        event::PaymentKind::Refund => types::PaymentKind::Refund,
    };
    types::Payment {
        id: from.id.clone(),
        kind,
        method: from.method.clone(),
        amount: from.amount,
        at: from.at,
    }
}

fn field_origin(from: &event::FieldOrigin) -> types::FieldOrigin {
    types::FieldOrigin { field: from.field.clone(), plugin: from.plugin.clone(), at: from.at }
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
        timeline_total: from.timeline_total,
        diagnostics: diagnostics(&from.diagnostics),
        labor: labor(&from.labor),
        parts: from.parts.iter().map(part).collect(),
        tags: from.tags.clone(),
        custom_fields: from.custom_fields.iter().map(custom_field).collect(),
        parts_cost: from.parts_cost,
        total_cost: from.total_cost,
        amount_paid: from.amount_paid,
        balance_due: from.balance_due,
        payments: from.payments.iter().flatten().map(payment).collect(),
        field_origins: from.field_origins.iter().flatten().map(field_origin).collect(),
        created_at: from.created_at,
        updated_at: from.updated_at,
    }
}

pub(super) fn verdict(from: types::Verdict) -> event::Verdict {
    let violations = |from: Vec<types::Violation>| {
        let violation =
            |types::Violation { code, message, field }| event::Violation { code, message, field };
        from.into_iter().map(violation).collect()
    };
    match from {
        types::Verdict::Allow => event::Verdict::Allow,
        types::Verdict::AllowWithWarnings(warnings) => {
            event::Verdict::AllowWithWarnings(violations(warnings))
        }
        types::Verdict::Deny(reasons) => event::Verdict::Deny(violations(reasons)),
    }
}
