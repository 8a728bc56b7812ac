//! One input that is not right: which field, what it was, what would be right.

use serde::Serialize;
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    pub field: String,
    pub value: Value,
    pub message: String,
}

impl Invalid {
    pub fn new(
        field: impl Into<String>,
        value: impl Serialize,
        message: impl Into<String>,
    ) -> Self {
        Invalid {
            field: field.into(),
            value: serde_json::to_value(value).unwrap_or(Value::Null),
            message: message.into(),
        }
    }
}

/// Checks the length of a text, counted in characters; answers it without blank ends. That there is no NUL in
/// it is seen to where bodies are read.
pub fn check_text(field: &str, text: &str, max: usize) -> Result<String, Invalid> {
    let length = text.chars().count();
    if length > max {
        let message = format!("{field} has {length} characters; at most {max} are allowed");
        return Err(Invalid::new(field, length, message));
    }
    if text.chars().all(is_blank) {
        return Err(Invalid::new(field, text, format!("{field} must not be empty")));
    }
    Ok(text.trim().to_owned())
}

/// The same for a text that may be left out. Blank counts as left out.
pub fn check_optional(
    field: &str,
    text: Option<&str>,
    max: usize,
) -> Result<Option<String>, Invalid> {
    match text {
        None => Ok(None),
        Some(text) if text.chars().count() <= max && text.chars().all(is_blank) => Ok(None),
        Some(text) => check_text(field, text, max).map(Some),
    }
}

/// The same for a text to look for, which is compared as it is: not blank, not too long.
pub fn check_filter(
    field: &str,
    text: Option<String>,
    max: usize,
) -> Result<Option<String>, Invalid> {
    let Some(text) = text else { return Ok(None) };
    let length = text.chars().count();
    let message = if length > max {
        format!("{field} has {length} characters; at most {max} are allowed")
    } else if text.chars().all(is_blank) {
        format!("{field} must not be blank; leave it out to find all")
    } else {
        return Ok(Some(text));
    };
    Err(Invalid::new(field, text, message))
}

/// What nobody can see: `[\s\x00-\x1f\x7f-\x9f]` in the patterns of the OpenAPI document.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || character.is_control()
}

/// Takes what looks like an email address: something, an at sign, a domain.
pub fn check_email(field: &str, text: &str) -> Result<String, Invalid> {
    let email = check_text(field, text, 254)?;
    let domain = email
        .split_once('@')
        .map_or("", |(name, domain)| if name.is_empty() { "" } else { domain });
    if domain.is_empty() || domain.contains('@') || email.contains(is_blank) {
        let message = format!("{field} is no email address, for example jane@example.com");
        return Err(Invalid::new(field, text, message));
    }
    Ok(email)
}
