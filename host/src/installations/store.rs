//! All SQL of the table `installations` and, in `versions`, of their history, except the join in `plugins` that reads what hooks need.
//!
//! Invariant: every query filters by organization.

pub mod versions;

use sqlx::FromRow;
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

/// An installation with the name of its plugin.
#[derive(Debug, FromRow)]
pub struct Installed {
    #[sqlx(flatten)]
    pub installation: Installation,
    pub plugin: String,
}

/// The installations of one plugin name, oldest first.
pub async fn of_name(
    conn: &mut Conn,
    org: OrgId,
    name: &str,
) -> Result<Vec<Installed>, sqlx::Error> {
    fetch_all!(
        conn,
        Installed,
        "select i.id, i.plugin_id, i.settings, i.grants, i.limits, i.shop_ids, i.hooks, i.created_at, i.updated_at,
             p.name as plugin
         from installations i join plugins p on p.org_id = i.org_id and p.id = i.plugin_id
         where i.org_id = $1 and p.name = $2 order by i.created_at, i.id",
        org,
        name
    )
}

/// Across organizations by design, for the doctor: the installations of names that an organization has more than once.
pub async fn of_repeated_names(conn: &mut Conn) -> Result<Vec<(OrgId, Installed)>, sqlx::Error> {
    #[derive(FromRow)]
    struct Row {
        org_id: OrgId,
        #[sqlx(flatten)]
        installed: Installed,
    }
    let rows = fetch_all!(
        conn,
        Row,
        "select i.org_id, i.id, i.plugin_id, i.settings, i.grants, i.limits, i.shop_ids, i.hooks, i.created_at,
             i.updated_at, p.name as plugin
         from installations i join plugins p on p.org_id = i.org_id and p.id = i.plugin_id
         where exists (select 1 from installations j join plugins q on q.org_id = j.org_id and q.id = j.plugin_id
             where j.org_id = i.org_id and q.name = p.name and j.id <> i.id)
         order by i.org_id, p.name, i.created_at, i.id"
    )?;
    Ok(rows.into_iter().map(|row| (row.org_id, row.installed)).collect())
}

/// A field of tickets that installations set.
#[derive(Debug, FromRow)]
pub struct FieldSet {
    pub plugin: String,
    pub field: String,
}

/// Which plugins set which fields, among the latest 10,000 that plugins set.
pub async fn fields_set(conn: &mut Conn, org: OrgId) -> Result<Vec<FieldSet>, sqlx::Error> {
    fetch_all!(
        conn,
        FieldSet,
        "select distinct plugin, field from (
             select plugin, field from ticket_field_sources where org_id = $1 order by created_at desc limit 10000
         ) as latest order by plugin, field",
        org
    )
}

/// What an installation leaves behind.
#[derive(Debug, FromRow)]
pub struct Left {
    /// Fields of tickets that it set.
    pub fields: i64,
    /// Tickets whose post-create work it has not done.
    pub pending: i64,
    /// Rows of refusals at tickets.
    pub refusals: i64,
}

pub async fn left(conn: &mut Conn, org: OrgId, id: InstallationId) -> Result<Left, sqlx::Error> {
    let row = fetch_optional!(
        conn,
        Left,
        "select
             (select count(*) from ticket_field_sources where org_id = $1 and installation_id = $2) as fields,
             (select count(*) from enrichments
              where org_id = $1 and installation_id = $2 and state = 'pending') as pending,
             (select count(*) from ticket_refusals where org_id = $1 and installation_id = $2) as refusals",
        org,
        id
    )?;
    row.ok_or(sqlx::Error::RowNotFound)
}
