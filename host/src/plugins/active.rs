//! Returns the installations that a hook runs, from a cache by organization and `plugins_revision`.

use std::collections::HashSet;
use std::sync::Arc;

use quick_cache::sync::Cache;
use serde_json::Value;

use crate::db::Db;
use crate::model::event::Hook;
use crate::model::ids::{InstallationId, OrgId, ShopId};
use crate::model::limits::Limits;
use crate::model::plugin::{HookSetup, Mode, Plugin};
use crate::plugins::store::{self, ActiveRow};
use crate::runtime::fill_defaults;

/// Organizations whose installations are cached.
const ORGANIZATIONS_MAX: usize = 10_000;

/// An installation as the hooks need it.
#[derive(Debug)]
pub struct Active {
    pub installation_id: InstallationId,
    pub plugin: String,
    pub version: String,
    pub digest: String,
    pub component_bytes: i64,
    /// JSON, with the defaults of the plugin's schema filled in.
    pub settings: String,
    pub limits: Limits,
    shop_ids: Option<HashSet<ShopId>>,
    hooks: Vec<(Hook, HookSetup)>,
    /// It gets payments and the origins of fields, which WIT 0.1 has not.
    pub sees_payments: bool,
}

impl Active {
    /// For asking about settings that are not stored yet.
    pub fn to_check(
        plugin: &Plugin,
        id: InstallationId,
        settings: &Value,
        limits: Limits,
    ) -> Active {
        Active {
            installation_id: id,
            plugin: plugin.name.clone(),
            version: plugin.version.clone(),
            digest: plugin.digest.clone(),
            component_bytes: plugin.size_bytes,
            settings: fill_defaults(plugin.settings_schema.as_ref(), settings).to_string(),
            limits,
            shop_ids: None,
            hooks: Vec::new(),
            sees_payments: false,
        }
    }

    pub fn setup(&self, hook: Hook) -> Option<HookSetup> {
        self.hooks.iter().find(|(name, _)| *name == hook).map(|(_, setup)| *setup)
    }
}

/// The installations that a hook asks.
#[derive(Clone, Debug, Default)]
pub struct HookPlugins {
    /// Their decisions count.
    pub enforced: Vec<Arc<Active>>,
    /// They are asked after the request has its answer.
    pub monitored: Vec<Arc<Active>>,
}

impl HookPlugins {
    pub fn is_empty(&self) -> bool {
        self.enforced.is_empty() && self.monitored.is_empty()
    }

    /// Whether one of them gets payments and the origins of fields.
    pub fn see_payments(&self) -> bool {
        self.enforced.iter().chain(&self.monitored).any(|active| active.sees_payments)
    }
}

type Set = Arc<[Arc<Active>]>;

/// The cache. Each request brings the current revision, so the cache needs no invalidation.
pub struct ActivePlugins {
    sets: Cache<OrgId, (i64, Set)>,
}

impl Default for ActivePlugins {
    fn default() -> Self {
        ActivePlugins { sets: Cache::new(ORGANIZATIONS_MAX) }
    }
}

impl ActivePlugins {
    /// Returns the installations of a hook at a shop that are not off, in the order that the owner set.
    pub async fn for_hook(
        &self,
        db: &Db,
        org: OrgId,
        revision: i64,
        hook: Hook,
        shop: ShopId,
    ) -> Result<HookPlugins, sqlx::Error> {
        let set = self.load(db, org, revision).await?;
        let mut found: Vec<(HookSetup, &Arc<Active>)> = set
            .iter()
            .filter(|active| active.shop_ids.as_ref().is_none_or(|ids| ids.contains(&shop)))
            .filter_map(|active| Some((active.setup(hook)?, active)))
            .collect();
        found.sort_by_key(|(setup, _)| setup.order); // a stable sort: ties run oldest first
        let mut plugins = HookPlugins::default();
        for (setup, active) in found {
            match setup.mode {
                Mode::Enforce => plugins.enforced.push(active.clone()),
                Mode::Monitor => plugins.monitored.push(active.clone()),
                Mode::Off => {}
            }
        }
        Ok(plugins)
    }

    async fn load(&self, db: &Db, org: OrgId, revision: i64) -> Result<Set, sqlx::Error> {
        if let Some((cached, set)) = self.sets.get(&org)
            && cached == revision
        {
            return Ok(set);
        }
        let mut conn = db.read().await?;
        let rows = store::active(&mut conn, org).await?;
        let set: Set = rows.into_iter().map(|row| Arc::new(active(row))).collect();
        // The rows may be newer than `revision`. The next request then brings a newer revision and reads again.
        self.sets.insert(org, (revision, set.clone()));
        Ok(set)
    }
}

fn active(row: ActiveRow) -> Active {
    let settings = fill_defaults(row.settings_schema.as_ref(), &row.installation.settings);
    Active {
        installation_id: row.installation.id,
        plugin: row.name,
        version: row.version,
        digest: row.digest,
        component_bytes: row.size_bytes,
        settings: settings.to_string(),
        limits: row.installation.limits,
        shop_ids: row.installation.shop_ids.map(HashSet::from_iter),
        hooks: row.installation.hooks.into_known().into_iter().collect(),
        sees_payments: !row.wit.starts_with("0.1."),
    }
}
