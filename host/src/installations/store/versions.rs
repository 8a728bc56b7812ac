//! SQL of the table `installation_versions`.
//!
//! Invariant: an installation has at most one current version, which has what the installation has.

use sqlx::types::Json;
use uuid::Uuid;

use crate::db::{Conn, Filter, Value};
use crate::model::ids::{InstallationId, OrgId};
use crate::model::plugin::{Installation, InstallationVersion, Plugin};
use crate::model::time::Time;
use crate::page::{Column, Listed, Listing, Sort, Window};
use crate::{execute, fetch_optional};

macro_rules! select_version {
    () => {
        "select v.n, v.plugin_id, v.plugin_version, v.digest, v.settings, v.grants, v.hooks, v.state, v.reason, v.actor,
             v.created_at, v.ended_at,
             exists (select 1 from plugins p where p.org_id = v.org_id and p.id = v.plugin_id) as is_kept
         from installation_versions v"
    };
}

pub static VERSIONS: Listing = Listing {
    name: "installation_versions",
    id: "v.n",
    default: "-n",
    sorts: &[Sort::unique("n", &[Column::Int("v.n")])],
};

impl Listed for InstallationVersion {
    fn listing() -> &'static Listing {
        &VERSIONS
    }

    fn id(&self) -> Uuid {
        Uuid::nil()
    }

    fn keys(&self, _: &str) -> Vec<Value> {
        vec![Value::Int(self.n)]
    }
}

pub async fn list(
    conn: &mut Conn,
    org: OrgId,
    id: InstallationId,
    window: &Window,
) -> Result<(Vec<InstallationVersion>, i64), sqlx::Error> {
    let mut filter = Filter::for_org("v.org_id", org.0);
    filter.and("v.installation_id = ?", Value::Uuid(id.0));
    let rows = filter.select(select_version!(), &window.slice).fetch_all(conn).await?;
    Ok((rows, filter.count("installation_versions v").fetch_figure(conn).await?))
}

pub async fn get(
    conn: &mut Conn,
    org: OrgId,
    id: InstallationId,
    n: i64,
) -> Result<Option<InstallationVersion>, sqlx::Error> {
    fetch_optional!(
        conn,
        InstallationVersion,
        concat!(select_version!(), " where v.org_id = $1 and v.installation_id = $2 and v.n = $3"),
        org,
        id,
        n
    )
}

/// The latest past version of another build than this one.
pub async fn previous(
    conn: &mut Conn,
    org: OrgId,
    id: InstallationId,
    digest: &str,
) -> Result<Option<InstallationVersion>, sqlx::Error> {
    fetch_optional!(
        conn,
        InstallationVersion,
        concat!(
            select_version!(),
            " where v.org_id = $1 and v.installation_id = $2 and v.state = 'past' and v.digest <> $3
             order by v.n desc limit 1"
        ),
        org,
        id,
        digest
    )
}

/// Ends the current version and begins the next one, which has what the installation has. Returns its number.
pub async fn begin(
    conn: &mut Conn,
    org: OrgId,
    row: &Installation,
    plugin: &Plugin,
    (reason, actor, now): (&str, &str, Time),
) -> Result<i64, sqlx::Error> {
    execute!(
        conn,
        "update installation_versions set state = 'past', ended_at = $3
         where org_id = $1 and installation_id = $2 and state = 'current'",
        org,
        row.id,
        now
    )?;
    let last: Option<(i64,)> = fetch_optional!(
        conn,
        (i64,),
        "select n from installation_versions where org_id = $1 and installation_id = $2 order by n desc limit 1",
        org,
        row.id
    )?;
    let n = last.map_or(1, |(n,)| n + 1);
    execute!(
        conn,
        "insert into installation_versions (org_id, installation_id, n, plugin_id, plugin_version, digest, settings,
             grants, hooks, state, reason, actor, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'current', $10, $11, $12)",
        org,
        row.id,
        n,
        row.plugin_id,
        plugin.version.as_str(),
        plugin.digest.as_str(),
        Json(&row.settings),
        Json(&row.grants),
        Json(&row.hooks),
        reason,
        actor,
        now
    )?;
    Ok(n)
}

/// The current version gets what the installation has now. Returns false if there is none, as after an installation by
/// a node of an older version.
pub async fn keep_in_step(
    conn: &mut Conn,
    org: OrgId,
    row: &Installation,
) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "update installation_versions set settings = $3, grants = $4, hooks = $5
         where org_id = $1 and installation_id = $2 and state = 'current' and plugin_id = $6",
        org,
        row.id,
        Json(&row.settings),
        Json(&row.grants),
        Json(&row.hooks),
        row.plugin_id
    )?;
    Ok(rows == 1)
}
