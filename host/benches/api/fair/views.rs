//! The bodies, with the fields of the API's.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use repairops::model::event::CustomValue;
use repairops::model::ids::{
    CustomerId, InstallationId, ItemId, PartId, ReservationId, ShopId, TicketId, TimelineId, UserId,
};
use repairops::model::money::{Balance, Hours, Money};
use repairops::model::stock::ReservationState;
use repairops::model::ticket::Visibility;
use repairops::model::workflow::Status;
use serde::{Serialize, Serializer};
use sqlx::FromRow;

/// Whole seconds unless there is more.
fn time<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

#[derive(Serialize)]
pub struct Page {
    pub data: Vec<Item>,
    pub pagination: Pagination,
}

#[derive(Serialize)]
pub struct Pagination {
    pub offset: i64,
    pub limit: i64,
    pub total: i64,
    pub next_offset: Option<i64>,
    pub next_cursor: Option<String>,
    pub has_more: bool,
}

#[derive(Serialize)]
pub struct Item {
    pub id: TicketId,
    pub number: String,
    pub status: Status,
    pub customer_id: CustomerId,
    pub customer_name: String,
    pub device_identifier: String,
    pub issue_description: String,
    pub total_cost: Money,
    pub labor_cost: Money,
    pub parts_cost: Money,
    #[serde(serialize_with = "time")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "time")]
    pub updated_at: DateTime<Utc>,
    pub assigned_to: Option<UserId>,
    pub assigned_to_name: Option<String>,
    pub shop_id: ShopId,
}

#[derive(Serialize)]
pub struct Ticket {
    pub id: TicketId,
    pub number: String,
    pub status: Status,
    pub shop_id: ShopId,
    pub customer: Customer,
    pub contact_name: Option<String>,
    pub device: Device,
    pub issue: Issue,
    pub assigned_to: Option<UserId>,
    pub assigned_to_name: Option<String>,
    pub timeline: Vec<Entry>,
    pub timeline_total: usize,
    pub diagnostics: Diagnostics,
    pub labor: Labor,
    pub parts: Vec<PartView>,
    pub labor_cost: Money,
    pub parts_cost: Money,
    pub total_cost: Money,
    pub amount_paid: Money,
    pub balance_due: Balance,
    pub feedback: Option<Feedback>,
    pub tags: Vec<String>,
    pub custom_fields: BTreeMap<String, CustomValue>,
    pub reservations: Vec<Reservation>,
    pub set_by_plugins: Vec<Source>,
    pub enrichment: &'static str,
    pub version: i64,
    #[serde(serialize_with = "time")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "time")]
    pub updated_at: DateTime<Utc>,
}

#[derive(Serialize)]
pub struct Customer {
    pub id: CustomerId,
    pub name: String,
    pub email: String,
    pub phone: Option<String>,
}

#[derive(Serialize)]
pub struct Device {
    pub identifier: String,
    pub category: Option<String>,
    pub description: Option<String>,
}

#[derive(Serialize)]
pub struct Issue {
    pub description: String,
    pub category: Option<String>,
    pub severity: Option<String>,
}

#[derive(Serialize)]
pub struct Diagnostics {
    pub findings: Option<String>,
    pub estimated_cost: Option<Money>,
    pub recommended_parts: Vec<String>,
}

#[derive(Serialize)]
pub struct Labor {
    pub hours: Hours,
    pub rate: Money,
    pub total: Money,
}

#[derive(Serialize)]
pub struct Feedback {
    pub score: i64,
    pub comment: Option<String>,
    #[serde(serialize_with = "time")]
    pub created_at: DateTime<Utc>,
}

#[derive(FromRow, Serialize)]
pub struct Entry {
    pub status: Status,
    #[serde(serialize_with = "time")]
    pub timestamp: DateTime<Utc>,
    pub actor: String,
    pub kind: String,
    pub notes: Option<String>,
    pub visibility: Visibility,
}

/// Its total is no column.
#[derive(Serialize)]
pub struct PartView {
    #[serde(flatten)]
    pub part: Part,
    pub total: Money,
}

#[derive(FromRow, Serialize)]
pub struct Part {
    pub id: PartId,
    pub inventory_id: Option<ItemId>,
    pub sku: Option<String>,
    pub name: String,
    pub quantity: i64,
    pub unit_cost: Money,
    pub held: i64,
    pub consumed: i64,
}

#[derive(FromRow, Serialize)]
pub struct Reservation {
    pub id: ReservationId,
    pub part_id: PartId,
    #[sqlx(rename = "item_id")]
    pub inventory_id: ItemId,
    pub quantity: i64,
    pub state: ReservationState,
    pub plugin: Option<String>,
}

/// A field that a plugin set.
#[derive(FromRow, Serialize)]
pub struct Source {
    pub field: String,
    pub plugin: String,
    #[sqlx(rename = "plugin_version")]
    pub version: String,
    pub installation_id: InstallationId,
    #[sqlx(rename = "created_at")]
    #[serde(serialize_with = "time")]
    pub at: DateTime<Utc>,
}

#[derive(Serialize)]
pub struct Created {
    pub id: TicketId,
    pub number: String,
    pub status: &'static str,
    #[serde(serialize_with = "time")]
    pub created_at: DateTime<Utc>,
    pub version: i64,
    /// None is installed.
    pub plugins: [(); 0],
    pub warnings: [(); 0],
}

#[derive(Serialize)]
pub struct Transitioned {
    pub ok: bool,
    pub event_id: TimelineId,
    pub from_status: Status,
    pub to_status: Status,
    #[serde(serialize_with = "time")]
    pub timestamp: DateTime<Utc>,
    pub version: i64,
    pub plugins: [(); 0],
    pub warnings: [(); 0],
}
