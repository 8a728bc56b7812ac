//! What a plugin gets and returns, independent of the WIT version.
//!
//! Invariant: each version (`v0_1`, `v0_2`) converts from and to these records, so the rest of the host knows one model.
//! Stored events carry `MODEL_VERSION`.

mod answers;
mod hook;
mod patch;
mod ticket;

use serde::{Deserialize, Serialize};

pub use self::answers::{
    AMOUNT_MAX, Allocation, Decision, Patch, PluginError, SettingsProblem, Source, Verdict,
    Violation,
};
pub use self::hook::{Hook, UnknownHook};
pub use self::ticket::{
    Actor, CustomField, CustomValue, Customer, Device, Diagnostics, EntryKind, FieldOrigin, Issue,
    Labor, Part, Payment, PaymentKind, Shop, StockItem, Ticket, TimelineEntry, User, Visibility,
};

/// Incremented by each change of these records that breaks stored JSON of an older version.
pub const MODEL_VERSION: u32 = 1;

/// The input of one hook.
pub trait HookEvent: Clone + Serialize + Send + Sync + 'static {
    const HOOK: Hook;
    /// What a plugin returns.
    type Answer: Serialize + Send + 'static;

    /// The ticket of the event, if there is one already.
    fn ticket(&self) -> Option<&Ticket>;

    /// The shop of the event, if it is about one.
    fn shop_id(&self) -> Option<&str>;

    /// The id of the customer whom the event names, if the customer is known.
    fn customer_id(&self) -> Option<&str>;

    /// The time of the request, which the guest's clocks show.
    fn now(&self) -> i64;
}

macro_rules! hook_events {
    ($($event:ident => $hook:ident, $answer:ty, $ticket:expr, $shop:expr, $customer:expr;)*) => {$(
        impl HookEvent for $event {
            const HOOK: Hook = Hook::$hook;
            type Answer = $answer;

            fn ticket(&self) -> Option<&Ticket> {
                let of: fn(&$event) -> Option<&Ticket> = $ticket;
                of(self)
            }

            fn shop_id(&self) -> Option<&str> {
                let of: fn(&$event) -> Option<&Shop> = $shop;
                of(self).map(|shop| shop.id.as_str())
            }

            fn customer_id(&self) -> Option<&str> {
                let of: fn(&$event) -> Option<&String> = $customer;
                of(self).map(String::as_str)
            }

            fn now(&self) -> i64 {
                self.now
            }
        }
    )*};
}

hook_events! {
    DraftEvent => PreCreate, Verdict,
        |_| None, |event| Some(&event.shop), |event| event.customer.known.as_ref();
    UpdateEvent => PreUpdate, Verdict,
        |event| Some(&event.after), |event| Some(&event.shop), |event| Some(&event.customer.id);
    TransitionEvent => PreTransition, Verdict,
        |event| Some(&event.ticket), |event| Some(&event.shop), |event| Some(&event.customer.id);
    CreationEvent => PostCreate, Patch,
        |event| Some(&event.ticket), |event| Some(&event.shop), |event| Some(&event.customer.id);
    ReservationEvent => ReserveInventory, Decision,
        |event| Some(&event.ticket), |event| Some(&event.shop), |_| None;
    SettingsEvent => SettingsCheck, Vec<SettingsProblem>,
        |_| None, |_| None, |_| None;
}

/// The input of `pre-create`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DraftEvent {
    pub draft: Draft,
    pub customer: DraftCustomer,
    pub actor: Actor,
    pub shop: Shop,
    pub now: i64,
}

/// A ticket that does not exist yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    pub status: String,
    pub device: Device,
    pub issue: Issue,
    pub tags: Vec<String>,
    pub custom_fields: Vec<CustomField>,
}

/// The customer as a request says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DraftCustomer {
    /// The id, if the email address is known.
    pub known: Option<String>,
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
}

/// The input of `pre-update`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateEvent {
    pub before: Ticket,
    /// With the status of `before`.
    pub after: Ticket,
    /// The API's names of the fields that differ, without `status`.
    pub changed: Vec<String>,
    pub notes: Option<String>,
    pub actor: Actor,
    pub customer: Customer,
    pub shop: Shop,
    pub stock: Vec<StockItem>,
    pub now: i64,
}

/// The input of `settings-check`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettingsEvent {
    /// A JSON object, with the schema's defaults.
    pub settings: String,
    pub now: i64,
}

/// The input of `pre-transition`.
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

/// The input of `post-create`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreationEvent {
    pub ticket: Ticket,
    pub actor: Actor,
    pub customer: Customer,
    pub shop: Shop,
    pub now: i64,
}

/// The input of `reserve-inventory`.
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

/// A part line that is not fully reserved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub part_id: String,
    pub inventory_id: String,
    pub sku: String,
    pub category: String,
    pub name: String,
    pub missing: u32,
}
