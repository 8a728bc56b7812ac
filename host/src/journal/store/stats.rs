//! Sums over the runs of an installation.

use sqlx::FromRow;

use crate::db::Conn;
use crate::fetch_all;
use crate::model::ids::{InstallationId, OrgId};
use crate::model::run::RunMode;
use crate::model::time::Time;

/// The length of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    Hour,
    Day,
}

/// The runs of one period, hook, mode and outcome.
#[derive(Debug, FromRow)]
pub struct StatsRow {
    /// `2026-11-27T10` or `2026-11-27`, in UTC.
    pub period: String,
    pub hook: String,
    pub mode: RunMode,
    pub outcome: String,
    pub is_failure: bool,
    pub calls: i64,
    pub fuel: i64,
    pub fuel_max: i64,
    pub cpu_us: i64,
    pub cpu_us_max: i64,
    pub wall_us: i64,
}

pub async fn stats(
    conn: &mut Conn,
    org: OrgId,
    installation: InstallationId,
    (after, before): (Time, Time),
    bucket: Bucket,
) -> Result<Vec<StatsRow>, sqlx::Error> {
    macro_rules! sums {
        ($period:literal) => {
            concat!(
                "select ",
                $period,
                " as period, hook, mode, outcome, is_failure, count(*) as calls, cast(sum(fuel) as bigint) as fuel,
                     max(fuel) as fuel_max, cast(sum(cpu_us) as bigint) as cpu_us, max(cpu_us) as cpu_us_max,
                     cast(sum(wall_us) as bigint) as wall_us
                 from plugin_runs
                 where org_id = $1 and installation_id = $2 and created_at >= $3 and created_at < $4
                 group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5"
            )
        };
    }
    let sql = match (conn.is_postgres(), bucket) {
        (true, Bucket::Hour) => {
            sums!("to_char(created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24')")
        }
        (true, Bucket::Day) => sums!("to_char(created_at at time zone 'UTC', 'YYYY-MM-DD')"),
        (false, Bucket::Hour) => sums!("substr(created_at, 1, 13)"),
        (false, Bucket::Day) => sums!("substr(created_at, 1, 10)"),
    };
    fetch_all!(conn, StatsRow, sql, org, installation, after, before)
}
