//! The JSON of tickets: the reference's fields, and our additional ones.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::feedback::views::FeedbackView;
use crate::model::event::CustomValue;
use crate::model::ids::{
    CustomerId, InstallationId, ItemId, PartId, ReservationId, ShopId, TicketId, TimelineId, UserId,
};
use crate::model::money::{Balance, Hours, Money};
use crate::model::stock::ReservationState;
use crate::model::ticket::{PartStock, TicketContext, TimelineEntry, Visibility, number_text};
use crate::model::time::Time;
use crate::model::workflow::Status;
use crate::plugins::hooks::{PluginRun, Warning};
use crate::tickets::detail::Detail;
use crate::tickets::outcome::{self, Changed};
use crate::tickets::store::ListRow;

#[derive(Serialize, ToSchema)]
#[schema(as = TicketSummary)]
pub struct ListItem {
    id: TicketId,
    number: String,
    status: Status,
    customer_id: CustomerId,
    customer_name: String,
    device_identifier: String,
    issue_description: String,
    total_cost: Money,
    labor_cost: Money,
    parts_cost: Money,
    created_at: Time,
    updated_at: Time,
    assigned_to: Option<UserId>,
    assigned_to_name: Option<String>,
    shop_id: ShopId,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TicketCreated)]
pub struct Created {
    pub id: TicketId,
    pub number: String,
    pub status: Status,
    pub created_at: Time,
    /// The ticket's version, as in `ETag`.
    pub version: i64,
    /// The plugins that ran, with their outcomes.
    pub plugins: Vec<PluginRun>,
    /// Problems that did not stop the request.
    pub warnings: Vec<Warning>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TicketUpdated)]
pub struct Updated {
    pub id: TicketId,
    pub status: Status,
    pub updated_at: Time,
    /// The ticket's version, as in `ETag`.
    pub version: i64,
    /// The plugins that ran, with their outcomes.
    pub plugins: Vec<PluginRun>,
    /// Problems that did not stop the request.
    pub warnings: Vec<Warning>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TicketTransitioned)]
pub struct Transitioned {
    pub ok: bool,
    pub event_id: TimelineId,
    pub from_status: Status,
    pub to_status: Status,
    pub timestamp: Time,
    /// The ticket's version, as in `ETag`.
    pub version: i64,
    /// The plugins that ran, with their outcomes.
    pub plugins: Vec<PluginRun>,
    /// Problems that did not stop the request.
    pub warnings: Vec<Warning>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Ticket)]
pub struct TicketView {
    id: TicketId,
    number: String,
    status: Status,
    shop_id: ShopId,
    customer: CustomerView,
    /// Who brought the device, if the customer of that email address has another name; otherwise `null`.
    contact_name: Option<String>,
    device: DeviceView,
    issue: IssueView,
    assigned_to: Option<UserId>,
    assigned_to_name: Option<String>,
    /// All changes of the status, and the latest 200 of the other entries; `GET …/timeline` has the others too.
    timeline: Vec<TimelineView>,
    /// The number of all entries of the timeline.
    timeline_total: i64,
    diagnostics: DiagnosticsView,
    labor: LaborView,
    parts: Vec<PartView>,
    labor_cost: Money,
    parts_cost: Money,
    total_cost: Money,
    /// Payments minus refunds.
    amount_paid: Money,
    /// The amount still due; negative if more was paid than the ticket's cost so far.
    balance_due: Balance,
    /// The customer's feedback on the repair; `null` if there is none.
    feedback: Option<FeedbackView>,
    tags: Vec<String>,
    custom_fields: BTreeMap<String, CustomValue>,
    reservations: Vec<ReservationView>,
    set_by_plugins: Vec<FieldSourceView>,
    enrichment: &'static str,
    version: i64,
    created_at: Time,
    updated_at: Time,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TicketCustomer)]
struct CustomerView {
    id: CustomerId,
    name: String,
    /// `null` only if the organization allows customers without one.
    email: Option<String>,
    phone: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Device)]
struct DeviceView {
    identifier: String,
    category: Option<String>,
    description: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Issue)]
struct IssueView {
    description: String,
    category: Option<String>,
    severity: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TimelineEntry)]
pub struct TimelineView {
    status: Status,
    timestamp: Time,
    actor: String,
    kind: String,
    notes: Option<String>,
    /// Who may read `notes`.
    visibility: Visibility,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Diagnostics)]
struct DiagnosticsView {
    findings: Option<String>,
    estimated_cost: Option<Money>,
    recommended_parts: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Labor)]
struct LaborView {
    hours: Hours,
    rate: Money,
    total: Money,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Part)]
struct PartView {
    id: PartId,
    inventory_id: Option<ItemId>,
    sku: Option<String>,
    name: String,
    quantity: i64,
    unit_cost: Money,
    total: Money,
    held: i64,
    consumed: i64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Reservation)]
struct ReservationView {
    id: ReservationId,
    part_id: PartId,
    inventory_id: ItemId,
    quantity: i64,
    state: ReservationState,
    plugin: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = FieldSource)]
