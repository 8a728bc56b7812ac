//! The versions of a ticket, customer or stock item that a client allows its write to replace.

/// The expected version. A write on any other version is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Any version.
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
