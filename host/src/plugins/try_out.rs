//! Tries a plugin on one event: one call on the real runtime, nothing written.
//!
//! Invariant: the plugin runs only with the permissions that the request grants, and with settings that fit.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::auth::Caller;
use crate::installations::install::check_grants;
use crate::installations::settings::{self, CheckError};
use crate::model::event::{
    CreationEvent, DraftEvent, Hook, HookEvent, ReservationEvent, SettingsEvent, TransitionEvent,
    UpdateEvent,
};
use crate::model::ids::{PluginId, TicketId};
use crate::model::invalid::Invalid;
use crate::model::limits::Limits;
use crate::model::plugin::{Plugin, PluginState};
use crate::model::workflow::Status;
use crate::plugins::active::Active;
use crate::plugins::hooks::{self, Tried};
use crate::plugins::store;
use crate::tickets::example;
use crate::tickets::outcome::ChangeError;

pub struct Try {
    pub hook: Hook,
    pub event: Option<Value>,
    pub ticket_id: Option<TicketId>,
    pub to_status: Option<Status>,
    pub settings: Option<Value>,
    pub grants: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum TryError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("plugin not found")]
    NotFound,
    #[error("The plugin is not ready: {}", error.as_deref().unwrap_or("it is still being compiled; try again in a \
                                                                       moment"))]
    NotReady { state: PluginState, error: Option<String> },
    #[error(transparent)]
    Settings(#[from] CheckError),
    #[error(transparent)]
    Ticket(#[from] ChangeError),
    #[error("the server could not make the call")]
    NotCalled,
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// The input and the result of the call.
pub struct Outcome {
    pub input: Value,
    pub tried: Tried,
}

pub async fn try_out(
    app: &App,
    caller: &Caller,
    id: PluginId,
    wanted: Try,
) -> Result<Outcome, TryError> {
    let mut conn = app.db.read().await?;
    let plugin = store::get_plugin(&mut conn, caller.org, id).await?.ok_or(TryError::NotFound)?;
    drop(conn);
    if plugin.state != PluginState::Ready {
        return Err(TryError::NotReady { state: plugin.state, error: plugin.error });
    }
    let hook = wanted.hook;
    let has_hook = match hook {
        Hook::SettingsCheck => plugin.checks_settings,
        hook => plugin.hooks.contains(&hook),
    };
    if !has_hook {
        let message = format!("the plugin {} does not have the hook {hook}", plugin.name);
        return Err(Invalid::new("hook", hook, message).into());
    }
    check_grants(&wanted.grants, &plugin)?;
    let settings = wanted.settings.unwrap_or_else(|| Value::Object(Map::new()));
    settings::check(app, caller.org, &plugin, &settings).await?;
    let active = active(app, &plugin, &settings);
    let input = match (wanted.event, wanted.ticket_id) {
        (Some(event), None) => event,
        (None, Some(ticket)) if hook != Hook::SettingsCheck => {
            example::event(app, caller, ticket, hook, wanted.to_status).await?
        }
        (None, None) if hook == Hook::SettingsCheck => {
            let now = app.clock.now().timestamp_millis();
            json!({ "settings": active.settings.clone(), "now": now })
        }
        _ => {
            let message = "give either event, the input of the hook, or ticket_id, a ticket to make it from; \
                           settings-check takes neither";
            return Err(Invalid::new("event", Value::Null, message).into());
        }
    };
    let tried = match hook {
        Hook::PreCreate => call::<DraftEvent>(app, caller, active, &input).await,
        Hook::PreUpdate => call::<UpdateEvent>(app, caller, active, &input).await,
        Hook::PreTransition => call::<TransitionEvent>(app, caller, active, &input).await,
        Hook::PostCreate => call::<CreationEvent>(app, caller, active, &input).await,
        Hook::ReserveInventory => call::<ReservationEvent>(app, caller, active, &input).await,
        Hook::SettingsCheck => call::<SettingsEvent>(app, caller, active, &input).await,
    };
    Ok(Outcome { input, tried: tried? })
}

fn active(app: &App, plugin: &Plugin, settings: &Value) -> Arc<Active> {
    let limits = Limits::default().under(&app.config.limits_max);
    Arc::new(Active::to_check(plugin, app.clock.new_id(), settings, limits))
}

async fn call<E>(
    app: &App,
    caller: &Caller,
    active: Arc<Active>,
    input: &Value,
) -> Result<Tried, TryError>
where
    E: HookEvent + DeserializeOwned,
    E::Answer: hooks::Outcome + Serialize,
{
    let event: E = serde_path_to_error::deserialize(input).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "event".to_owned() } else { format!("event.{path}") };
        let message = format!("{field} is not as the hook {} has it: {}", E::HOOK, error.inner());
        Invalid::new(field, Value::Null, message)
    })?;
    hooks::try_out(app, caller.org, active, event).await.ok_or(TryError::NotCalled)
}
