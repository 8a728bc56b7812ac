//! The hooks that a plugin can export. Invariant: every other list of the workflow's hooks is made from `Hook::ALL`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A moment in the workflow at which plugins run. One hook is one exported interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// Before a ticket exists: allow or deny it.
    PreCreate,
    /// Before other fields than the status change: allow or deny it.
    PreUpdate,
    /// Before a ticket changes its status: allow or deny it.
    PreTransition,
    /// After a ticket was created: add to it.
    PostCreate,
    /// When a ticket needs stock: choose where it comes from.
    ReserveInventory,
    /// Before settings are stored: check them. It has no place in a ticket's life, and is not switched on or off.
    SettingsCheck,
}

impl Hook {
    /// Those of the workflow, which an owner switches on and off.
    pub const ALL: [Hook; 5] = [
        Hook::PreCreate,
        Hook::PreUpdate,
        Hook::PreTransition,
        Hook::PostCreate,
        Hook::ReserveInventory,
    ];

    /// The name of the interface in the WIT, and of the hook everywhere else.
    pub fn as_str(self) -> &'static str {
        match self {
            Hook::PreCreate => "pre-create",
            Hook::PreUpdate => "pre-update",
            Hook::PreTransition => "pre-transition",
            Hook::PostCreate => "post-create",
            Hook::ReserveInventory => "reserve-inventory",
            Hook::SettingsCheck => "settings-check",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text names no hook.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown hook `{0}`; expected {names}", names = known_names())]
pub struct UnknownHook(pub String);

/// `pre-create, …, post-create or reserve-inventory`.
fn known_names() -> String {
    let [others @ .., last] = Hook::ALL.map(Hook::as_str);
    format!("{} or {last}", others.join(", "))
}

impl FromStr for Hook {
    type Err = UnknownHook;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Hook::ALL
            .into_iter()
            .find(|hook| hook.as_str() == text)
            .ok_or_else(|| UnknownHook(text.to_owned()))
    }
}