struct FieldSourceView {
    field: String,
    plugin: String,
    version: String,
    installation_id: InstallationId,
    at: Time,
}

impl From<outcome::Created> for Created {
    fn from(created: outcome::Created) -> Self {
        Created {
            id: created.ticket.id,
            number: created.ticket.number_text(),
            status: created.ticket.status,
            created_at: created.ticket.created_at,
            version: created.version,
            plugins: created.trace.ran,
            warnings: created.trace.warnings,
        }
    }
}

impl From<Changed> for Updated {
    fn from(changed: Changed) -> Self {
        Updated {
            id: changed.ticket_id,
            status: changed.status,
            updated_at: changed.updated_at,
            version: changed.version,
            plugins: changed.ran,
            warnings: changed.warnings,
        }
    }
}

/// Returns `None` if the change was not a transition.
pub fn transitioned(changed: Changed) -> Option<Transitioned> {
    let transition = changed.transition?;
    Some(Transitioned {
        ok: true,
        event_id: transition.event_id,
        from_status: transition.from,
        to_status: transition.to,
        timestamp: changed.updated_at,
        version: changed.version,
        plugins: changed.ran,
        warnings: changed.warnings,
    })
}

pub fn timeline_entry(entry: TimelineEntry) -> TimelineView {
    TimelineView {
        status: entry.status,
        timestamp: entry.created_at,
        actor: entry.actor,
        kind: entry.kind,
        notes: entry.notes,
        visibility: entry.visibility,
    }
}

pub fn list_item(row: ListRow) -> ListItem {
    let labor_cost = row.labor_hours.at(row.labor_rate);
    ListItem {
        id: row.id,
        number: number_text(row.number),
        status: row.status,
        customer_id: row.customer_id,
        customer_name: row.customer_name,
        device_identifier: row.device_identifier,
        issue_description: row.issue_description,
        total_cost: labor_cost + row.parts_cost,
        labor_cost,
        parts_cost: row.parts_cost,
        created_at: row.created_at,
        updated_at: row.updated_at,
        assigned_to: row.assigned_to,
        assigned_to_name: row.assigned_to_name,
        shop_id: row.shop_id,
    }
}

pub fn ticket(detail: Detail) -> TicketView {
    let context = detail.context;
    let (parts_cost, total_cost) = (context.parts_total(), context.total());
    let (amount_paid, balance_due) = (context.amount_paid(), context.balance_due());
    let parts = part_views(&context);
    let row = context.ticket;
    TicketView {
        id: row.id,
        number: number_text(row.number),
        shop_id: row.shop_id,
        customer: CustomerView {
            id: context.customer.id,
            name: context.customer.name,
            email: context.customer.email.text().map(str::to_owned),
            phone: context.customer.phone,
        },
        contact_name: row.contact_name,
        labor_cost: row.labor_hours.at(row.labor_rate),
        labor: LaborView {
            hours: row.labor_hours,
            rate: row.labor_rate,
            total: row.labor_hours.at(row.labor_rate),
        },
        status: row.status,
        device: DeviceView {
            identifier: row.device_identifier,
            category: row.device_category,
            description: row.device_description,
        },
        issue: IssueView {
            description: row.issue_description,
            category: row.issue_category,
            severity: row.issue_severity,
        },
        assigned_to: row.assigned_to,
        assigned_to_name: context.technician.map(|user| user.name),
        timeline: context.timeline.entries.into_iter().map(timeline_entry).collect(),
        timeline_total: context.timeline.total,
        diagnostics: DiagnosticsView {
            findings: row.findings,
            estimated_cost: row.estimated_cost,
            recommended_parts: row.recommended_parts,
        },
        parts,
        parts_cost,
        total_cost,
        amount_paid,
        balance_due,
        feedback: detail.feedback.map(FeedbackView::from),
        tags: row.tags,
        custom_fields: row.custom_fields,
        reservations: context
            .reservations
            .into_iter()
            .map(|row| ReservationView {
                id: row.id,
                part_id: row.part_id,
                inventory_id: row.item_id,
                quantity: row.quantity,
                state: row.state,
                plugin: row.plugin,
            })
            .collect(),
        set_by_plugins: detail
            .field_sources
            .into_iter()
            .map(|source| FieldSourceView {
                field: source.field,
                plugin: source.plugin,
                version: source.plugin_version,
                installation_id: source.installation_id,
                at: source.created_at,
            })
            .collect(),
        enrichment: detail.enrichment,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

fn part_views(context: &TicketContext) -> Vec<PartView> {
    let stock = context.stock_by_part();
    let view = |part: &crate::model::ticket::Part| {
        let PartStock { held, consumed } = stock.of(part.id);
        PartView {
            id: part.id,
            inventory_id: part.inventory_id,
            sku: part.sku.clone(),
            name: part.name.clone(),
            quantity: part.quantity,
            unit_cost: part.unit_cost,
            total: part.total(),
            held,
            consumed,
        }
    };
    context.parts.iter().map(view).collect()
}
