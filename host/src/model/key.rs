//! API keys, without their text.

use serde::Serialize;
use sqlx::FromRow;

use super::ids::{KeyId, UserId};
use super::people::Scope;
use super::time::Time;

#[derive(Clone, Debug, FromRow)]
pub struct ApiKey {
    pub id: KeyId,
    pub name: String,
    pub scope: Scope,
    #[sqlx(flatten)]
    pub rights: Rights,
    pub user_id: Option<UserId>,
    pub hint: Option<String>,
    pub created_at: Time,
    pub expires_at: Option<Time>,
    pub revoked_at: Option<Time>,
    pub last_used_at: Option<Time>,
}

/// Single rights of a key beside its scope. A key of scope admin has all of them, whatever is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Rights {
    pub may_read_runs: bool,
    pub may_override: bool,
    pub may_manage_plugins: bool,
}

/// The name of one of the [`Rights`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    ReadRuns,
    Override,
    ManagePlugins,
}

impl Right {
    pub fn as_str(self) -> &'static str {
        match self {
            Right::ReadRuns => "may_read_runs",
            Right::Override => "may_override",
            Right::ManagePlugins => "may_manage_plugins",
        }
    }
}

impl Rights {
    pub fn has(self, right: Right) -> bool {
        match right {
            Right::ReadRuns => self.may_read_runs,
            Right::Override => self.may_override,
            Right::ManagePlugins => self.may_manage_plugins,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    Active,
    Expired,
    Revoked,
}

impl KeyState {
    pub fn as_str(self) -> &'static str {
        match self {
            KeyState::Active => "active",
            KeyState::Expired => "expired",
            KeyState::Revoked => "revoked",
        }
    }
}

impl ApiKey {
    pub fn state(&self, now: Time) -> KeyState {
        match (self.revoked_at, self.expires_at) {
            (Some(_), _) => KeyState::Revoked,
            (None, Some(end)) if end <= now => KeyState::Expired,
            _ => KeyState::Active,
        }
    }
}

/// A new key; `text` is its only copy.
#[derive(Clone)]
pub struct MadeKey {
    pub key: ApiKey,
    pub text: String,
}
