//! Creates, changes and removes installations.
//!
//! Invariant: each change bumps the organization's `plugins_revision` and writes its event in the same transaction.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::app::App;
use crate::auth::Caller;
use crate::db::Conn;
use crate::installations::{settings, store, twins};
use crate::model::bound::{Bound, LimitReached};
use crate::model::distinct::each_once;
use crate::model::event::Hook;
use crate::model::ids::{InstallationId, OrgId, PluginId, ShopId};
use crate::model::invalid::{Invalid, check_length};
use crate::model::limits::Limits;
use crate::model::outbox::{InstallationData, OutboxEvent};
use crate::model::permission;
use crate::model::plugin::{HookSetup, Installation, Mode, OnFailure, Plugin, PluginState};
use crate::plugins::hooks::Failed;
use crate::runtime::SettingsError;
use crate::{organizations, plugins, shops, webhooks};

/// The maximum number of shops in `shop_ids`.
pub const SHOP_IDS_MAX: usize = 1_000;

/// The maximum number of entries in `grants`; plugins have fewer imports.
pub const GRANTS_MAX: usize = 200;

/// The new setup of a hook; a missing field keeps its value, or gets its default in a new installation.
#[derive(Clone, Copy, Debug, Default)]
pub struct HookChange {
    pub order: Option<i32>,
    pub mode: Option<Mode>,
    pub on_failure: Option<OnFailure>,
}

/// What to set; `None` keeps the value, or the default in a new installation.
#[derive(Debug, Default)]
pub struct InstallationChange {
    pub settings: Option<Value>,
    pub grants: Option<Vec<String>>,
    pub limits: Option<Map<String, Value>>,
    pub shop_ids: Option<Option<Vec<ShopId>>>,
    pub hooks: Option<BTreeMap<String, HookChange>>,
}

#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("installation not found")]
    NotFound,
    #[error("The plugin is not ready: {}", error.as_deref().unwrap_or("it is still being compiled; try again in a \
                                                                       moment"))]
    NotReady { state: PluginState, error: Option<String> },
    #[error("{0}")]
    SettingsUnchecked(SettingsError),
    #[error(
        "The plugin {} could not check its settings, so nothing was changed: {}",
        .0.plugin,
        .0.error.message
    )]
    PluginFailed(Box<Failed>),
    #[error("The settings have {bytes} bytes as JSON; at most {maximum} are allowed")]
    SettingsTooLarge { bytes: usize, maximum: usize },
    #[error(transparent)]
    LimitReached(#[from] LimitReached),
    #[error(
        "The plugin {plugin} is already installed for {hook} at a shop of this installation; upgrade that installation, \
         switch the hook off in one of them, or choose other shops"
    )]
    AlreadyInstalled { plugin: String, installation: InstallationId, hook: Hook },
    #[error("This installation has that build already, version {version}")]
    SameBuild { version: String },
    #[error("There is no earlier version of another build to go back to")]
    NoPastVersion,
    #[error("The build of version {n} was deleted; upload it again and upgrade to it")]
    BuildDeleted { n: i64 },
    #[error("The installation was changed by another request meanwhile; read it and try again")]
    ChangedMeanwhile,
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl From<settings::CheckError> for InstallError {
    fn from(error: settings::CheckError) -> Self {
        match error {
            settings::CheckError::Invalid(invalid) => InstallError::Invalid(invalid),
            settings::CheckError::PluginFailed(failed) => InstallError::PluginFailed(failed),
            settings::CheckError::Unchecked(error) => InstallError::SettingsUnchecked(error),
            settings::CheckError::TooLarge { bytes, maximum } => {
                InstallError::SettingsTooLarge { bytes, maximum }
            }
        }
    }
}

pub async fn install(
    app: &App,
    caller: &Caller,
    plugin_id: PluginId,
    change: InstallationChange,
) -> Result<(Installation, Vec<String>), InstallError> {
    let now = app.clock.now();
    let plugin = {
        let mut conn = app.db.read().await?;
        find_plugin(&mut conn, caller.org, plugin_id).await?
    };
    if plugin.state != PluginState::Ready {
        return Err(InstallError::NotReady { state: plugin.state, error: plugin.error });
    }
    let fresh = Installation {
        id: app.clock.new_id(),
        plugin_id,
        settings: Value::Object(Map::new()),
        grants: Vec::new(),
        limits: Limits::default().under(&app.config.limits_max),
        shop_ids: None,
        hooks: plugin.hooks.iter().map(|hook| (*hook, default_setup(*hook))).collect(),
        created_at: now,
        updated_at: now,
    };
    let installation = apply(fresh, change, &plugin, &app.config.limits_max)?;
    settings::check(app, caller.org, &plugin, &installation.settings).await?;
    let asked = (installation.id, &installation.settings, installation.limits);
    settings::ask_plugin(app, caller.org, &plugin, asked).await?;
    let mut tx = app.db.begin().await?;
    // First: this row's lock serializes the changes of one organization's plugins.
    organizations::store::bump_plugins_revision(&mut tx, caller.org).await?;
    // The plugin may have been deleted meanwhile.
    find_plugin(&mut tx, caller.org, plugin_id).await?;
    let current = store::count(&mut tx, caller.org).await?;
    Bound::Installations.check(current, 1, app.config.bounds.installations_max)?;
    check_shops(&mut tx, caller.org, &installation).await?;
    refuse_twin(&mut tx, caller.org, &plugin.name, None, &installation).await?;
    let warnings = warn_of_fields(&mut tx, caller.org, &plugin, &installation).await?;
    store::insert(&mut tx, caller.org, &installation).await?;
    let begun = ("installed", caller.actor.name.as_str(), now);
    store::versions::begin(&mut tx, caller.org, &installation, &plugin, begun).await?;
    let event = OutboxEvent::PluginInstalled(InstallationData::of(&installation, &plugin));
    webhooks::store::enqueue(&mut tx, caller.org, app.clock.new_id(), &event, now).await?;
    tx.commit().await?;
    Ok((installation, warnings))
}

