//! A ticket and what belongs to it, as guests see it: the newest version of the WIT's records as plain data.
//!
//! Money is hundredths of the organization's currency, times are milliseconds since 1970-01-01T00:00:00Z, ids are
//! UUIDs in their form of 36 characters.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    pub id: String,
    pub number: String,
    pub status: String,
    pub shop_id: String,
    pub assigned_to: Option<User>,
    pub device: Device,
    pub issue: Issue,
    pub timeline: Vec<TimelineEntry>,
    pub diagnostics: Diagnostics,
    pub labor: Labor,
    pub parts: Vec<Part>,
    pub tags: Vec<String>,
    pub custom_fields: Vec<CustomField>,
    pub parts_cost: i64,
    pub total_cost: i64,
    /// Payments minus refunds.
    pub amount_paid: i64,
    /// `total_cost` minus `amount_paid`; negative if the customer has a credit.
    pub balance_due: i64,
    /// `None` if not loaded, because no plugin that gets this event can see payments (WIT 0.1.0 has none).
    pub payments: Option<Vec<Payment>>,
    /// Which plugin set which field; `None` as for `payments`.
    pub field_origins: Option<Vec<FieldOrigin>>,
    /// The number of entries of the whole timeline; `timeline` may hold fewer.
    pub timeline_total: u32,
    pub created_at: i64,
    pub updated_at: i64,
}

/// A payment or a refund.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Payment {
    pub id: String,
    pub kind: PaymentKind,
    /// `cash`, `card`, `bank_transfer`, `check`, `gift_card` or `other`.
    pub method: String,
    /// Always positive.
    pub amount: i64,
    pub at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentKind {
    Payment,
    Refund,
}

/// A field of the ticket that a plugin set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldOrigin {
    pub field: String,
    pub plugin: String,
    pub at: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    pub id: String,
    pub name: String,
    pub role: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Actor {
    pub name: String,
    pub user_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shop {
    pub id: String,
    pub name: String,
    pub time_zone: String,
    pub address: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    pub id: String,
    pub name: String,
    /// WIT 0.1.0 sends an empty text for `None`.
    pub email: Option<String>,
    pub phone: Option<String>,
    pub address: Option<String>,
    pub created_at: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    pub identifier: String,
    pub category: Option<String>,
    pub description: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Issue {
    pub description: String,
    pub category: Option<String>,
    pub severity: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnostics {
    pub findings: Option<String>,
    pub estimated_cost: Option<i64>,
    pub recommended_parts: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Labor {
    /// Hundredths of an hour.
    pub hours: u32,
    pub rate: i64,
    pub total: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    pub id: String,
    pub inventory_id: Option<String>,
    pub sku: Option<String>,
    pub name: String,
    pub quantity: u32,
    pub unit_cost: i64,
    pub total: i64,
    pub held: u32,
    pub consumed: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    pub kind: EntryKind,
    pub visibility: Visibility,
    pub status: String,
    pub timestamp: i64,
    pub actor: String,
    pub notes: Option<String>,
}

/// Who may read an entry of the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// The people of the shop.
    Internal,
    Customer,
}

/// What an entry of the timeline records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    Created,
    /// The ticket changed to the entry's status.
    Transitioned,
    /// A note; the status did not change.
    Note,
    Payment,
    Refund,
    Feedback,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StockItem {
    pub id: String,
    pub shop_id: String,
    pub sku: String,
    pub name: String,
    pub category: String,
    pub on_hand: u32,
    pub reserved: u32,
    pub available: u32,
    pub cost: i64,
    pub selling_price: i64,
    pub reorder_level: u32,
    pub supplier: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomField {
    pub key: String,
    pub value: CustomValue,
}

/// The value of a custom field; in JSON a string, a number or a boolean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum CustomValue {
    Flag(bool),
    Number(f64),
    Text(String),
}
