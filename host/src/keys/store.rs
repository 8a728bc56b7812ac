//! All SQL of the table `api_keys`.

use sqlx::FromRow;
use uuid::Uuid;

use crate::db::{Conn, Filter, Value};
use crate::model::ids::{KeyId, OrgId, UserId};
use crate::model::key::{ApiKey, Rights};
use crate::model::people::Scope;
use crate::model::time::Time;
use crate::page::{Column, Listed, Listing, Sort, Window};
use crate::{execute, fetch_all, fetch_one, fetch_optional};

pub static LISTING: Listing = Listing {
    name: "keys",
    id: "k.id",
    default: "-created_at",
    sorts: &[
        Sort::fixed("created_at", &[Column::Time("k.created_at")]),
        Sort::by("name", &[Column::Text("k.name")]),
    ],
};

impl Listed for ApiKey {
    fn listing() -> &'static Listing {
        &LISTING
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

/// The data of its key and organization that a request needs.
#[derive(Debug, FromRow)]
pub struct KeyRow {
    pub org_id: OrgId,
    pub key_id: KeyId,
    pub name: String,
    pub scope: Scope,
    #[sqlx(flatten)]
    pub rights: Rights,
    pub user_id: Option<UserId>,
    pub user_name: Option<String>,
    pub expires_at: Option<Time>,
    pub revoked_at: Option<Time>,
    pub tier: String,
    pub plugins_revision: i64,
}

impl KeyRow {
    pub fn works(&self, now: Time) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| end > now)
    }
}

/// Across organizations by design: the hash identifies the organization.
pub async fn find_by_hash(conn: &mut Conn, hash: &[u8]) -> Result<Option<KeyRow>, sqlx::Error> {
    fetch_optional!(
        conn,
        KeyRow,
        "select k.org_id, k.id as key_id, k.name, k.scope, k.may_read_runs, k.may_override, k.may_manage_plugins,
                k.user_id, u.name as user_name, k.expires_at, k.revoked_at, o.tier, o.plugins_revision
         from api_keys k
         join organizations o on o.id = k.org_id
         left join users u on u.org_id = k.org_id and u.id = k.user_id
         where k.hash = $1",
        hash
    )
}

pub async fn insert(
    conn: &mut Conn,
    org: OrgId,
    key: &ApiKey,
    hash: &[u8],
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into api_keys (org_id, id, name, hash, hint, scope, user_id, created_at, expires_at, may_read_runs,
             may_override, may_manage_plugins)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        org,
        key.id,
        key.name.as_str(),
        hash,
        key.hint.as_deref(),
        key.scope.as_str(),
        key.user_id,
        key.created_at,
        key.expires_at,
        key.rights.may_read_runs,
        key.rights.may_override,
        key.rights.may_manage_plugins
    )?;
    Ok(())
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select k.id, k.name, k.scope, k.may_read_runs, k.may_override, k.may_manage_plugins, k.user_id, k.hint,
                    k.created_at, k.expires_at, k.revoked_at,
                    (select max(u.last_used_at) from key_usage u
                     where u.org_id = k.org_id and u.key_id = k.id) as last_used_at
             from api_keys k",
            $rest
        )
    };
}

pub async fn get(conn: &mut Conn, org: OrgId, id: KeyId) -> Result<Option<ApiKey>, sqlx::Error> {
    fetch_optional!(conn, ApiKey, select!(" where k.org_id = $1 and k.id = $2"), org, id)
}

pub async fn list(
    conn: &mut Conn,
    org: OrgId,
    window: &Window,
) -> Result<(Vec<ApiKey>, i64), sqlx::Error> {
    let filter = Filter::for_org("k.org_id", org.0);
    let keys = filter.select(select!(""), &window.slice).fetch_all(conn).await?;
    Ok((keys, filter.count("api_keys k").fetch_figure(conn).await?))
}

/// The expiry times of the other valid admin keys; `None` means never.
pub async fn active_admins_besides(
    conn: &mut Conn,
    org: OrgId,
    id: KeyId,
    now: Time,
) -> Result<Vec<Option<Time>>, sqlx::Error> {
    let rows: Vec<(Option<Time>,)> = fetch_all!(
        conn,
        (Option<Time>,),
        "select expires_at from api_keys
         where org_id = $1 and id <> $2 and scope = 'admin' and revoked_at is null
               and (expires_at is null or expires_at > $3)",
        org,
        id,
        now
    )?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// Two ranges of one partial index; revoked and expired keys cost nothing.
pub async fn count_valid(conn: &mut Conn, org: OrgId, now: Time) -> Result<i64, sqlx::Error> {
    let (count,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "select (select count(*) from api_keys where org_id = $1 and revoked_at is null and expires_at is null)
              + (select count(*) from api_keys where org_id = $1 and revoked_at is null and expires_at > $2)",
        org,
        now
    )?;
    Ok(count)
}

/// A revoked key stays unchanged.
pub async fn revoke(conn: &mut Conn, org: OrgId, id: KeyId, now: Time) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update api_keys set revoked_at = $3 where org_id = $1 and id = $2 and revoked_at is null",
        org,
        id,
        now
    )?;
    Ok(())
}

pub async fn expire(conn: &mut Conn, org: OrgId, id: KeyId, end: Time) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "update api_keys set expires_at = $3 where org_id = $1 and id = $2",
        org,
        id,
        end
    )?;
    Ok(())
}
