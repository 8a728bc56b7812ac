//! All SQL of users.

use std::collections::HashSet;

use uuid::Uuid;

use crate::db::{Conn, Filter, Value};
use crate::model::ids::{OrgId, UserId};
use crate::model::money::Money;
use crate::model::people::{User, comparison_key};
use crate::page::{Column, Listed, Listing, Sort, Window};
use crate::{execute, fetch_optional};

/// The changed fields; `None` leaves a field unchanged, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    pub name: Option<String>,
    pub role: Option<String>,
    pub hourly_cost: Option<Option<Money>>,
}

pub static LISTING: Listing = Listing {
    name: "users",
    id: "id",
    default: "name",
    sorts: &[
        Sort::by("name", &[Column::Text("name")]),
        Sort::fixed("created_at", &[Column::Time("created_at")]),
    ],
};

impl Listed for User {
    fn listing() -> &'static Listing {
        &LISTING
    }

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn keys(&self, sort: &str) -> Vec<Value> {
        match sort {
            "created_at" => vec![Value::Time(self.created_at)],
            _ => vec![Value::Text(self.name.clone())],
        }
    }
}

/// Returns false if the organization already has a user with that email.
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

/// Which of these users the organization has.
pub async fn known(
    conn: &mut Conn,
    org: OrgId,
    ids: &[UserId],
) -> Result<HashSet<UserId>, sqlx::Error> {
    let mut filter = Filter::for_org("org_id", org.0);
    let Some(list) = filter.list(ids.iter().map(|id| Value::Uuid(id.0))) else {
        return Ok(HashSet::new());
    };
    filter.and_plain(&format!("id in {list}"));
    let rows: Vec<(UserId,)> = filter.figure("select id from users").fetch_all(conn).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

pub async fn list(
    conn: &mut Conn,
    org: OrgId,
    window: &Window,
) -> Result<(Vec<User>, i64), sqlx::Error> {
    let filter = Filter::for_org("org_id", org.0);
    let select = "select id, name, email, role, hourly_cost, created_at from users";
    let users = filter.select(select, &window.slice).fetch_all(conn).await?;
    Ok((users, filter.count("users").fetch_figure(conn).await?))
}

pub async fn count(conn: &mut Conn, org: OrgId) -> Result<i64, sqlx::Error> {
    Filter::for_org("org_id", org.0).count("users").fetch_figure(conn).await
}

/// Returns the changed user, or `None` if it does not exist.
pub async fn update(
    conn: &mut Conn,
    org: OrgId,
    id: UserId,
    change: &UserChange,
) -> Result<Option<User>, sqlx::Error> {
    fetch_optional!(
        conn,
        User,
        "update users set name = coalesce($3, name), role = coalesce($4, role),
                hourly_cost = case when $5 then $6 else hourly_cost end
         where org_id = $1 and id = $2 returning id, name, email, role, hourly_cost, created_at",
        org,
        id,
        change.name.as_deref(),
        change.role.as_deref(),
        change.hourly_cost.is_some(),
        change.hourly_cost.flatten()
    )
}
