//! The part of a ticket's timeline that guests see.
//!
//! Invariant: a ticket never outgrows the input of its plugins, however long it lives.

use crate::model::event;
use crate::model::ticket::{Timeline, TimelineEntry, Visibility};

/// The first and as many of the latest changes of the status.
const STATUSES_MAX: usize = 100;
/// The latest of the other entries.
const NOTES_MAX: usize = 100;
/// Characters of the notes of one entry.
const NOTES_CHARS_MAX: usize = 500;

/// Oldest first.
pub fn shown(timeline: &Timeline) -> Vec<event::TimelineEntry> {
    let entries = &timeline.entries;
    let statuses = entries.iter().filter(|entry| is_status(entry)).count();
    let notes = entries.len() - statuses;
    let (mut status, mut note) = (0, 0);
    let is_shown = |entry: &&TimelineEntry| {
        let (position, of, first, latest) = match is_status(entry) {
            true => (&mut status, statuses, STATUSES_MAX, STATUSES_MAX),
            false => (&mut note, notes, 0, NOTES_MAX),
        };
        *position += 1;
        *position <= first || of - *position < latest
    };
    entries.iter().filter(is_shown).map(entry).collect()
}

fn is_status(entry: &TimelineEntry) -> bool {
    matches!(entry.kind.as_str(), "created" | "transitioned")
}

fn entry(from: &TimelineEntry) -> event::TimelineEntry {
    event::TimelineEntry {
        kind: kind(&from.kind),
        visibility: match from.visibility {
            Visibility::Internal => event::Visibility::Internal,
            Visibility::Customer => event::Visibility::Customer,
        },
        status: from.status.0.clone(),
        timestamp: from.created_at.timestamp_millis(),
        actor: from.actor.clone(),
        notes: from.notes.as_deref().map(cut),
    }
}

/// Ends with an ellipsis if it was cut.
fn cut(notes: &str) -> String {
    if notes.chars().nth(NOTES_CHARS_MAX).is_none() {
        return notes.to_owned();
    }
    notes.chars().take(NOTES_CHARS_MAX - 1).chain(['…']).collect()
}

/// The database has no other kinds. One written by a newer node is shown as a note.
fn kind(kind: &str) -> event::EntryKind {
    match kind {
        "created" => event::EntryKind::Created,
        "transitioned" => event::EntryKind::Transitioned,
        "payment" => event::EntryKind::Payment,
        "refund" => event::EntryKind::Refund,
        "feedback" => event::EntryKind::Feedback,
        _ => event::EntryKind::Note,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::model::ids::TimelineId;
    use crate::model::workflow::Status;

    fn timeline(kinds: impl Iterator<Item = &'static str>) -> Timeline {
        let entry = |(number, kind): (usize, &str)| TimelineEntry {
            id: TimelineId(Uuid::nil()),
            kind: kind.to_owned(),
            visibility: Visibility::Internal,
            status: Status(format!("{number}")),
            actor: "Jane".to_owned(),
            notes: Some("n".repeat(number)),
            created_at: DateTime::from_timestamp(number as i64, 0).unwrap_or_default().into(),
        };
        let entries: Vec<_> = kinds.enumerate().map(entry).collect();
        Timeline { total: entries.len() as i64, entries }
    }

    fn numbers(shown: &[event::TimelineEntry]) -> Vec<i64> {
        shown.iter().map(|entry| entry.timestamp / 1_000).collect()
    }

    #[test]
    fn a_short_timeline_is_shown_as_it_is() {
        let kinds = ["created", "note", "transitioned", "payment"];
        assert_eq!(numbers(&shown(&timeline(kinds.into_iter()))), [0, 1, 2, 3]);
        assert!(shown(&Timeline::default()).is_empty());
    }

    #[test]
    fn of_a_long_one_the_first_and_latest_statuses_and_the_latest_notes_are_shown() {
        let only = |kind| timeline(std::iter::repeat_n(kind, 201));
        let statuses = numbers(&shown(&only("transitioned")));
        assert_eq!(statuses.len(), 200);
        assert_eq!((statuses[99], statuses[100]), (99, 101), "the one in the middle is left out");
        let notes = numbers(&shown(&only("note")));
        assert_eq!(notes, (101..201).collect::<Vec<_>>());
        // Each kind counts for itself, and the order stays.
        let mixed = timeline((0..400).map(|n| if n % 2 == 0 { "transitioned" } else { "note" }));
        let mixed = numbers(&shown(&mixed));
        assert_eq!(mixed.len(), 300);
        assert!(mixed.is_sorted());
    }

    #[test]
    fn long_notes_are_cut() {
        assert_eq!(cut(&"ü".repeat(500)), "ü".repeat(500));
        assert_eq!(cut(&"ü".repeat(501)), format!("{}…", "ü".repeat(499)));
    }
}
