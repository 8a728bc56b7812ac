//! What a repeated request is answered if the server stopped between the commit and its answer.

use crate::idempotency::Noted;
use crate::model::ticket::Ticket;
use crate::tickets::draft::Change;
use crate::tickets::outcome::{Changed, Created};
use crate::tickets::views::{self, Updated};

/// Post-create plugins have not run at that time, so the answer tells of none.
pub fn created(ticket: &Ticket) -> Noted {
    let created =
        Created { ticket: ticket.clone(), version: ticket.version, trace: Default::default() };
    let location = format!("/v1/tickets/{}", ticket.id);
    Noted::created(location, &views::Created::from(created)).version(ticket.version)
}

pub fn changed(change: &Change, changed: Changed) -> Noted {
    let version = changed.version;
    // Only `/transition` asks for a status that must be another one.
    let noted = if change.same_status_is_fine {
        Noted::ok(&Updated::from(changed))
    } else {
        Noted::ok(&views::transitioned(changed))
    };
    noted.version(version)
}
