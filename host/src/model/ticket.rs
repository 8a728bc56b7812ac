//! A ticket, its lines, its timeline, and what is read together with it.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::event::CustomValue;
use super::ids::{
    CustomerId, InstallationId, ItemId, PartId, ShopId, TicketId, TimelineId, UserId,
};
use super::money::{Balance, Hours, Money};
use super::payment::Payment;
use super::people::{Customer, Shop, User};
use super::stock::{Reservation, ReservationState, Shortage};
use super::time::Time;
use super::workflow::Status;

pub const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];

/// A row of `tickets`.
#[derive(Clone, Debug, FromRow)]
pub struct Ticket {
    pub id: TicketId,
    pub number: i64,
    /// Incremented by every change; a write names the version that it replaces.
    pub version: i64,
    pub shop_id: ShopId,
    pub customer_id: CustomerId,
    pub status: Status,
    pub device_identifier: String,
    pub device_category: Option<String>,
    pub device_description: Option<String>,
    pub issue_description: String,
    pub issue_category: Option<String>,
    pub issue_severity: Option<String>,
    pub assigned_to: Option<UserId>,
    pub labor_hours: Hours,
    pub labor_rate: Money,
    pub findings: Option<String>,
    pub estimated_cost: Option<Money>,
    #[sqlx(json)]
    pub recommended_parts: Vec<String>,
    #[sqlx(json)]
    pub tags: Vec<String>,
    #[sqlx(json)]
    pub custom_fields: BTreeMap<String, CustomValue>,
    pub picked_up_at: Option<Time>,
    /// Payments minus refunds; `None` before the first payment.
    pub amount_paid: Option<Money>,
    /// Who brought the device, if that is not the customer of the email address.
    pub contact_name: Option<String>,
    pub created_at: Time,
    pub updated_at: Time,
}

/// A line of parts. Without `inventory_id` it is a special order.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct Part {
    pub id: PartId,
    pub inventory_id: Option<ItemId>,
    pub sku: Option<String>,
    pub name: String,
    pub quantity: i64,
    pub unit_cost: Money,
    /// What one piece cost the shop, if known.
    pub cost_basis: Option<Money>,
}

impl Part {
    pub fn total(&self) -> Money {
        self.unit_cost.times(self.quantity)
    }
}

/// Who may read the notes of an entry of the timeline.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Visibility {
    /// The people of the shop.
    #[default]
    Internal,
    /// The customer too.
    Customer,
}

impl Visibility {
    pub fn as_str(self) -> &'static str {
        match self {
            Visibility::Internal => "internal",
            Visibility::Customer => "customer",
        }
    }
}

/// An entry of the timeline. Notes are entries that change no status.
#[derive(Clone, Debug, FromRow)]
pub struct TimelineEntry {
    pub id: TimelineId,
    pub kind: String,
    pub visibility: Visibility,
    pub status: Status,
    pub actor: String,
    pub notes: Option<String>,
    pub created_at: Time,
}

/// All changes of the status and the latest of the other entries, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    pub entries: Vec<TimelineEntry>,
    /// The number of all entries.
    pub total: i64,
}

/// The customer's feedback on the repair.
#[derive(Clone, Debug, FromRow)]
pub struct Feedback {
    /// From 1 to 5.
    pub score: i64,
    pub comment: Option<String>,
    pub created_at: Time,
}

/// The plugin that set a field.
#[derive(Clone, Debug, FromRow)]
pub struct FieldSource {
    pub field: String,
    pub plugin: String,
    pub plugin_version: String,
    pub installation_id: InstallationId,
    pub created_at: Time,
}

/// A ticket with everything that plugins see and that changes depend on.
#[derive(Clone, Debug)]
pub struct TicketContext {
    pub ticket: Ticket,
    pub customer: Customer,
    pub shop: Shop,
    pub technician: Option<User>,
    pub parts: Vec<Part>,
    pub timeline: Timeline,
    /// Ordered by id, ended ones included.
    pub reservations: Vec<Reservation>,
    /// Read only if a plugin gets it.
    pub extras: Option<Extras>,
}

/// What only some plugins see of a ticket.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// Oldest first, the latest hundred.
    pub payments: Vec<Payment>,
    /// Sorted by field.
    pub field_sources: Vec<FieldSource>,
}

/// Pieces of a line, by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartStock {
    pub held: i64,
    pub consumed: i64,
}

/// The stock of each line of a ticket.
#[derive(Debug)]
pub struct StockByPart(HashMap<PartId, PartStock>);

impl StockByPart {
    pub fn of(&self, part: PartId) -> PartStock {
        self.0.get(&part).copied().unwrap_or_default()
    }
}

impl Ticket {
    /// `T` and six digits or more.
    pub fn number_text(&self) -> String {
        number_text(self.number)
    }

    pub fn labor_total(&self) -> Money {
        self.labor_hours.at(self.labor_rate)
    }
}

/// The displayed number of a ticket.
pub fn number_text(number: i64) -> String {
    format!("T{number:06}")
}

impl TicketContext {
    pub fn parts_total(&self) -> Money {
        self.parts.iter().map(Part::total).sum()
    }

    pub fn total(&self) -> Money {
        self.ticket.labor_total() + self.parts_total()
    }

    pub fn amount_paid(&self) -> Money {
        self.ticket.amount_paid.unwrap_or_default()
    }

    pub fn balance_due(&self) -> Balance {
        self.total() - self.amount_paid()
    }

    /// Held and consumed pieces of each line, in one pass: a ticket with many changes has many reservations.
    pub fn stock_by_part(&self) -> StockByPart {
        let mut parts: HashMap<PartId, PartStock> = HashMap::new();
        for row in &self.reservations {
            let part = parts.entry(row.part_id).or_default();
            match row.state {
                ReservationState::Held => part.held += row.quantity,
                ReservationState::Consumed => part.consumed += row.quantity,
                ReservationState::Released => {}
            }
        }
        StockByPart(parts)
    }

    /// Stocked lines with pieces that are neither held nor consumed.
    pub fn shortages(&self) -> Vec<Shortage> {
        let stock = self.stock_by_part();
        self.parts
            .iter()
            .filter_map(|part| {
                let item_id = part.inventory_id?;
                let PartStock { held, consumed } = stock.of(part.id);
                let missing = part.quantity - held - consumed;
                (missing > 0).then_some(Shortage { part_id: part.id, item_id, missing })
            })
            .collect()
    }
}
