//! Plugins and their installations.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;

use super::event::Hook;
use super::ids::{InstallationId, PluginId, ShopId};
use super::known::{KnownList, KnownMap};
use super::limits::Limits;
use super::time::Time;

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum PluginState {
    Compiling,
    Ready,
    Failed,
}

/// A plugin of an organization: an uploaded component and its metadata.
#[derive(Clone, Debug, FromRow)]
pub struct Plugin {
    pub id: PluginId,
    pub digest: String,
    pub name: String,
    pub version: String,
    pub description: String,
    pub size_bytes: i64,
    pub state: PluginState,
    /// Why it is unusable, if `state` is `failed`.
    pub error: Option<String>,
    #[sqlx(json)]
    pub hooks: KnownList<Hook>,
    /// The version of the WIT that its hooks have.
    pub wit: String,
    /// Whether it has a `settings-check`.
    pub checks_settings: bool,
    #[sqlx(json)]
    pub permissions: Vec<String>,
    #[sqlx(json(nullable))]
    pub settings_schema: Option<Value>,
    pub created_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Its decision counts.
    Enforce,
    /// It is asked after the request was answered without it; what it would have decided is recorded.
    Monitor,
    Off,
}

/// What happens if the plugin fails or returns an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The request continues, with a warning in the response.
    Open,
    /// The request is rejected with 503.
    Closed,
}

impl OnFailure {
    pub fn default_for(hook: Hook) -> OnFailure {
        match hook {
            Hook::PreCreate | Hook::PreUpdate | Hook::PreTransition | Hook::SettingsCheck => {
                OnFailure::Closed
            }
            Hook::PostCreate | Hook::ReserveInventory => OnFailure::Open,
        }
    }

    /// Whether it can only be `open` for this hook, because the ticket is already stored when the plugin runs.
    pub fn is_always_open(hook: Hook) -> bool {
        match hook {
            Hook::PostCreate => true,
            Hook::PreCreate
            | Hook::PreUpdate
            | Hook::PreTransition
            | Hook::ReserveInventory
            | Hook::SettingsCheck => false,
        }
    }
}

/// Why a plugin failed, with the figure and the limit if there are any.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct FailureView {
    pub message: String,
    pub limit: Option<u64>,
    pub used: Option<u64>,
}

/// The setup of one hook of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HookSetup {
    /// Lower numbers run first; installations with the same number run oldest first.
    pub order: i32,
    pub mode: Mode,
    pub on_failure: OnFailure,
}

#[derive(Clone, Debug, FromRow)]
pub struct Installation {
    pub id: InstallationId,
    pub plugin_id: PluginId,
    #[sqlx(json)]
    pub settings: Value,
    #[sqlx(json)]
    pub grants: Vec<String>,
    #[sqlx(json)]
    pub limits: Limits,
    /// Only tickets of these shops; `None` means all.
    #[sqlx(json(nullable))]
    pub shop_ids: Option<Vec<ShopId>>,
    #[sqlx(json)]
    pub hooks: KnownMap<Hook, HookSetup>,
    pub created_at: Time,
    pub updated_at: Time,
}

/// What is or was installed of an installation: a build of its plugin, with the settings and grants of that time.
#[derive(Clone, Debug, FromRow)]
pub struct InstallationVersion {
    pub n: i64,
    pub plugin_id: PluginId,
    pub plugin_version: String,
    pub digest: String,
    #[sqlx(json)]
    pub settings: Value,
    #[sqlx(json)]
    pub grants: Vec<String>,
    #[sqlx(json)]
    pub hooks: KnownMap<Hook, HookSetup>,
    pub state: VersionState,
    pub reason: String,
    pub actor: String,
    pub created_at: Time,
    pub ended_at: Option<Time>,
    /// Whether the build is still there, so that it can be installed again.
    pub is_kept: bool,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[schema(as = InstallationVersionState)]
pub enum VersionState {
    Candidate,
    Current,
    Past,
}
