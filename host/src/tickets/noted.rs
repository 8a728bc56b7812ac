//! The answer that a repeated request gets if the server stopped between the commit and its answer.

use crate::idempotency::Noted;
use crate::model::ticket::Ticket;
use crate::tickets::draft::Intent;
use crate::tickets::outcome::{Changed, Created};
use crate::tickets::views::{self, Updated};

/// Post-create plugins have not run at that time, so the answer lists none.
pub fn created(ticket: &Ticket) -> Noted {
    let created =
        Created { ticket: ticket.clone(), version: ticket.version, trace: Default::default() };
    let location = format!("/v1/tickets/{}", ticket.id);
    Noted::created(location, &views::Created::from(created)).version(ticket.version)
}

pub fn changed(intent: Intent, changed: Changed) -> Noted {
    let version = changed.version;
    let noted = match intent {
        Intent::Patch => Noted::ok(&Updated::from(changed)),
        Intent::Transition => Noted::ok(&views::transitioned(changed)),
    };
    noted.version(version)
}
