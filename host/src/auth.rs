//! Who calls: the bearer key of a request, looked up by its hash. Handlers name the scope that they
//! need by the extractor that they take.

use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use serde_json::json;

use crate::access_log;
use crate::app::App;
use crate::error::ApiError;
use crate::keys::key_hash;
use crate::keys::store::{self, KeyRow};
use crate::model::ids::OrgId;
use crate::model::people::{Actor, Scope};

/// The caller, as found by the key.
#[derive(Clone, Debug)]
pub struct Caller {
    pub org: OrgId,
    pub scope: Scope,
    pub actor: Actor,
    /// The number of the organization's present set of plugins.
    pub plugins_revision: i64,
}

/// A caller who may read.
pub struct Reader(pub Caller);
/// A caller who may change tickets.
pub struct Writer(pub Caller);
/// A caller who may manage the organization.
pub struct Admin(pub Caller);

async fn authenticate(parts: &Parts, app: &App, needed: Scope) -> Result<Caller, ApiError> {
    let key = bearer(parts)?;
    let mut conn = app.db.read().await?;
    let row = store::find_by_hash(&mut conn, &key_hash(key)).await?;
    drop(conn);
    let row = row.ok_or_else(|| ApiError::unauthorized("Unknown API key"))?;
    access_log::note_caller(row.org_id, row.key_id);
    if row.revoked_at.is_some() {
        return Err(ApiError::unauthorized("This API key was revoked"));
    }
    if row.tier != "enterprise" {
        let message = format!(
            "The API is available on the enterprise tier; this organization has {}",
            row.tier
        );
        return Err(ApiError::forbidden(message, json!({ "reason": "tier", "tier": row.tier })));
    }
    if row.scope < needed {
        let message = format!(
            "This needs a key of scope {}; the key has scope {}",
            needed.as_str(),
            row.scope.as_str()
        );
        let details = json!({ "reason": "scope", "required": needed, "scope": row.scope });
        return Err(ApiError::forbidden(message, details));
    }
    Ok(caller(row))
}

fn bearer(parts: &Parts) -> Result<&str, ApiError> {
    let Some(value) = parts.headers.get(header::AUTHORIZATION) else {
        return Err(ApiError::unauthorized("Send an API key: Authorization: Bearer ro_live_…"));
    };
    let key = value.to_str().ok().and_then(|text| {
        let (scheme, key) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    match key {
        Some(key) if crate::keys::is_well_formed(key) => Ok(key),
        _ => Err(ApiError::unauthorized(
            "Malformed API key: expected Authorization: Bearer ro_live_ and 64 hex digits",
        )),
    }
}

fn caller(row: KeyRow) -> Caller {
    let name = row.user_name.unwrap_or(row.name);
    Caller {
        org: row.org_id,
        scope: row.scope,
        actor: Actor { name, user_id: row.user_id },
        plugins_revision: row.plugins_revision,
    }
}

macro_rules! extractors {
    ($($name:ident = $scope:expr),*) => {$(
        impl FromRequestParts<App> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
                authenticate(parts, app, $scope).await.map($name)
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
extractors!(Reader = Scope::Read, Writer = Scope::Write, Admin = Scope::Admin);
