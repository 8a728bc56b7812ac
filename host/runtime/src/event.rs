//! What a plugin is asked and what it answers: the newest version of the WIT's records as plain data.
//!
//! Money is hundredths of the organization's currency, times are milliseconds since 1970-01-01T00:00:00Z, ids are
//! UUIDs in their 36 characters form. The WIT says what each field means; `runtime/bindings.rs` converts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A moment at which plugins are asked. One hook is one exported interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// Before a ticket changes its status: may it?
    PreTransition,
    /// After a ticket was made: what can be added to it?
    PostCreate,
    /// When a ticket comes to need stock: where from?
    ReserveInventory,
}

impl Hook {
    /// All of them, in the order of a ticket's life.
    pub const ALL: [Hook; 3] = [Hook::PreTransition, Hook::PostCreate, Hook::ReserveInventory];

    /// The name of the interface in the WIT, and of the hook everywhere else.
    pub fn as_str(self) -> &'static str {
        match self {
            Hook::PreTransition => "pre-transition",
            Hook::PostCreate => "post-create",
            Hook::ReserveInventory => "reserve-inventory",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text names no hook.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no hook `{0}`; there are pre-transition, post-create and reserve-inventory")]
pub struct UnknownHook(pub String);

impl FromStr for Hook {
    type Err = UnknownHook;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Hook::ALL
            .into_iter()
            .find(|hook| hook.as_str() == text)
            .ok_or_else(|| UnknownHook(text.to_owned()))
    }
}

/// What `pre-transition` is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransitionEvent {
    pub ticket: Ticket,
    pub from: String,
    pub to: String,
    pub notes: Option<String>,
    pub actor: Actor,
    pub customer: Customer,
    pub shop: Shop,
    pub stock: Vec<StockItem>,
    pub now: i64,
}

/// What `post-create` is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreationEvent {
    pub ticket: Ticket,
    pub actor: Actor,
    pub customer: Customer,
    pub shop: Shop,
    pub now: i64,
}

/// What `reserve-inventory` is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReservationEvent {
    pub ticket: Ticket,
    pub status: String,
    pub lines: Vec<Line>,
    pub stock: Vec<StockItem>,
    pub shop: Shop,
    pub actor: Actor,
    pub now: i64,
}

/// A part line of which some are not held yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub part_id: String,
    pub inventory_id: String,
    pub sku: String,
    pub category: String,
    pub name: String,
    pub missing: u32,
}

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
    pub created_at: i64,
    pub updated_at: i64,
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
    pub email: String,
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
    pub status: String,
    pub timestamp: i64,
    pub actor: String,
    pub notes: Option<String>,
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

/// What `pre-transition` answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Allow,
    AllowWithWarnings(Vec<Violation>),
    Deny(Vec<Violation>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Violation {
    pub code: String,
    pub message: String,
    pub field: Option<String>,
}

/// What `post-create` answers. Fields that are `None` or empty change nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Patch {
    pub tags: Vec<String>,
    pub severity: Option<String>,
    pub category: Option<String>,
    pub estimated_cost: Option<i64>,
    pub recommended_parts: Option<Vec<String>>,
    pub custom_fields: Vec<CustomField>,
    pub internal_note: Option<String>,
}

/// What `reserve-inventory` answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Pass,
    Plan(Vec<Allocation>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Allocation {
    pub part_id: String,
    pub source: Source,
    pub quantity: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Item(String),
    Backorder,
}

/// Why a plugin could not answer. Not a refusal: that is an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum PluginError {
    #[error("the settings make no sense to the plugin: {0}")]
    InvalidSettings(String),
    #[error("the plugin does not know how to handle this: {0}")]
    Unsupported(String),
    #[error("the plugin failed: {0}")]
    Failed(String),
}
