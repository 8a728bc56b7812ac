//! Checks shared by the rules of several answers. A reason names the field, its value and what is valid.

mod decision;
mod patch;
mod problems;
mod verdict;

use std::fmt::Display;

use crate::invalid::{NUL, TextFault, text_fault};

pub(crate) use self::decision::check_decision;
pub(crate) use self::patch::check_patch;
pub(crate) use self::problems::check_problems;
pub(crate) use self::verdict::check_verdict;

/// `Err` holds the reason.
pub(crate) type Checked = Result<(), String>;

/// Longest tag, category, code and the like, in characters.
pub(crate) const LABEL_CHARS_MAX: usize = 64;

pub(crate) fn at_most(what: &str, found: usize, unit: &str, max: usize) -> Checked {
    if found <= max {
        Ok(())
    } else {
        Err(format!("{what} has {found} {unit}; at most {max} are allowed"))
    }
}

/// Checks a text as those of clients are, and trims it.
pub(crate) fn characters(what: impl Display, text: &mut String, max: usize) -> Checked {
    match text_fault(text, max) {
        None => {
            trim(text);
            Ok(())
        }
        Some(TextFault::TooLong { characters }) => {
            Err(format!("{what} has {characters} characters; at most {max} are allowed"))
        }
        Some(TextFault::Nul) => Err(format!("{what} {NUL}")),
        Some(TextFault::Blank) => {
            Err(format!("{what} is empty or blank; it must have 1 to {max} characters"))
        }
    }
}

/// [`characters`] for a text that may be left out. Blank counts as left out.
pub(crate) fn optional(what: impl Display, text: &mut Option<String>, max: usize) -> Checked {
    let Some(given) = text else { return Ok(()) };
    if text_fault(given, max) == Some(TextFault::Blank) {
        *text = None;
        return Ok(());
    }
    characters(what, given, max)
}

/// [`characters`] for a text that may be empty.
pub(crate) fn maybe_empty(what: impl Display, text: &mut String, max: usize) -> Checked {
    if text_fault(text, max) == Some(TextFault::Blank) {
        text.clear();
        return Ok(());
    }
    characters(what, text, max)
}

fn trim(text: &mut String) {
    let trimmed = text.trim();
    if trimmed.len() != text.len() {
        *text = trimmed.to_owned();
    }
}

pub(crate) fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(LABEL_CHARS_MAX)]
}
