//! What a plugin gets and returns, independent of the WIT version.
//!
//! Invariant: each version (`v0_1`) converts from and to these records, so the rest of the host knows one model.
//! Stored events carry `MODEL_VERSION`.

mod answers;
mod hook;
mod patch;
mod ticket;

use serde::{Deserialize, Serialize};

pub use self::answers::{
    AMOUNT_MAX, Allocation, Decision, Patch, PluginError, Source, Verdict, Violation,
};
pub use self::hook::{Hook, UnknownHook};
pub use self::ticket::{
    Actor, CustomField, CustomValue, Customer, Device, Diagnostics, EntryKind, FieldOrigin, Issue,
    Labor, Part, Payment, PaymentKind, Shop, StockItem, Ticket, TimelineEntry, User,
};

/// Incremented by each change of these records that breaks stored JSON of an older version.
pub const MODEL_VERSION: u32 = 1;

/// The input of one hook.
pub trait HookEvent: Clone + Serialize + Send + Sync + 'static {
    const HOOK: Hook;
    /// What a plugin returns.
    type Answer: Serialize + Send + 'static;

    /// The ticket of the event.
    fn ticket(&self) -> &Ticket;

    /// The time of the request, which the guest's clocks show.
    fn now(&self) -> i64;
}

macro_rules! hook_events {
    ($($event:ty => $hook:ident, $answer:ty;)*) => {$(
        impl HookEvent for $event {
            const HOOK: Hook = Hook::$hook;
            type Answer = $answer;

            fn ticket(&self) -> &Ticket {
                &self.ticket
            }

            fn now(&self) -> i64 {
                self.now
            }
        }
    )*};
}

hook_events! {
    TransitionEvent => PreTransition, Verdict;
    CreationEvent => PostCreate, Patch;
    ReservationEvent => ReserveInventory, Decision;
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
