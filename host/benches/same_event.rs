//! One event, as the SDK's types for the native call and as the host's for the others.

use repairops::model::event;
use repairops_plugin as sdk;

/// A ticket that qc-gate lets through: a technician, findings, labor, two parts, approved.
pub fn native() -> sdk::TransitionEvent {
    let mut event = sdk::sample::transition_event("IN_REPAIR", "QC_REVIEW");
    event.ticket.parts =
        vec![sdk::sample::part("SCREEN-IP14-001", 1), sdk::sample::part("DIGITIZER-IP14", 1)];
    event.ticket.timeline.push(sdk::sample::timeline_entry("APPROVED"));
    event
}

pub fn host(event: &sdk::TransitionEvent) -> event::TransitionEvent {
    let event = event.clone();
    event::TransitionEvent {
        ticket: ticket(event.ticket),
        from: event.from,
        to: event.to,
        notes: event.notes,
        actor: event::Actor { name: event.actor.name, user_id: event.actor.user_id },
        customer: event::Customer {
            id: event.customer.id,
            name: event.customer.name,
            email: event.customer.email,
            phone: event.customer.phone,
            address: event.customer.address,
            created_at: event.customer.created_at,
        },
        shop: event::Shop {
            id: event.shop.id,
            name: event.shop.name,
            time_zone: event.shop.time_zone,
            address: event.shop.address,
        },
        stock: event.stock.into_iter().map(stock_item).collect(),
        now: event.now,
    }
}

fn ticket(ticket: sdk::Ticket) -> event::Ticket {
    event::Ticket {
        id: ticket.id,
        number: ticket.number,
        status: ticket.status,
        shop_id: ticket.shop_id,
        assigned_to: ticket.assigned_to.map(|user| event::User {
            id: user.id,
            name: user.name,
            role: user.role,
        }),
        device: event::Device {
            identifier: ticket.device.identifier,
            category: ticket.device.category,
            description: ticket.device.description,
        },
        issue: event::Issue {
            description: ticket.issue.description,
            category: ticket.issue.category,
            severity: ticket.issue.severity,
        },
        timeline: ticket
            .timeline
            .into_iter()
            .map(|entry| event::TimelineEntry {
                kind: event::EntryKind::Transitioned,
                visibility: event::Visibility::Internal,
                status: entry.status,
                timestamp: entry.timestamp,
                actor: entry.actor,
                notes: entry.notes,
            })
            .collect(),
        diagnostics: event::Diagnostics {
            findings: ticket.diagnostics.findings,
            estimated_cost: ticket.diagnostics.estimated_cost,
            recommended_parts: ticket.diagnostics.recommended_parts,
        },
        labor: event::Labor {
            hours: ticket.labor.hours,
            rate: ticket.labor.rate,
            total: ticket.labor.total,
        },
        parts: ticket.parts.into_iter().map(part).collect(),
        tags: ticket.tags,
        custom_fields: Vec::new(),
        parts_cost: ticket.parts_cost,
        total_cost: ticket.total_cost,
        amount_paid: 0,
        balance_due: ticket.total_cost,
        payments: None,
        field_origins: None,
        timeline_total: 0,
        created_at: ticket.created_at,
        updated_at: ticket.updated_at,
    }
}

fn part(part: sdk::Part) -> event::Part {
    event::Part {
        id: part.id,
        inventory_id: part.inventory_id,
        sku: part.sku,
        name: part.name,
        quantity: part.quantity,
        unit_cost: part.unit_cost,
        total: part.total,
        held: part.held,
        consumed: part.consumed,
    }
}

fn stock_item(item: sdk::StockItem) -> event::StockItem {
    event::StockItem {
        id: item.id,
        shop_id: item.shop_id,
        sku: item.sku,
        name: item.name,
        category: item.category,
        on_hand: item.on_hand,
        reserved: item.reserved,
        available: item.available,
        cost: item.cost,
        selling_price: item.selling_price,
        reorder_level: item.reorder_level,
        supplier: item.supplier,
    }
}
