//! Authenticates a request by the hash of its API key. A handler declares the scope that it needs by its extractor.
//!
//! Invariant: the checks run in this order: a valid key (else 401, limited by address); requests left (429); the
//! organization's tier and the key's scope (403); an earlier request with the same Idempotency-Key (replays its
//! response).

use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum_extra::headers::HeaderMapExt;
use axum_extra::headers::authorization::{Authorization, Bearer};
use serde_json::json;

use crate::app::App;
use crate::error::ApiError;
use crate::idempotency::Refusal;
use crate::keys::key_hash;
use crate::keys::store::KeyRow;
use crate::model::ids::OrgId;
use crate::model::key::{Right, Rights};
use crate::model::people::{Actor, Scope};
use crate::model::time::Time;
use crate::rate_limits::rates::Class;
use crate::rate_limits::{address, headers};
use crate::{access_log, idempotency};

/// The authenticated caller.
#[derive(Clone, Debug)]
pub struct Caller {
    pub org: OrgId,
    pub scope: Scope,
    /// What the key may do beside its scope.
    pub rights: Rights,
    pub actor: Actor,
    /// The revision of the organization's plugins.
    pub plugins_revision: i64,
}

impl Caller {
    pub fn may_read_runs(&self) -> bool {
        self.may(Right::ReadRuns)
    }

    pub fn may_override(&self) -> bool {
        self.may(Right::Override)
    }

    pub fn may_manage_plugins(&self) -> bool {
        self.may(Right::ManagePlugins)
    }

    fn may(&self, right: Right) -> bool {
        self.scope == Scope::Admin || self.rights.has(right)
    }
}

/// A caller who may read.
pub struct Reader(pub Caller);
/// A caller who may change tickets.
pub struct Writer(pub Caller);
/// A caller who may manage the organization.
pub struct Admin(pub Caller);
/// A caller who may manage plugins by scope or right. These requests have a limit of their own.
pub struct PluginAdmin(pub Caller);
/// A caller who may read the journal of plugins by scope or right, under the limit of requests about plugins.
pub struct RunReader(pub Caller);
/// An admin, whose new parts of the inventory have a limit of their own.
pub struct StockAdmin(pub Caller);

async fn authenticate(
    parts: &Parts,
    app: &App,
    needed: Scope,
    right: Option<Right>,
    class: Class,
) -> Result<Caller, Refusal> {
    let row = identify(parts, app, class).await?;
    if row.tier != "enterprise" {
        let message = format!(
            "The API is available on the enterprise tier; this organization has the tier {}",
            row.tier
        );
        let details = json!({ "reason": "tier", "tier": row.tier });
        return Err(ApiError::forbidden(message, details).into());
    }
    if row.scope < needed && !right.is_some_and(|right| row.rights.has(right)) {
        return Err(out_of_scope(&row, needed, right).into());
    }
    idempotency::claim(parts, app, &row, bearer(parts)?.token()).await?;
    Ok(caller(row))
}

fn out_of_scope(row: &KeyRow, needed: Scope, right: Option<Right>) -> ApiError {
    let or = right.map_or_else(String::new, |right| format!(", or with {}", right.as_str()));
    let message = format!(
        "This request needs an API key of scope {}{or}; this key has scope {}",
        needed.as_str(),
        row.scope.as_str()
    );
    let mut details = json!({ "reason": "scope", "required": needed, "scope": row.scope });
    if let Some(right) = right {
        details["right"] = json!(right.as_str());
    }
    ApiError::forbidden(message, details)
}

/// Finds a valid key and counts a request in its rate limit.
async fn identify(parts: &Parts, app: &App, class: Class) -> Result<KeyRow, ApiError> {
    let now = app.clock.now();
    let failures = &app.rate_limits.failures;
    let from = address::client(parts, |proxy| failures.trusts(proxy));
    let refuse = |error: ApiError| {
        failures.count(from, now).err().map_or(error, |too_many| too_many.at(now))
    };

    let key = bearer(parts).map_err(refuse)?;
    let hash = key_hash(key.token());
    if let Some(spent) = app.rate_limits.refused(&hash, class, now) {
        headers::note(parts, spent);
        return Err(ApiError::rate_limited(spent, now));
    }
    failures.check(from, &hash, now).map_err(|too_many| too_many.at(now))?;
    let found = app.rate_limits.find_and_spend(&app.db, &hash, class, now).await?;
    let Some(found) = found else { return Err(refuse(ApiError::unauthorized("Unknown API key"))) };
    access_log::note_caller(found.key.org_id, found.key.key_id);
    if let Some(why) = ended(&found.key, now) {
        failures.forget_good(&hash);
        return Err(refuse(ApiError::unauthorized(&why)));
    }
    failures.remember_good(&hash);
    if let Some(spent) = found.spent {
        headers::note(parts, spent);
        if !spent.is_allowed() {
            return Err(ApiError::rate_limited(spent, now));
        }
    }
    Ok(found.key)
}

/// Why a key is no longer valid.
fn ended(key: &KeyRow, now: Time) -> Option<String> {
    if key.revoked_at.is_some() {
        return Some("This API key was revoked".to_owned());
    }
    let end = key.expires_at.filter(|end| *end <= now)?;
    Some(format!("This API key expired at {end}"))
}

fn bearer(parts: &Parts) -> Result<Authorization<Bearer>, ApiError> {
    match parts.headers.typed_try_get::<Authorization<Bearer>>() {
        Ok(Some(key)) if crate::keys::is_well_formed(key.token()) => Ok(key),
        Ok(None) => Err(ApiError::unauthorized("Send an API key: Authorization: Bearer ro_live_…")),
        Ok(Some(_)) | Err(_) => Err(ApiError::unauthorized(
            "Malformed API key: expected Authorization: Bearer ro_live_ and 64 hex digits",
        )),
    }
}

fn caller(row: KeyRow) -> Caller {
    let name = row.user_name.unwrap_or(row.name);
    Caller {
        org: row.org_id,
        scope: row.scope,
        rights: row.rights,
        actor: Actor { name, user_id: row.user_id },
        plugins_revision: row.plugins_revision,
    }
}

macro_rules! extractors {
    ($($name:ident = $scope:expr, $right:expr, $class:expr;)*) => {$(
        impl FromRequestParts<App> for $name {
            type Rejection = Refusal;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
                authenticate(parts, app, $scope, $right, $class).await.map($name)
            }
        }

        impl Deref for $name {
            type Target = Caller;

            fn deref(&self) -> &Caller {
                &self.0
            }
        }
    )*};
}
extractors! {
    Reader = Scope::Read, None, Class::Read;
    Writer = Scope::Write, None, Class::Write;
    Admin = Scope::Admin, None, Class::Admin;
    PluginAdmin = Scope::Admin, Some(Right::ManagePlugins), Class::Plugins;
    RunReader = Scope::Admin, Some(Right::ReadRuns), Class::Plugins;
    StockAdmin = Scope::Admin, None, Class::Stock;
}
