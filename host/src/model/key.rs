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
    pub user_id: Option<UserId>,
    pub hint: Option<String>,
    pub created_at: Time,
    pub expires_at: Option<Time>,
    pub revoked_at: Option<Time>,
    pub last_used_at: Option<Time>,
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