/// Refuses what would ask one plugin name twice.
pub(super) async fn refuse_twin(
    conn: &mut Conn,
    org: OrgId,
    name: &str,
    before: Option<&Installation>,
    after: &Installation,
) -> Result<(), InstallError> {
    match twins::find_new(conn, org, name, before, after).await? {
        Some((installation, hook)) => {
            Err(InstallError::AlreadyInstalled { plugin: name.to_owned(), installation, hook })
        }
        None => Ok(()),
    }
}

/// Says which fields of new tickets this plugin and another installed one set, as far as they have run before.
async fn warn_of_fields(
    conn: &mut Conn,
    org: OrgId,
    plugin: &Plugin,
    installation: &Installation,
) -> Result<Vec<String>, sqlx::Error> {
    let adds = |field: &str| field == "tags";
    let runs = |row: &Installation| {
        row.hooks.get(&Hook::PostCreate).is_some_and(|setup| setup.mode == Mode::Enforce)
    };
    if !runs(installation) {
        return Ok(Vec::new());
    }
    let set = store::fields_set(conn, org).await?;
    let own: Vec<&str> = set
        .iter()
        .filter(|one| one.plugin == plugin.name && !adds(&one.field))
        .map(|one| one.field.as_str())
        .collect();
    let others =
        set.iter().filter(|one| one.plugin != plugin.name && own.contains(&one.field.as_str()));
    let mut warnings = Vec::new();
    for other in others {
        let installed = store::of_name(conn, org, &other.plugin).await?;
        if installed.iter().any(|row| runs(&row.installation)) {
            warnings.push(format!(
                "{} and {} both set {} of new tickets; the later one in your order wins",
                plugin.name, other.plugin, other.field
            ));
        }
    }
    Ok(warnings)
}

pub async fn update(
    app: &App,
    caller: &Caller,
    id: InstallationId,
    change: InstallationChange,
) -> Result<Installation, InstallError> {
    if let Some(settings) = &change.settings {
        check_new_settings(app, caller, id, settings).await?;
    }
    let mut tx = app.db.begin().await?;
    // First: this row's lock serializes the changes of one organization's plugins.
    organizations::store::bump_plugins_revision(&mut tx, caller.org).await?;
    let found = store::get(&mut tx, caller.org, id).await?.ok_or(InstallError::NotFound)?;
    let plugin = find_plugin(&mut tx, caller.org, found.plugin_id).await?;
    let mut installation = apply(found.clone(), change, &plugin, &app.config.limits_max)?;
    let now = app.clock.now();
    installation.updated_at = now;
    check_shops(&mut tx, caller.org, &installation).await?;
    refuse_twin(&mut tx, caller.org, &plugin.name, Some(&found), &installation).await?;
    store::update(&mut tx, caller.org, &installation).await?;
    store::versions::keep_in_step(&mut tx, caller.org, &installation).await?;
    let changed = changed(&found, &installation);
    if !changed.is_empty() {
        let data = InstallationData::of(&installation, &plugin);
        let event = OutboxEvent::PluginUpdated(InstallationData { changed: Some(changed), ..data });
        webhooks::store::enqueue(&mut tx, caller.org, app.clock.new_id(), &event, now).await?;
    }
    tx.commit().await?;
    Ok(installation)
}

/// What an installation leaves behind.
pub struct Uninstalled {
    pub plugin: String,
    pub left: store::Left,
}

pub async fn uninstall(
    app: &App,
    caller: &Caller,
    id: InstallationId,
) -> Result<Uninstalled, InstallError> {
    let mut tx = app.db.begin().await?;
    organizations::store::bump_plugins_revision(&mut tx, caller.org).await?;
    let found = store::get(&mut tx, caller.org, id).await?;
    let installation = found.ok_or(InstallError::NotFound)?;
    let plugin = find_plugin(&mut tx, caller.org, installation.plugin_id).await?;
    let left = store::left(&mut tx, caller.org, id).await?;
    store::delete(&mut tx, caller.org, id).await?;
    let event = OutboxEvent::PluginUninstalled(InstallationData::of(&installation, &plugin));
    let (event_id, now) = (app.clock.new_id(), app.clock.now());
    webhooks::store::enqueue(&mut tx, caller.org, event_id, &event, now).await?;
    tx.commit().await?;
    Ok(Uninstalled { plugin: plugin.name, left })
}

