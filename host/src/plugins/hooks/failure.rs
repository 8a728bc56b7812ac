//! Describes how a plugin failed in a call: the text for clients, and the event `plugin.failed`.

use crate::model::event::{Hook, Ticket};
use crate::model::outbox::{OutboxEvent, PluginFailed};
use crate::plugins::active::Active;
use crate::request_id;

pub use crate::model::plugin::FailureView;

/// The ticket of the call, for readers of the failure.
pub struct Subject {
    pub ticket_id: String,
    pub ticket_number: String,
    pub shop_id: String,
}

impl Subject {
    pub fn of(ticket: &Ticket) -> Subject {
        Subject {
            ticket_id: ticket.id.clone(),
            ticket_number: ticket.number.clone(),
            shop_id: ticket.shop_id.clone(),
        }
    }
}

/// The call in which a plugin failed.
pub struct Broken<'a> {
    pub subject: &'a Subject,
    pub hook: Hook,
    pub active: &'a Active,
    pub outcome: &'static str,
    pub error: &'a FailureView,
}

impl Broken<'_> {
    pub fn event(&self) -> OutboxEvent {
        OutboxEvent::PluginFailed(PluginFailed {
            installation_id: self.active.installation_id,
            plugin: self.active.plugin.clone(),
            version: self.active.version.clone(),
            shop_id: self.subject.shop_id.clone(),
            ticket_id: self.subject.ticket_id.clone(),
            ticket_number: self.subject.ticket_number.clone(),
            hook: self.hook,
            outcome: self.outcome,
            error: self.error.clone(),
            on_failure: self.active.setup(self.hook).map(|setup| setup.on_failure),
            request_id: request_id::current(),
        })
    }
}
