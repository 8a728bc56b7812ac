//! Checks shared by the rules of several answers. A reason names the field, its value and what is valid.

use std::fmt::Display;

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

pub(crate) fn characters(what: impl Display, text: &str, max: usize) -> Checked {
    let found = text.chars().count();
    if (1..=max).contains(&found) {
        Ok(())
    } else {
        Err(format!("{what} has {found} characters; it must have 1 to {max}"))
    }
}

pub(crate) fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(LABEL_CHARS_MAX)]
}
