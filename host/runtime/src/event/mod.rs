//! What a plugin gets and what it returns, whatever version of the WIT it was built for.
//!
//! `v0_1` and later versions convert from these records and back, so the rest of the host knows one model. What is
//! stored of it (later issues: the journal, cases) carries `MODEL_VERSION`.

mod answers;
mod hook;
mod patch;
mod ticket;

use serde::{Deserialize, Serialize};

pub use self::answers::{Allocation, Decision, Patch, PluginError, Source, Verdict, Violation};
pub use self::hook::{Hook, UnknownHook};
pub use self::ticket::{
    Actor, CustomField, CustomValue, Customer, Device, Diagnostics, EntryKind, FieldOrigin, Issue,
    Labor, Part, Payment, PaymentKind, Shop, StockItem, Ticket, TimelineEntry, User,
};

/// Grows with each change of these records that stored JSON of an older version does not fit.
pub const MODEL_VERSION: u32 = 1;

/// The input of one hook.
pub trait HookEvent: Clone + Serialize + Send + Sync + 'static {
    const HOOK: Hook;
    /// What a plugin returns.
    type Answer: Serialize + Send + 'static;

    /// What the event is about.
    fn ticket(&self) -> &Ticket;

    /// The moment of the request, which is what the guest's clocks show.
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
