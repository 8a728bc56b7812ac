//! Installs another build of an installation's plugin, and goes back to an earlier one.
//!
//! Invariant: the row changes in one statement of one transaction with the plugins' revision, so that each request is
//! judged by one of the two builds; the old one stays until all that is new is granted.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::app::App;
use crate::auth::Caller;
use crate::db::Conn;
use crate::installations::install::{
    InstallError, check_grants, default_setup, find_plugin, refuse_twin,
};
use crate::installations::{settings, store};
use crate::model::event::Hook;
use crate::model::ids::{InstallationId, OrgId, PluginId};
use crate::model::invalid::Invalid;
use crate::model::limits::Limits;
use crate::model::outbox::{OutboxEvent, UpgradeData};
use crate::model::permission;
use crate::model::plugin::{Installation, InstallationVersion, Mode, Plugin, PluginState};
use crate::{organizations, webhooks};

pub struct Upgrade {
    pub plugin_id: PluginId,
    /// `None` keeps those of now.
    pub settings: Option<Value>,
    /// In addition to those of now.
    pub grants: Vec<String>,
}

/// What an upgrade would change.
pub struct Preview {
    pub from: Plugin,
    pub to: Plugin,
    pub permissions_added: Vec<String>,
    pub permissions_removed: Vec<String>,
    /// They come `off`.
    pub hooks_added: Vec<Hook>,
    pub hooks_removed: Vec<Hook>,
    pub limits: Limits,
    pub settings_added: Vec<String>,
    pub settings_removed: Vec<String>,
    /// Why the settings of now do not fit.
    pub settings_problem: Option<Invalid>,
    /// What the upgrade still needs granted.
    pub grants_missing: Vec<String>,
    /// Why it cannot be installed, whatever is granted.
    pub reasons: Vec<String>,
}

pub async fn preview(
    app: &App,
    caller: &Caller,
    id: InstallationId,
    plugin_id: PluginId,
) -> Result<Preview, InstallError> {
    let (found, from, to) = load(app, caller, id, plugin_id).await?;
    let mut reasons = Vec::new();
    if let Err(error) = check_build(&from, &to) {
        reasons.push(error.to_string());
    }
    let next = next(&found, &to, None, &[]);
    let mut settings_problem = None;
    if reasons.is_empty() {
        match check_settings(app, caller, &to, &next).await {
            Ok(()) => {}
            Err(InstallError::Invalid(invalid)) => settings_problem = Some(invalid),
            Err(InstallError::PluginFailed(failed)) => {
                reasons.push(InstallError::PluginFailed(failed).to_string());
            }
            Err(error) => return Err(error),
        }
    }
    let needs_grant = |name: &&String| {
        !permission::ALWAYS_GRANTED.contains(&name.as_str()) && !next.grants.contains(name)
    };
    let (old, new) = (fields(&from), fields(&to));
    Ok(Preview {
        permissions_added: without(&to.permissions, &from.permissions),
        permissions_removed: without(&from.permissions, &to.permissions),
        hooks_added: without(&to.hooks, &from.hooks),
        hooks_removed: without(&from.hooks, &to.hooks),
        limits: found.limits.under(&app.config.limits_max),
        settings_added: new.difference(&old).cloned().collect(),
        settings_removed: old.difference(&new).cloned().collect(),
        settings_problem,
        grants_missing: to.permissions.iter().filter(needs_grant).cloned().collect(),
        reasons,
        from,
        to,
    })
}

pub async fn upgrade(
    app: &App,
    caller: &Caller,
    id: InstallationId,
    wanted: Upgrade,
) -> Result<Installation, InstallError> {
    let (found, from, to) = load(app, caller, id, wanted.plugin_id).await?;
    check_build(&from, &to)?;
    let next = next(&found, &to, wanted.settings, &wanted.grants);
    check_grants(&next.grants, &to)?;
    check_settings(app, caller, &to, &next).await?;
    let change = Change { found, from, next, to, reason: "upgraded" };
    change.write(app, caller).await
}

/// Installs a past version again: by default the latest one of another build.
pub async fn roll_back(
    app: &App,
    caller: &Caller,
    id: InstallationId,
    to: Option<i64>,
) -> Result<Installation, InstallError> {
    let mut conn = app.db.read().await?;
    let found = store::get(&mut conn, caller.org, id).await?.ok_or(InstallError::NotFound)?;
    let from = find_plugin(&mut conn, caller.org, found.plugin_id).await?;
    let version = find_version(&mut conn, caller.org, &found, &from, to).await?;
    if !version.is_kept {
        return Err(InstallError::BuildDeleted { n: version.n });
    }
    let to = find_plugin(&mut conn, caller.org, version.plugin_id).await?;
    drop(conn);
    if to.state != PluginState::Ready {
        return Err(InstallError::NotReady { state: to.state, error: to.error });
    }
    let next = Installation {
        plugin_id: to.id,
        settings: version.settings,
        grants: version.grants,
        hooks: version.hooks,
        ..found.clone()
    };
    let change = Change { found, from, next, to, reason: "rolled_back" };
    change.write(app, caller).await
}

