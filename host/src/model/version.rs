//! The versions of a ticket that a client is willing to write upon.

/// What a write expects the ticket's version to be; it never goes through on another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whichever it is.
    Any,
    OneOf(Vec<i64>),
}

impl Expected {
    pub fn allows(&self, version: i64) -> bool {
        match self {
            Expected::Any => true,
            Expected::OneOf(versions) => versions.contains(&version),
        }
    }
}
