//! The timeline entries of plugins: their own notes, and failures.

use crate::model::ids::TimelineId;
use crate::model::ticket::Visibility;
use crate::model::time::Time;
use crate::model::workflow::Status;
use crate::tickets::store::NewEvent;

/// An entry that is not written yet.
pub struct Note {
    id: TimelineId,
    actor: String,
    text: String,
}

impl Note {
    pub fn of_plugin(id: TimelineId, plugin: &str, text: impl Into<String>) -> Note {
        Note { id, actor: format!("{plugin} (plugin)"), text: text.into() }
    }

    /// The row; `status` is the ticket's status when the note is written.
    pub fn event<'a>(&'a self, status: &'a Status, now: Time) -> NewEvent<'a> {
        NewEvent {
            id: self.id,
            kind: "note",
            status,
            from_status: None,
            actor: &self.actor,
            notes: Some(&self.text),
            visibility: Visibility::Internal,
            created_at: now,
        }
    }
}