async fn find_version(
    conn: &mut Conn,
    org: OrgId,
    found: &Installation,
    current: &Plugin,
    n: Option<i64>,
) -> Result<InstallationVersion, InstallError> {
    let Some(n) = n else {
        let previous = store::versions::previous(conn, org, found.id, &current.digest).await?;
        return previous.ok_or(InstallError::NoPastVersion);
    };
    let version = store::versions::get(conn, org, found.id, n).await?;
    let version = version.ok_or_else(|| {
        Invalid::new("n", n, "n is not the number of a version of this installation")
    })?;
    if version.digest == current.digest && version.settings == found.settings {
        return Err(InstallError::SameBuild { version: current.version.clone() });
    }
    Ok(version)
}

async fn load(
    app: &App,
    caller: &Caller,
    id: InstallationId,
    plugin_id: PluginId,
) -> Result<(Installation, Plugin, Plugin), InstallError> {
    let mut conn = app.db.read().await?;
    let found = store::get(&mut conn, caller.org, id).await?.ok_or(InstallError::NotFound)?;
    let from = find_plugin(&mut conn, caller.org, found.plugin_id).await?;
    let to = find_plugin(&mut conn, caller.org, plugin_id).await?;
    Ok((found, from, to))
}

fn check_build(from: &Plugin, to: &Plugin) -> Result<(), InstallError> {
    if to.name != from.name {
        let message = format!(
            "plugin_id is a build of {}, and this installation is of {}; install it beside, or choose another build",
            to.name, from.name
        );
        return Err(Invalid::new("plugin_id", to.id, message).into());
    }
    if to.digest == from.digest {
        return Err(InstallError::SameBuild { version: from.version.clone() });
    }
    if to.state != PluginState::Ready {
        return Err(InstallError::NotReady { state: to.state, error: to.error.clone() });
    }
    Ok(())
}

/// The installation with the other build. Hooks that only this one has come `off`.
fn next(
    found: &Installation,
    to: &Plugin,
    settings: Option<Value>,
    grants: &[String],
) -> Installation {
    let mut next = found.clone();
    next.plugin_id = to.id;
    if let Some(settings) = settings {
        next.settings = settings;
    }
    next.grants.retain(|grant| to.permissions.contains(grant));
    next.grants.extend(without(grants, &found.grants));
    next.hooks.retain(|hook, _| to.hooks.contains(hook));
    for hook in to.hooks.iter() {
        next.hooks.entry(*hook).or_insert_with(|| {
            let mut setup = default_setup(*hook);
            setup.mode = Mode::Off;
            setup
        });
    }
    next
}

async fn check_settings(
    app: &App,
    caller: &Caller,
    to: &Plugin,
    next: &Installation,
) -> Result<(), InstallError> {
    settings::check(app, caller.org, to, &next.settings).await?;
    let asked = (next.id, &next.settings, next.limits.under(&app.config.limits_max));
    Ok(settings::ask_plugin(app, caller.org, to, asked).await?)
}

/// A checked change of the build.
struct Change {
    found: Installation,
    from: Plugin,
    next: Installation,
    to: Plugin,
    reason: &'static str,
}

impl Change {
    async fn write(mut self, app: &App, caller: &Caller) -> Result<Installation, InstallError> {
        let (org, id, now) = (caller.org, self.found.id, app.clock.now());
        self.next.updated_at = now;
        let mut tx = app.db.begin().await?;
        // First: this row's lock serializes the changes of one organization's plugins.
        organizations::store::bump_plugins_revision(&mut tx, org).await?;
        let current = store::get(&mut tx, org, id).await?.ok_or(InstallError::NotFound)?;
        if current.plugin_id != self.found.plugin_id || current.updated_at != self.found.updated_at
        {
            return Err(InstallError::ChangedMeanwhile);
        }
        // The build may have been deleted meanwhile.
        find_plugin(&mut tx, org, self.to.id).await?;
        refuse_twin(&mut tx, org, &self.to.name, Some(&current), &self.next).await?;
        if !store::versions::keep_in_step(&mut tx, org, &current).await? {
            let begun = ("installed", "RepairOps", current.created_at);
            store::versions::begin(&mut tx, org, &current, &self.from, begun).await?;
        }
        let begun = (self.reason, caller.actor.name.as_str(), now);
        let n = store::versions::begin(&mut tx, org, &self.next, &self.to, begun).await?;
        store::update(&mut tx, org, &self.next).await?;
        let event = self.event(n);
        webhooks::store::enqueue(&mut tx, org, app.clock.new_id(), &event, now).await?;
        tx.commit().await?;
        Ok(self.next)
    }

    fn event(&self, n: i64) -> OutboxEvent {
        let only = self.next.shop_ids.as_deref();
        let data = UpgradeData {
            installation_id: self.next.id,
            plugin_id: self.to.id,
            plugin: self.to.name.clone(),
            version: self.to.version.clone(),
            from_version: self.from.version.clone(),
            from_plugin_id: self.from.id,
            shop_id: only.filter(|ids| ids.len() == 1).and_then(|ids| ids.first().copied()),
            n,
        };
        match self.reason {
            "upgraded" => OutboxEvent::PluginUpgraded(data),
            _ => OutboxEvent::PluginRolledBack(data),
        }
    }
}

/// Those of `all` that are not among `known`.
fn without<T: Clone + PartialEq>(all: &[T], known: &[T]) -> Vec<T> {
    all.iter().filter(|one| !known.contains(one)).cloned().collect()
}

/// The names of the settings that a schema defines.
fn fields(plugin: &Plugin) -> BTreeSet<String> {
    let schema = plugin.settings_schema.as_ref();
    let properties = schema.and_then(|schema| schema.get("properties")?.as_object());
    properties.map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
}
