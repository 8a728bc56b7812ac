//! What a call of a plugin is for.

use serde::{Deserialize, Serialize};

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Its decision counts.
    Enforce,
    /// It is asked after the decision was made without it.
    Monitor,
    /// It says what it would decide now; nothing is recorded.
    Preview,
}

impl Purpose {
    /// The mode in the journal, if it is recorded there.
    pub fn recorded(self) -> Option<RunMode> {
        match self {
            Purpose::Enforce => Some(RunMode::Enforce),
            Purpose::Monitor => Some(RunMode::Monitor),
            Purpose::Preview => None,
        }
    }

    pub fn mode(self) -> RunMode {
        self.recorded().unwrap_or(RunMode::Preview)
    }
}

/// `enforce`: the decision counted. `monitor`: it was only recorded. `preview`: it was only asked for, and not recorded.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum RunMode {
    Enforce,
    Monitor,
    Preview,
}

impl RunMode {
    pub fn as_str(self) -> &'static str {
        match self {
            RunMode::Enforce => "enforce",
            RunMode::Monitor => "monitor",
            RunMode::Preview => "preview",
        }
    }
}
