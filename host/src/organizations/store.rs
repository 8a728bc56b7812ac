//! All SQL of organizations.

use crate::db::Conn;
use crate::model::ids::OrgId;
use crate::model::time::Time;
use crate::{execute, fetch_all, fetch_one, fetch_optional};

pub async fn insert(
    conn: &mut Conn,
    id: OrgId,
    name: &str,
    tier: &str,
    now: Time,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into organizations (id, name, tier, created_at) values ($1, $2, $3, $4)",
        id,
        name,
        tier,
        now
    )?;
    Ok(())
}

pub async fn exists(conn: &mut Conn, id: OrgId) -> Result<bool, sqlx::Error> {
    let row: Option<(OrgId,)> =
        fetch_optional!(conn, (OrgId,), "select id from organizations where id = $1", id)?;
    Ok(row.is_some())
}

/// Locks the organization until the transaction ends.
pub async fn lock(conn: &mut Conn, id: OrgId) -> Result<(), sqlx::Error> {
    // SQLite has one writer at a time.
    if conn.is_postgres() {
        execute!(conn, "select 1 from organizations where id = $1 for no key update", id)?;
    }
    Ok(())
}

/// Returns false if the organization does not exist.
pub async fn set_tier(conn: &mut Conn, id: OrgId, tier: &str) -> Result<bool, sqlx::Error> {
    let rows = execute!(conn, "update organizations set tier = $2 where id = $1", id, tier)?;
    Ok(rows == 1)
}

/// Returns false if the organization does not exist.
pub async fn set_customers_without_email(
    conn: &mut Conn,
    id: OrgId,
    are_allowed: bool,
) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "update organizations set customers_without_email = $2 where id = $1",
        id,
        are_allowed
    )?;
    Ok(rows == 1)
}

pub async fn allows_customers_without_email(
    conn: &mut Conn,
    id: OrgId,
) -> Result<bool, sqlx::Error> {
    let row: Option<(bool,)> = fetch_optional!(
        conn,
        (bool,),
        "select customers_without_email from organizations where id = $1",
        id
    )?;
    Ok(row.is_some_and(|row| row.0))
}

/// Returns the next ticket number. Concurrent creations in one organization wait here until the others commit.
pub async fn take_ticket_number(conn: &mut Conn, org: OrgId) -> Result<i64, sqlx::Error> {
    let row: (i64,) = fetch_one!(
        conn,
        (i64,),
        "update organizations set last_ticket_number = last_ticket_number + 1
         where id = $1 returning last_ticket_number",
        org
    )?;
    Ok(row.0)
}

/// The number that the next ticket gets, if no other request takes it first.
pub async fn next_ticket_number(conn: &mut Conn, org: OrgId) -> Result<i64, sqlx::Error> {
    let row: (i64,) = fetch_one!(
        conn,
        (i64,),
        "select last_ticket_number + 1 from organizations where id = $1",
        org
    )?;
    Ok(row.0)
}

/// The current revision of the organization's plugins.
pub async fn plugins_revision(conn: &mut Conn, org: OrgId) -> Result<i64, sqlx::Error> {
    let row: (i64,) =
        fetch_one!(conn, (i64,), "select plugins_revision from organizations where id = $1", org)?;
    Ok(row.0)
}

/// Increments the revision, so that every node reloads the plugins at the next request. Called by every change of
/// them.
pub async fn bump_plugins_revision(conn: &mut Conn, org: OrgId) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update organizations set plugins_revision = plugins_revision + 1 where id = $1",
        org
    )?;
    Ok(())
}

/// Across organizations by design: for jobs that process each one.
pub async fn ids(conn: &mut Conn) -> Result<Vec<OrgId>, sqlx::Error> {
    let rows: Vec<(OrgId,)> =
        fetch_all!(conn, (OrgId,), "select id from organizations order by id")?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}
