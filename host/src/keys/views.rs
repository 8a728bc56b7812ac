//! The JSON of API keys.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::ids::{KeyId, UserId};
use crate::model::key::{ApiKey, KeyState, MadeKey};
use crate::model::people::Scope;
use crate::model::time::Time;
use crate::respond::Created;

#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub struct KeyView {
    id: KeyId,
    name: String,
    scope: Scope,
    /// Whether the key may read the journal of plugins. Keys of scope `admin` may do so without it.
    may_read_runs: bool,
    /// Whether the key may override refusals of plugins. Keys of scope `admin` may do so without it.
    may_override: bool,
    /// Whether the key may manage plugins and installations. Keys of scope `admin` may do so without it.
    may_manage_plugins: bool,
    user_id: Option<UserId>,
    /// The last four digits of the key; `null` for keys created before the server stored them.
    hint: Option<String>,
    state: KeyState,
    created_at: Time,
    /// The time of the last request with this key, accurate to a few seconds; `null` if it was never used.
    last_used_at: Option<Time>,
    expires_at: Option<Time>,
    revoked_at: Option<Time>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = KeyMade)]
pub struct MadeView {
    #[serde(flatten)]
    about: KeyView,
    /// The secret text of the key. No other response contains it.
    #[schema(example = "ro_live_3f…")]
    key: String,
}

pub fn made_view(made: MadeKey, now: Time) -> Created<MadeView> {
    Created {
        location: format!("/v1/keys/{}", made.key.id),
        body: MadeView { about: view(made.key, now), key: made.text },
    }
}

pub fn view(key: ApiKey, now: Time) -> KeyView {
    KeyView {
        id: key.id,
        state: key.state(now),
        name: key.name,
        scope: key.scope,
        may_read_runs: key.rights.may_read_runs,
        may_override: key.rights.may_override,
        may_manage_plugins: key.rights.may_manage_plugins,
        user_id: key.user_id,
        hint: key.hint,
        created_at: key.created_at,
        last_used_at: key.last_used_at,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
    }
}
