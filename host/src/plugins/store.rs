//! All SQL of components and plugins, and the query that reads which installations run.
//!
//! Invariant: a component is stored once by its digest, for all organizations; every other query filters by
//! organization.

use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::db::{Conn, Filter, Value};
use crate::model::ids::{NodeId, OrgId, PluginId};
use crate::model::plugin::{Installation, Plugin, PluginState};
use crate::model::time::Time;
use crate::page::{Column, Listed, Listing, Sort, Window};
use crate::{execute, fetch_all, fetch_one, fetch_optional};

macro_rules! select_plugin {
    () => {
        "select p.id, p.digest, p.name, p.version, p.description, p.size_bytes, c.state, c.error, p.hooks,
                p.permissions, p.settings_schema, p.wit, p.checks_settings, p.created_at
         from plugins p join components c on c.digest = p.digest"
    };
}

/// Stores the bytes once for all organizations that upload them. Locks the component, so that the sweep cannot delete
/// it before its plugin is stored: PostgreSQL locks a conflicting row even if `where` then leaves it unchanged.
pub async fn insert_component(
    conn: &mut Conn,
    digest: &str,
    bytes: &[u8],
    node: NodeId,
    now: Time,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into components (digest, bytes, state, created_at, lease_node) values ($1, $2, 'compiling', $3, $4)
         on conflict (digest) do update set released_at = null where components.released_at is not null",
        digest,
        bytes,
        now,
        node
    )?;
    Ok(())
}

/// Across organizations by design: components are addressed by content.
pub async fn component_bytes(
    conn: &mut Conn,
    digest: &str,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let row: Option<(Vec<u8>,)> = fetch_optional!(
        conn,
        (Vec<u8>,),
        "select bytes from components where digest = $1",
        digest
    )?;
    Ok(row.map(|row| row.0))
}

/// Notes that a plugin is about to stop naming the component, for the sweep. Locks the component.
pub async fn release_component(
    conn: &mut Conn,
    digest: &str,
    now: Time,
) -> Result<(), sqlx::Error> {
    execute!(conn, "update components set released_at = $2 where digest = $1", digest, now)?;
    Ok(())
}

/// Across organizations by design. Locks released components until the transaction ends, so that none of them gets a
/// plugin meanwhile; skips those that an upload has locked.
pub async fn lock_released(
    conn: &mut Conn,
    before: Time,
    limit: i64,
) -> Result<Vec<String>, sqlx::Error> {
    let rows: Result<Vec<(String,)>, _> = if conn.is_postgres() {
        fetch_all!(
            conn,
            (String,),
            "select digest from components where released_at <= $1 order by released_at limit $2
             for update skip locked",
            before,
            limit
        )
    } else {
        // SQLite has one writer at a time.
        fetch_all!(
            conn,
            (String,),
            "select digest from components where released_at <= $1 order by released_at limit $2",
            before,
            limit
        )
    };
    Ok(rows?.into_iter().map(|row| row.0).collect())
}

/// Across organizations by design. Deletes the component if no plugin names it. Returns false if one does.
pub async fn delete_component(conn: &mut Conn, digest: &str) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "delete from components where digest = $1 and not exists (select 1 from plugins where digest = $1)",
        digest
    )?;
    Ok(rows == 1)
}

/// The component stays, since a plugin names it.
pub async fn keep_component(conn: &mut Conn, digest: &str) -> Result<(), sqlx::Error> {
    execute!(conn, "update components set released_at = null where digest = $1", digest)?;
    Ok(())
}

/// Across organizations by design.
pub async fn component_exists(conn: &mut Conn, digest: &str) -> Result<bool, sqlx::Error> {
    let row: Option<(i32,)> =
        fetch_optional!(conn, (i32,), "select 1 from components where digest = $1", digest)?;
    Ok(row.is_some())
}

/// A component, by its digest, and its size.
#[derive(Debug, FromRow)]
pub struct StoredComponent {
    pub digest: String,
    pub size_bytes: i64,
}

/// Across organizations by design. Returns the compiled components of enabled installations, those of the most
/// installations first.
pub async fn installed_components(
    conn: &mut Conn,
    limit: i64,
) -> Result<Vec<StoredComponent>, sqlx::Error> {
    // One of the installation's hooks has the mode `enforce`.
    fetch_all!(
        conn,
        StoredComponent,
        "select p.digest, max(p.size_bytes) as size_bytes
         from installations i join plugins p on p.org_id = i.org_id and p.id = i.plugin_id
         join components c on c.digest = p.digest
         where c.state = 'ready' and cast(i.hooks as text) like '%\"enforce\"%'
         group by p.digest order by count(*) desc, p.digest limit $1",
        limit
    )
}

/// Across organizations by design. Returns components that are still to be compiled, oldest first: those uploaded
/// before the given time, and those whose node is gone.
pub async fn compiling_components(
    conn: &mut Conn,
    before: Time,
    limit: i64,
) -> Result<Vec<StoredComponent>, sqlx::Error> {
    fetch_all!(
        conn,
        StoredComponent,
        "select digest, cast(octet_length(bytes) as bigint) as size_bytes from components
         where state = 'compiling' and (created_at <= $1 or lease_node is null)
         order by created_at limit $2",
        before,
        limit
    )
}