fn changed(before: &Installation, after: &Installation) -> Vec<&'static str> {
    let fields = [
        ("settings", before.settings != after.settings),
        ("grants", before.grants != after.grants),
        ("limits", json!(before.limits) != json!(after.limits)),
        ("shop_ids", before.shop_ids != after.shop_ids),
        ("hooks", before.hooks != after.hooks),
    ];
    fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

pub(super) async fn find_plugin(
    conn: &mut Conn,
    org: OrgId,
    id: PluginId,
) -> Result<Plugin, InstallError> {
    let plugin = plugins::store::get_plugin(conn, org, id).await?;
    plugin.ok_or_else(|| {
        Invalid::new("plugin_id", id, "plugin_id is not a plugin of this organization").into()
    })
}

pub(super) fn default_setup(hook: Hook) -> HookSetup {
    HookSetup { order: 100, mode: Mode::Enforce, on_failure: OnFailure::default_for(hook) }
}

fn apply(
    mut row: Installation,
    change: InstallationChange,
    plugin: &Plugin,
    ceiling: &Limits,
) -> Result<Installation, Invalid> {
    if let Some(settings) = change.settings {
        row.settings = settings;
    }
    if let Some(grants) = change.grants {
        check_length("grants", grants.len(), "entries", GRANTS_MAX)?;
        row.grants = each_once(grants);
    }
    if let Some(limits) = change.limits {
        row.limits = row.limits.under(ceiling).changed(&limits)?;
        row.limits.check(ceiling)?;
    }
    if let Some(shop_ids) = change.shop_ids {
        let ids = shop_ids.as_ref().map_or(0, Vec::len);
        check_length("shop_ids", ids, "entries", SHOP_IDS_MAX)?;
        row.shop_ids = shop_ids.map(each_once);
    }
    for (name, wanted) in change.hooks.unwrap_or_default() {
        let field = format!("hooks.{name}");
        let hook: Hook =
            name.parse().map_err(|error| Invalid::new(&field, &name, format!("{error}")))?;
        if !plugin.hooks.contains(&hook) {
            let message = format!("the plugin {} does not have the hook {hook}", plugin.name);
            return Err(Invalid::new(&field, &name, message));
        }
        let setup = row.hooks.entry(hook).or_insert_with(|| default_setup(hook));
        setup.order = wanted.order.unwrap_or(setup.order);
        setup.mode = wanted.mode.unwrap_or(setup.mode);
        setup.on_failure = wanted.on_failure.unwrap_or(setup.on_failure);
        if OnFailure::is_always_open(hook) && setup.on_failure == OnFailure::Closed {
            let message = format!(
                "on_failure must be open for {hook}: the ticket is already stored when the plugin runs"
            );
            return Err(Invalid::new(format!("{field}.on_failure"), "closed", message));
        }
    }
    check_grants(&row.grants, plugin)?;
    Ok(row)
}

/// Skips unchanged settings: they may be older than the bounds on schemas.
async fn check_new_settings(
    app: &App,
    caller: &Caller,
    id: InstallationId,
    settings: &Value,
) -> Result<(), InstallError> {
    let (found, plugin) = {
        let mut conn = app.db.read().await?;
        let found = store::get(&mut conn, caller.org, id).await?;
        let found = found.ok_or(InstallError::NotFound)?;
        let plugin = find_plugin(&mut conn, caller.org, found.plugin_id).await?;
        (found, plugin)
    };
    if found.settings == *settings {
        return Ok(());
    }
    settings::check(app, caller.org, &plugin, settings).await?;
    let asked = (id, settings, found.limits.under(&app.config.limits_max));
    Ok(settings::ask_plugin(app, caller.org, &plugin, asked).await?)
}

async fn check_shops(conn: &mut Conn, org: OrgId, row: &Installation) -> Result<(), InstallError> {
    let wanted = row.shop_ids.as_deref().unwrap_or_default();
    let known = shops::store::known(conn, org, wanted).await?;
    match wanted.iter().find(|id| !known.contains(id)) {
        Some(id) => {
            let message =
                format!("shop_ids contains {id}, which is not a shop of this organization");
            Err(Invalid::new("shop_ids", id, message).into())
        }
        None => Ok(()),
    }
}

/// A plugin runs only when a person granted all of its imports.
pub fn check_grants(grants: &[String], plugin: &Plugin) -> Result<(), Invalid> {
    if let Some(unknown) = grants.iter().find(|grant| !plugin.permissions.contains(grant)) {
        let message =
            format!("grants contains {unknown}, which the plugin {} does not request", plugin.name);
        return Err(Invalid::new("grants", unknown, message));
    }
    let missing: Vec<&String> = plugin
        .permissions
        .iter()
        .filter(|name| {
            !permission::ALWAYS_GRANTED.contains(&name.as_str()) && !grants.contains(name)
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message =
        format!("grants must also contain what the plugin {} requires: {missing:?}", plugin.name);
    Err(Invalid::new("grants", grants, message))
}
