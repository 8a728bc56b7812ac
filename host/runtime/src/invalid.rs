//! One invalid input: which field, its value, and what is valid.
//!
//! Invariant: none of the three is longer than an excerpt, whatever was sent.

use std::fmt::Display;

use serde::Serialize;
use serde_json::Value;

use super::excerpt;

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

/// Checks the length of a text in characters and returns it trimmed. NULs are rejected earlier, where bodies are
/// read.
pub fn check_text(field: impl Display, text: &str, max: usize) -> Result<String, Invalid> {
    let length = text.chars().count();
    if length > max {
        let message = format!("{field} has {length} characters; at most {max} are allowed");
        return Err(Invalid::new(field, length, message));
    }
    if text.chars().all(is_blank) {
        return Err(Invalid::new(&field, text, format!("{field} must not be empty")));
    }
    Ok(text.trim().to_owned())
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
        Some(text) if text.chars().count() <= max && text.chars().all(is_blank) => Ok(None),
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
    let email = check_text(&field, text, 254)?;
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
