//! All SQL of counters and customer_shops. It only reads; the triggers of the migrations write.

use chrono::DateTime;
use uuid::Uuid;

use crate::db::{Conn, Filter, Query, Value};
use crate::fetch_all;
use crate::model::ids::{CustomerId, OrgId, ShopId};
use crate::model::time::Time;

/// Marks the counter that sums all days.
const ANY_DAY: i64 = -1_000_000;

const DAY_S: i64 = 86_400;

/// Selects a counter.
#[derive(Debug)]
pub struct Counted<'a> {
    /// `tickets`, `customers` or `items`.
    pub list: &'static str,
    /// The organization, one of its shops, or (for tickets without dates) a technician.
    pub scope: Uuid,
    /// For tickets only.
    pub status: Option<&'a str>,
    pub created_after: Option<Time>,
    pub created_before: Option<Time>,
}

/// Queries whose sum is the total: counters for whole days, and `count` over an index range for the partial days at
/// either end.
pub fn total(
    org: OrgId,
    counted: &Counted<'_>,
    count: impl Fn(Option<Time>, Option<Time>) -> Query,
) -> Vec<Query> {
    let (after, before) = (counted.created_after, counted.created_before);
    let first = after.map(|time| -(-time.timestamp_micros()).div_euclid(DAY_S * 1_000_000));
    let end = before.map(|time| time.timestamp_micros().div_euclid(DAY_S * 1_000_000));
    if let (Some(first), Some(end)) = (first, end)
        && first >= end
    {
        return vec![count(after, before)];
    }
    let mut filter = Filter::for_org("org_id", org.0);
    filter.and("list = ?", Value::Text(counted.list.to_owned()));
    filter.and("scope = ?", Value::Uuid(counted.scope));
    filter.and("status = ?", Value::Text(counted.status.unwrap_or_default().to_owned()));
    match (first, end) {
        (None, None) => filter.and("day = ?", Value::Int(ANY_DAY)),
        (first, end) => {
            filter.and("day >= ?", Value::Int(first.unwrap_or(ANY_DAY + 1)));
            filter.and_some("day < ?", end.map(Value::Int));
        }
    }
    let mut queries =
        vec![filter.figure("select cast(coalesce(sum(n), 0) as bigint) from counters")];
    let midnight = |day: i64| DateTime::from_timestamp(day * DAY_S, 0).map(Time::from);
    let (first, end) = (first.and_then(midnight), end.and_then(midnight));
    if after < first {
        queries.push(count(after, first));
    }
    if end < before {
        queries.push(count(end, before));
    }
    queries
}

/// Runs the queries and adds their figures up.
pub async fn add_up(conn: &mut Conn, queries: Vec<Query>) -> Result<i64, sqlx::Error> {
    let mut sum = 0;
    for query in queries {
        sum += query.fetch_figure(conn).await?;
    }
    Ok(sum)
}

/// A counter that does not match the rows: organization, list, scope, status, day and difference.
pub type WrongCounter = (OrgId, String, Uuid, String, i64, i64);

macro_rules! wrong_counters {
    ($day_of:literal, $day_end:literal) => {
        concat!(
            "with rows_by_status as (
                 select org_id, 'tickets' as list, org_id as scope, status, ", $day_of, "created_at", $day_end, " as day
                 from tickets
                 union all
                 select org_id, 'tickets', shop_id, status, ", $day_of, "created_at", $day_end, " from tickets
                 union all
                 select org_id, 'tickets', assigned_to, status, -1000000 from tickets where assigned_to is not null
                 union all
                 select org_id, 'customers', org_id, null, ", $day_of, "created_at", $day_end, " from customers
                 union all
                 select org_id, 'customers', shop_id, null, ", $day_of, "customer_created_at", $day_end, "
                 from customer_shops
                 union all
                 select org_id, 'items', org_id, null, -1000000 from inventory_items
                 union all
                 select org_id, 'items', shop_id, null, -1000000 from inventory_items),
             sums as (
                 select org_id, list, scope, status, day, count(*) as n from rows_by_status
                 group by org_id, list, scope, status, day),
             by_day as (
                 select org_id, list, scope, status, day, n from sums where status is not null
                 union all
                 select org_id, list, scope, '', day, n from sums),
             counted as (
                 select org_id, list, scope, status, day, n from counters
                 union all
                 select org_id, list, scope, status, day, -n from by_day
                 union all
                 select org_id, list, scope, status, -1000000, -n from by_day where day <> -1000000)
             select org_id, list, scope, status, day, cast(sum(n) as bigint) from counted
             group by org_id, list, scope, status, day having sum(n) <> 0
             order by org_id, list, scope, status, day limit 1000"
        )
    };
}

/// Across organizations by design, for `doctor`.
pub async fn find_wrong(conn: &mut Conn) -> Result<Vec<WrongCounter>, sqlx::Error> {
    if conn.is_postgres() {
        return fetch_all!(conn, WrongCounter, wrong_counters!("utc_day(", ")"));
    }
    fetch_all!(conn, WrongCounter, wrong_counters!("(unixepoch(substr(", ", 1, 10)) / 86400)"))
}

/// Across organizations by design, for `doctor`: customers missing from the list of a shop where they have a ticket,
/// and customers listed in a shop where they have none.
pub async fn find_misplaced_customers(
    conn: &mut Conn,
) -> Result<Vec<(OrgId, CustomerId, ShopId)>, sqlx::Error> {
    fetch_all!(
        conn,
        (OrgId, CustomerId, ShopId),
        "select distinct t.org_id, t.customer_id, t.shop_id from tickets t
         where not exists (select 1 from customer_shops s where s.org_id = t.org_id
                           and s.shop_id = t.shop_id and s.customer_id = t.customer_id)
         union all
         select s.org_id, s.customer_id, s.shop_id from customer_shops s
         where not exists (select 1 from tickets t where t.org_id = s.org_id
                           and t.customer_id = s.customer_id and t.shop_id = s.shop_id)"
    )
}
