//! All SQL of the table `installations`, except the join in `plugins` that reads what hooks need.
//!
//! Invariant: every query filters by organization.

use sqlx::types::Json;
use uuid::Uuid;

use crate::db::{Conn, Filter, Value};
use crate::model::ids::{InstallationId, OrgId, PluginId};
use crate::model::plugin::Installation;
use crate::page::{Column, Listed, Listing, Sort, Window};
use crate::{execute, fetch_all, fetch_optional};

macro_rules! select_installation {
    () => {
        "select i.id, i.plugin_id, i.settings, i.grants, i.limits, i.shop_ids, i.hooks, i.created_at, i.updated_at
         from installations i"
    };
}

pub static LISTING: Listing = Listing {
    name: "installations",
    id: "i.id",
    default: "created_at",
    sorts: &[Sort::fixed("created_at", &[Column::Time("i.created_at")])],
};

impl Listed for Installation {
    fn listing() -> &'static Listing {
        &LISTING
    }

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn keys(&self, _: &str) -> Vec<Value> {
        vec![Value::Time(self.created_at)]
    }
}

pub async fn insert(conn: &mut Conn, org: OrgId, row: &Installation) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into installations (org_id, id, plugin_id, settings, grants, limits, shop_ids, hooks, created_at,
             updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        org,
        row.id,
        row.plugin_id,
        Json(&row.settings),
        Json(&row.grants),
        Json(&row.limits),
        row.shop_ids.as_ref().map(Json),
        Json(&row.hooks),
        row.created_at,
        row.updated_at
    )?;
    Ok(())
}

/// Returns false if the installation does not exist.
pub async fn update(conn: &mut Conn, org: OrgId, row: &Installation) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "update installations
         set settings = $3, grants = $4, limits = $5, shop_ids = $6, hooks = $7, updated_at = $8, plugin_id = $9
         where org_id = $1 and id = $2",
        org,
        row.id,
        Json(&row.settings),
        Json(&row.grants),
        Json(&row.limits),
        row.shop_ids.as_ref().map(Json),
        Json(&row.hooks),
        row.updated_at,
        row.plugin_id
    )?;
    Ok(rows == 1)
}

pub async fn delete(conn: &mut Conn, org: OrgId, id: InstallationId) -> Result<bool, sqlx::Error> {
    let rows = execute!(conn, "delete from installations where org_id = $1 and id = $2", org, id)?;
    Ok(rows == 1)
}

pub async fn get(
    conn: &mut Conn,
    org: OrgId,
    id: InstallationId,
) -> Result<Option<Installation>, sqlx::Error> {
    fetch_optional!(
        conn,
        Installation,
        concat!(select_installation!(), " where i.org_id = $1 and i.id = $2"),
        org,
        id
    )
}

pub async fn count(conn: &mut Conn, org: OrgId) -> Result<i64, sqlx::Error> {
    Filter::for_org("org_id", org.0).count("installations").fetch_figure(conn).await
}

/// The installations of a plugin, oldest first.
pub async fn ids_of_plugin(
    conn: &mut Conn,
    org: OrgId,
    plugin: PluginId,
    limit: i64,
) -> Result<Vec<InstallationId>, sqlx::Error> {
    let rows: Vec<(InstallationId,)> = fetch_all!(
        conn,
        (InstallationId,),
        "select id from installations where org_id = $1 and plugin_id = $2 order by id limit $3",
        org,
        plugin,
        limit
    )?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

pub async fn list(
    conn: &mut Conn,
    org: OrgId,
    plugin: Option<PluginId>,
    window: &Window,
) -> Result<(Vec<Installation>, i64), sqlx::Error> {
    let mut filter = Filter::for_org("i.org_id", org.0);
    filter.and_some("i.plugin_id = ?", plugin.map(|id| Value::Uuid(id.0)));
    let rows = filter.select(select_installation!(), &window.slice).fetch_all(conn).await?;
    Ok((rows, filter.count("installations i").fetch_figure(conn).await?))
}
