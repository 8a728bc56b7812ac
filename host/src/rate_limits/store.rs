//! All SQL of key_usage and organization_usage.

use sqlx::FromRow;

use super::{Counted, CountedOrg};
use crate::db::Conn;
use crate::keys::KeyHash;
use crate::keys::store::KeyRow;
use crate::model::time::Time;
use crate::rate_limits::rates::Class;
use crate::{execute, fetch_optional};

/// A key and its window, this request included, if the key is valid.
#[derive(Debug, FromRow)]
pub(super) struct FoundRow {
    #[sqlx(flatten)]
    pub key: KeyRow,
    pub window_start: Option<Time>,
    pub used: Option<i64>,
    pub org_window_start: Option<Time>,
    pub org_used: Option<i64>,
}

/// PostgreSQL only. Across organizations by design: the hash identifies the organization. Clocks of nodes differ, so
/// a window never moves back. A request counts against the organization only if the key's window lets it through
/// (`key_limit`) and the organization has a budget at all (`counts_org`). The second upsert reads the first, so that
/// every statement locks the key's row before the organization's.
pub(super) async fn find_and_spend(
    conn: &mut Conn,
    hash: &KeyHash,
    class: Class,
    window_start: Time,
    now: Time,
    key_limit: u32,
    counts_org: bool,
) -> Result<Option<FoundRow>, sqlx::Error> {
    fetch_optional!(
        conn,
        FoundRow,
        "with found as (
             select k.org_id, k.id as key_id, k.name, k.scope, k.may_read_runs, k.may_override, k.may_manage_plugins,
                    k.user_id, u.name as user_name, k.expires_at, k.revoked_at, o.tier, o.plugins_revision,
                    -- The count may be lost in a crash of the database's machine; a GET waits for no disk.
                    set_config('synchronous_commit', 'off', true) as without_waiting
             from api_keys k
             join organizations o on o.id = k.org_id
             left join users u on u.org_id = k.org_id and u.id = k.user_id
             where k.hash = $1
         ), spent as (
             insert into key_usage as w (org_id, key_id, class, window_start, used, last_used_at)
             select org_id, key_id, $2::text, $3::timestamptz, 1, $4::timestamptz from found
             where revoked_at is null and (expires_at is null or expires_at > $4)
             on conflict (org_id, key_id, class) do update set
                 used = case when w.window_start >= excluded.window_start then w.used + 1 else 1 end,
                 window_start = greatest(w.window_start, excluded.window_start),
                 last_used_at = greatest(w.last_used_at, excluded.last_used_at)
             returning org_id, window_start, used
         ), spent_by_org as (
             insert into organization_usage as w (org_id, class, window_start, used)
             select org_id, $2::text, $3::timestamptz, 1 from spent where used <= $5::bigint and $6::boolean
             on conflict (org_id, class) do update set
                 used = case when w.window_start >= excluded.window_start then w.used + 1 else 1 end,
                 window_start = greatest(w.window_start, excluded.window_start)
             returning window_start, used
         )
         select found.*, spent.window_start, spent.used, o.window_start as org_window_start, o.used as org_used
         from found left join spent on true left join spent_by_org o on true",
        hash.as_slice(),
        class.as_str(),
        window_start,
        now,
        i64::from(key_limit),
        counts_org
    )
}

/// Start and count of the last window that was written back.
pub(super) async fn window(
    conn: &mut Conn,
    (org, key, class): Counted,
) -> Result<Option<(Time, i64)>, sqlx::Error> {
    fetch_optional!(
        conn,
        (Time, i64),
        "select window_start, used from key_usage where org_id = $1 and key_id = $2 and class = $3",
        org,
        key,
        class.as_str()
    )
}

/// The same of an organization.
pub(super) async fn organization_window(
    conn: &mut Conn,
    (org, class): CountedOrg,
) -> Result<Option<(Time, i64)>, sqlx::Error> {
    fetch_optional!(
        conn,
        (Time, i64),
        "select window_start, used from organization_usage where org_id = $1 and class = $2",
        org,
        class.as_str()
    )
}

pub(super) async fn put_organization_window(
    conn: &mut Conn,
    (org, class): CountedOrg,
    window_start: Time,
    used: i64,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into organization_usage (org_id, class, window_start, used) values ($1, $2, $3, $4)
         on conflict (org_id, class) do update set window_start = excluded.window_start, used = excluded.used",
        org,
        class.as_str(),
        window_start,
        used
    )?;
    Ok(())
}

pub(super) async fn put_window(
    conn: &mut Conn,
    (org, key, class): Counted,
    window_start: Time,
    used: i64,
    last_used_at: Time,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into key_usage (org_id, key_id, class, window_start, used, last_used_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (org_id, key_id, class) do update set
             window_start = excluded.window_start, used = excluded.used, last_used_at = excluded.last_used_at",
        org,
        key,
        class.as_str(),
        window_start,
        used,
        last_used_at
    )?;
    Ok(())
}

/// With limits off only the time is updated; counts of other nodes stay.
pub(super) async fn put_last_use(
    conn: &mut Conn,
    (org, key, class): Counted,
    window_start: Time,
    last_used_at: Time,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into key_usage as w (org_id, key_id, class, window_start, used, last_used_at)
         values ($1, $2, $3, $4, 0, $5)
         on conflict (org_id, key_id, class) do update set
             last_used_at = case when excluded.last_used_at > w.last_used_at
                                 then excluded.last_used_at else w.last_used_at end",
        org,
        key,
        class.as_str(),
        window_start,
        last_used_at
    )?;
    Ok(())
}

/// On PostgreSQL, the commit of this transaction waits for no disk: what it writes may be lost in a crash of the
/// database's machine. Not an option of the session, which a pooler of connections may give to others.
pub(super) async fn wait_for_no_disk(conn: &mut Conn) -> Result<(), sqlx::Error> {
    if conn.is_postgres() {
        execute!(conn, "select set_config('synchronous_commit', 'off', true)")?;
    }
    Ok(())
}
