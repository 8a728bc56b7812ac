//! The results and errors of operations on tickets.
//!
//! Invariant: imports no operation, so that drafts, stock and views can use it without using each other.

use crate::model::ids::{TicketId, TimelineId};
use crate::model::invalid::Invalid;
use crate::model::stock::ShortLine;
use crate::model::ticket::Ticket;
use crate::model::time::Time;
use crate::model::workflow::{NoEdge, Status};
use crate::plugins::hooks::{Failed, PluginRun, PluginViolation, Trace, Warning};

#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("ticket not found")]
    NotFound,
    #[error(transparent)]
    NoEdge(#[from] NoEdge),
    #[error("A plugin rejected this request: \
             {}", violations.iter().map(|v| v.violation.message.as_str()).collect::<Vec<_>>().join(" "))]
    Rejected { violations: Vec<PluginViolation>, ran: Vec<PluginRun> },
    #[error("The plugin {} is required and failed, so nothing was changed: {}", failure.plugin, failure.error.message)]
    PluginFailed { failure: Box<Failed>, ran: Vec<PluginRun> },
    #[error("There is not enough stock for \
             {}", lines.iter().map(|line| format!("{} of {}", line.missing, line.name)).collect::<Vec<_>>().join(", "))]
    InsufficientStock { lines: Vec<ShortLine>, ran: Vec<PluginRun> },
    #[error("Parts cannot be changed while the ticket has the status {status}")]
    PartsFrozen { status: Status },
    #[error("{consumed} of {part} were already used and cannot be removed from the ticket")]
    Consumed { part: String, consumed: i64 },
    #[error(
        "The ticket was changed {attempts} times by other requests meanwhile; read it and try again"
    )]
    Stale { attempts: usize },
    /// The ticket's version is none of those in `If-Match`.
    #[error(
        "The ticket is at version {current}, which is not in If-Match; read the ticket again before you change it"
    )]
    OtherVersion { current: i64 },
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// The result of a change.
pub struct Changed {
    pub ticket_id: TicketId,
    /// The ticket's version after the change.
    pub version: i64,
    pub status: Status,
    pub updated_at: Time,
    pub transition: Option<Transition>,
    pub ran: Vec<PluginRun>,
    pub warnings: Vec<Warning>,
}

pub struct Transition {
    pub event_id: TimelineId,
    pub from: Status,
    pub to: Status,
}

/// The created ticket, its version after the plugins' patches, and what the plugins did.
pub struct Created {
    pub ticket: Ticket,
    pub version: i64,
    pub trace: Trace,
}

/// Returns an error if a plugin with `on_failure: closed` failed.
pub fn stop_if_failed(mut trace: Trace) -> Result<Trace, ChangeError> {
    match trace.failed.take() {
        Some(failure) => {
            Err(ChangeError::PluginFailed { failure: Box::new(failure), ran: trace.ran })
        }
        None => Ok(trace),
    }
}
