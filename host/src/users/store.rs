//! All SQL of users.

use crate::db::{Conn, Filter};
use crate::model::ids::{OrgId, UserId};
use crate::model::people::{User, comparison_key};
use crate::page::Window;
use crate::{execute, fetch_optional};

/// False when the organization has a user of that email already.
pub async fn insert(conn: &mut Conn, org: OrgId, user: &User) -> Result<bool, sqlx::Error> {
    let rows = execute!(
        conn,
        "insert into users (org_id, id, name, email, email_key, role, hourly_cost, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (org_id, email_key) do nothing",
        org,
        user.id,
        user.name.as_str(),
        user.email.as_str(),
        comparison_key(&user.email),
        user.role.as_str(),
        user.hourly_cost,
        user.created_at
    )?;
    Ok(rows == 1)
}

pub async fn get(conn: &mut Conn, org: OrgId, id: UserId) -> Result<Option<User>, sqlx::Error> {
    fetch_optional!(
        conn,
        User,
        "select id, name, email, role, hourly_cost, created_at from users where org_id = $1 and id = $2",
        org,
        id
    )
}

pub async fn list(
    conn: &mut Conn,
    org: OrgId,
    window: Window,
) -> Result<(Vec<User>, i64), sqlx::Error> {
    let filter = Filter::for_org("org_id", org.0);
    let select = "select id, name, email, role, hourly_cost, created_at from users";
    let users = filter.fetch_page(conn, select, "name, id", window.limit, window.offset).await?;
    Ok((users, filter.count(conn, "users").await?))
}
