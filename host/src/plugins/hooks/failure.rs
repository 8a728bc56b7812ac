//! How a plugin failed in a call: what clients read of it, and the data of the event `plugin.failed`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::event::{Hook, Ticket};
use crate::plugins::active::Active;
use crate::request_id;

/// Why a plugin gave no answer, with the figure and the limit where there is one.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct FailureView {
    pub message: String,
    pub limit: Option<u64>,
    pub used: Option<u64>,
}

/// The ticket that it is about, for those who read of a failure.
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

/// The call that a plugin broke in.
pub struct Broken<'a> {
    pub subject: &'a Subject,
    pub hook: Hook,
    pub active: &'a Active,
    pub outcome: &'static str,
    pub error: &'a FailureView,
}

impl Broken<'_> {
    /// The data of `plugin.failed`.
    pub fn event_data(&self) -> Value {
        let on_failure = self.active.setup(self.hook).map(|setup| setup.on_failure);
        json!({
            "installation_id": self.active.installation_id,
            "plugin": self.active.plugin,
            "version": self.active.version,
            "shop_id": self.subject.shop_id,
            "ticket_id": self.subject.ticket_id,
            "ticket_number": self.subject.ticket_number,
            "hook": self.hook,
            "outcome": self.outcome,
            "error": self.error,
            "on_failure": on_failure,
            "request_id": request_id::current(),
        })
    }
}