/// Retries a failed component that is uploaded again, for example after the limits were raised.
pub async fn retry_component(
    conn: &mut Conn,
    digest: &str,
    node: NodeId,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update components set state = 'compiling', error = null, lease_node = $2
         where digest = $1 and state = 'failed'",
        digest,
        node
    )?;
    Ok(())
}

/// The first result stays: a client has read it already, and nodes may differ in what is too slow.
pub async fn set_component_state(
    conn: &mut Conn,
    digest: &str,
    state: PluginState,
    error: Option<&str>,
) -> Result<(), sqlx::Error> {
    let state = match state {
        PluginState::Compiling => "compiling",
        PluginState::Ready => "ready",
        PluginState::Failed => "failed",
    };
    execute!(
        conn,
        "update components set state = $2, error = $3 where digest = $1 and state = 'compiling'",
        digest,
        state,
        error
    )?;
    Ok(())
}

/// Returns false if the organization has the component already.
pub async fn insert_plugin(
    conn: &mut Conn,
    org: OrgId,
    plugin: &Plugin,
) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "insert into plugins (org_id, id, digest, name, version, description, size_bytes, hooks, permissions,
             settings_schema, created_at, wit, checks_settings)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         on conflict (org_id, digest) do nothing",
        org,
        plugin.id,
        plugin.digest.as_str(),
        plugin.name.as_str(),
        plugin.version.as_str(),
        plugin.description.as_str(),
        plugin.size_bytes,
        Json(&plugin.hooks),
        Json(&plugin.permissions),
        plugin.settings_schema.as_ref().map(Json),
        plugin.created_at,
        plugin.wit.as_str(),
        plugin.checks_settings
    )?;
    Ok(rows == 1)
}

pub async fn get_plugin(
    conn: &mut Conn,
    org: OrgId,
    id: PluginId,
) -> Result<Option<Plugin>, sqlx::Error> {
    fetch_optional!(
        conn,
        Plugin,
        concat!(select_plugin!(), " where p.org_id = $1 and p.id = $2"),
        org,
        id
    )
}

pub async fn find_plugin(
    conn: &mut Conn,
    org: OrgId,
    digest: &str,
) -> Result<Option<Plugin>, sqlx::Error> {
    fetch_optional!(
        conn,
        Plugin,
        concat!(select_plugin!(), " where p.org_id = $1 and p.digest = $2"),
        org,
        digest
    )
}

/// Returns false if the plugin does not exist.
pub async fn delete_plugin(conn: &mut Conn, org: OrgId, id: PluginId) -> Result<bool, sqlx::Error> {
    let rows = execute!(conn, "delete from plugins where org_id = $1 and id = $2", org, id)?;
    Ok(rows == 1)
}

/// How many plugins an organization has, and their bytes together.
#[derive(Debug, FromRow)]
pub struct PluginTotals {
    pub count: i64,
    pub bytes: i64,
}

pub async fn plugin_totals(conn: &mut Conn, org: OrgId) -> Result<PluginTotals, sqlx::Error> {
    fetch_one!(
        conn,
        PluginTotals,
        "select count(*) as count, cast(coalesce(sum(size_bytes), 0) as bigint) as bytes
         from plugins where org_id = $1",
        org
    )
}

pub static PLUGINS: Listing = Listing {
    name: "plugins",
    id: "p.id",
    default: "-created_at",
    sorts: &[
        Sort::fixed("created_at", &[Column::Time("p.created_at")]),
        Sort::fixed("name", &[Column::Text("p.name")]),
    ],
};

impl Listed for Plugin {
    fn listing() -> &'static Listing {
        &PLUGINS
    }

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn keys(&self, sort: &str) -> Vec<Value> {
        match sort {
            "name" => vec![Value::Text(self.name.clone())],
            _ => vec![Value::Time(self.created_at)],
        }
    }
}

pub async fn list_plugins(
    conn: &mut Conn,
    org: OrgId,
    window: &Window,
) -> Result<(Vec<Plugin>, i64), sqlx::Error> {
    let filter = Filter::for_org("p.org_id", org.0);
    let rows = filter.select(select_plugin!(), &window.slice).fetch_all(conn).await?;
    Ok((rows, filter.count("plugins p").fetch_figure(conn).await?))
}

/// An installation with the name and the digest of its plugin.
#[derive(Debug, FromRow)]
pub struct ActiveRow {
    #[sqlx(flatten)]
    pub installation: Installation,
    pub digest: String,
    pub name: String,
    pub version: String,
    pub size_bytes: i64,
    #[sqlx(json(nullable))]
    pub settings_schema: Option<serde_json::Value>,
    pub wit: String,
}

/// Returns all installations of an organization, oldest first.
pub async fn active(conn: &mut Conn, org: OrgId) -> Result<Vec<ActiveRow>, sqlx::Error> {
    fetch_all!(
        conn,
        ActiveRow,
        "select i.id, i.plugin_id, i.settings, i.grants, i.limits, i.shop_ids, i.hooks, i.created_at, i.updated_at,
                p.digest, p.name, p.version, p.size_bytes, p.settings_schema, p.wit
         from installations i join plugins p on p.org_id = i.org_id and p.id = i.plugin_id
         where i.org_id = $1 order by i.created_at, i.id",
        org
    )
}
