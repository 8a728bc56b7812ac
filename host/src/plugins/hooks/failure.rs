//! Describes how a plugin failed in a call: the text for clients, and the event `plugin.failed`.

use crate::model::event::{Hook, HookEvent};
use crate::model::ids::RunId;
use crate::model::outbox::{OutboxEvent, PluginFailed};
use crate::plugins::active::Active;
use crate::request_id;

pub use crate::model::plugin::FailureView;

/// The shop and ticket of the call, for readers of the failure.
pub struct Subject {
    /// `None` if there is no ticket yet.
    pub ticket: Option<(String, String)>,
    pub shop_id: String,
}

impl Subject {
    /// `None` if the call is not about a shop's work; whoever asked for it reads its failure in the response.
    pub fn of(event: &impl HookEvent) -> Option<Subject> {
        let ticket = event.ticket().map(|ticket| (ticket.id.clone(), ticket.number.clone()));
        Some(Subject { ticket, shop_id: event.shop_id()?.to_owned() })
    }
}

/// The call in which a plugin failed.
pub struct Broken<'a> {
    pub subject: &'a Subject,
    pub hook: Hook,
    pub run: RunId,
    pub active: &'a Active,
    pub outcome: &'static str,
    pub error: &'a FailureView,
}

impl Broken<'_> {
    pub fn event(&self) -> OutboxEvent {
        let (ticket_id, ticket_number) = self.subject.ticket.clone().unzip();
        OutboxEvent::PluginFailed(PluginFailed {
            installation_id: self.active.installation_id,
            plugin: self.active.plugin.clone(),
            version: self.active.version.clone(),
            shop_id: self.subject.shop_id.clone(),
            ticket_id,
            ticket_number,
            hook: self.hook,
            run_id: self.run,
            outcome: self.outcome,
            error: self.error.clone(),
            on_failure: self.active.setup(self.hook).map(|setup| setup.on_failure),
            request_id: request_id::current(),
        })
    }
}
