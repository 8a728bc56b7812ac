//! The response to a repeated request if the server stopped between the commit and the first response.

use crate::idempotency::Noted;
use crate::model::ticket::Ticket;
use crate::tickets::draft::Intent;
use crate::tickets::outcome::{Changed, Created};
use crate::tickets::views::{self, Updated};

/// Post-create plugins have not run at that time, so the response lists none.
pub fn created(ticket: &Ticket) -> Noted {
    let created =
        Created { ticket: ticket.clone(), version: ticket.version, trace: Default::default() };
    let location = format!("/v1/tickets/{}", ticket.id);
    Noted::created(location, &views::Created::from(created)).version(ticket.version)
}

pub fn changed(intent: Intent, changed: Changed) -> Noted {
    let version = changed.version;
    let answer = match intent {
        Intent::Patch => Noted::ok(&Updated::from(changed)),
        Intent::Transition => Noted::ok(&views::transitioned(changed)),
    };
    answer.version(version)
}
