//! The prepared components and keys of the demo.

/// For the scenario: a plugin that never ends.
pub(super) const LOOPING: &str = "guest-loop-forever";

/// A built component and its name.
pub(super) struct Built {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// The keys that the demo prints.
pub(super) struct Keys {
    pub read: String,
    pub write: String,
    pub admin: String,
}
