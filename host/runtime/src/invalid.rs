//! One invalid input: which field, its value, and what is valid.
//!
//! Invariant: none of the three is longer than an excerpt, whatever was sent.

use std::fmt::Display;

use serde::Serialize;
use serde_json::Value;

use super::excerpt;

/// Why a text was rejected: PostgreSQL cannot store a NUL.
pub const NUL: &str = "must not contain a NUL character";

/// Longest path of a field.
const FIELD_BYTES_MAX: usize = 400;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    pub field: String,
    pub value: Value,
    pub message: String,
}

impl Invalid {
    pub fn new(field: impl Display, value: impl Serialize, message: impl Into<String>) -> Self {
        let (mut field, mut message) = (field.to_string(), message.into());
        excerpt::shorten(&mut field, FIELD_BYTES_MAX);
        excerpt::shorten(&mut message, excerpt::MESSAGE_BYTES_MAX);
        Invalid { field, value: excerpt::value(value), message }
    }
}

/// What is wrong with a text of a client or a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextFault {
    TooLong {
        characters: usize,
    },
    /// PostgreSQL cannot store it.
    Nul,
    Blank,
}

/// The one check of texts of clients and guests alike. Counts characters.
pub(crate) fn text_fault(text: &str, max: usize) -> Option<TextFault> {
    let characters = text.chars().count();
    if characters > max {
        return Some(TextFault::TooLong { characters });
    }
    if text.contains('\0') {
        return Some(TextFault::Nul);
    }
    text.chars().all(is_blank).then_some(TextFault::Blank)
}

/// Checks a text and returns it trimmed.
pub fn check_text(field: impl Display, text: &str, max: usize) -> Result<String, Invalid> {
    match text_fault(text, max) {
        None => Ok(text.trim().to_owned()),
        Some(TextFault::TooLong { characters }) => {
            let message = format!("{field} has {characters} characters; at most {max} are allowed");
            Err(Invalid::new(field, characters, message))
        }
        Some(TextFault::Nul) => Err(Invalid::new(&field, text, format!("{field} {NUL}"))),
        Some(TextFault::Blank) => {
            Err(Invalid::new(&field, text, format!("{field} must not be empty")))
        }
    }
}

/// Checks the name of a person. Characters that hide or reorder others are left out, so that a name is what it looks
/// like: overrides and isolates of the direction, the zero-width space, the byte order mark; not the joiners, which
/// scripts need.
pub fn check_name(field: impl Display, text: &str, max: usize) -> Result<String, Invalid> {
    check_text(field, &visible(text), max)
}

fn visible(text: &str) -> String {
    let is_hidden = |character: &char| matches!(character, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    text.chars().filter(|character| !is_hidden(character)).collect()
}

/// Checks the number of a list's entries, before any work on each of them.
pub fn check_length(
    field: impl Display,
    found: usize,
    unit: &str,
    max: usize,
) -> Result<(), Invalid> {
    if found <= max {
        return Ok(());
    }
    let message = format!("{field} has {found} {unit}; at most {max} are allowed");
    Err(Invalid::new(field, found, message))
}

/// [`check_text`] for an optional text. Blank counts as absent.
pub fn check_optional(
    field: impl Display,
    text: Option<&str>,
    max: usize,
) -> Result<Option<String>, Invalid> {
    match text {
        None => Ok(None),
        Some(text) if text_fault(text, max) == Some(TextFault::Blank) => Ok(None),
        Some(text) => check_text(field, text, max).map(Some),
    }
}

/// Checks a search text, which is compared untrimmed: not blank, not too long.
pub fn check_filter(
    field: impl Display,
    text: Option<String>,
    max: usize,
) -> Result<Option<String>, Invalid> {
    let Some(text) = text else { return Ok(None) };
    let length = text.chars().count();
    let message = if length > max {
        format!("{field} has {length} characters; at most {max} are allowed")
    } else if text.chars().all(is_blank) {
        format!("{field} must not be blank; leave it out to list all")
    } else {
        return Ok(Some(text));
    };
    Err(Invalid::new(field, text, message))
}

/// Invisible characters: `[\s\x00-\x1f\x7f-\x9f]` in the patterns of the OpenAPI document.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || character.is_control()
}

/// Accepts text that looks like an email address: a local part, an at sign, a domain.
pub fn check_email(field: impl Display, text: &str) -> Result<String, Invalid> {
    let email = check_text(&field, &visible(text), 254)?;
    let domain = email
        .split_once('@')
        .map_or("", |(name, domain)| if name.is_empty() { "" } else { domain });
    if domain.is_empty() || domain.contains('@') || email.contains(is_blank) {
        let message = format!(
            "{field} is not a valid email address; expected something like jane@example.com"
        );
        return Err(Invalid::new(field, text, message));
    }
    Ok(email)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_it_looks_like() {
        let name = |text: &str| check_name("name", text, 20).map_err(|error| error.message);
        assert_eq!(name("\u{feff}Jane\u{200b} \u{202e}eoD\u{202c}"), Ok("Jane eoD".to_owned()));
        assert_eq!(name("\u{2066}علی\u{200c}رضا\u{2069}"), Ok("علی\u{200c}رضا".to_owned()));
        assert!(
            name("\u{202e}\u{200b}").is_err_and(|message| message.contains("must not be empty"))
        );
        assert_eq!(name(&format!("{}a", "\u{200b}".repeat(100))), Ok("a".to_owned()));
        let email = check_email("email", "\u{200b}jane@exam\u{feff}ple.com");
        assert_eq!(email.map_err(|error| error.message), Ok("jane@example.com".to_owned()));
    }

    #[test]
    fn an_error_is_short_whatever_was_sent() {
        let long = "ü\u{1}".repeat(1 << 18);
        let invalid = Invalid::new(&long, vec![&long; 3], format!("{long} is wrong"));
        let bytes = invalid.field.len() + invalid.value.to_string().len() + invalid.message.len();
        assert!(bytes < 10_000, "{bytes}");
        for error in [
            check_filter("name", Some(long.clone()), 10).err(),
            check_email("email", &long).err(),
            check_text("name", &" ".repeat(1 << 20), 1 << 21).err(),
        ] {
            let error = error.expect("an error");
            assert!(error.value.to_string().len() < 2_000 && error.message.len() < 2_100);
        }
    }
}
