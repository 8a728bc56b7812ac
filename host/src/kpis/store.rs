//! All SQL of ticket_figures, ticket_figures_missing and kpi_days.

use chrono::NaiveDate;
use sqlx::FromRow;

use crate::db::Conn;
use crate::kpis::figures::Figures;
use crate::model::ids::{OrgId, ShopId, TicketId};
use crate::model::money::Money;
use crate::{execute, fetch_all, fetch_optional};

/// A row of ticket_figures.
#[derive(Debug, FromRow)]
pub struct TicketFigures {
    pub shop_id: ShopId,
    pub day: NaiveDate,
    pub hourly_cost: Option<Money>,
    #[sqlx(flatten)]
    pub figures: Figures,
}

/// The figures of a day, of one shop or of all.
#[derive(Debug, FromRow)]
pub struct Day {
    pub day: NaiveDate,
    #[sqlx(flatten)]
    pub figures: Figures,
    pub scores: i64,
    pub score_sum: i64,
}

pub async fn get(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
) -> Result<Option<TicketFigures>, sqlx::Error> {
    fetch_optional!(
        conn,
        TicketFigures,
        "select shop_id, day, hourly_cost, cast(1 as bigint) as tickets, labor, parts, turnaround_ms, labor_costed,
                labor_cost, parts_costed, parts_cost, reviewed, passed
         from ticket_figures where org_id = $1 and ticket_id = $2",
        org,
        ticket
    )
}

pub async fn put(
    conn: &mut Conn,
    org: OrgId,
    ticket: TicketId,
    row: &TicketFigures,
) -> Result<(), sqlx::Error> {
    let figures = &row.figures;
    execute!(
        conn,
        "insert into ticket_figures (org_id, ticket_id, shop_id, day, hourly_cost, labor, parts, turnaround_ms,
             labor_costed, labor_cost, parts_costed, parts_cost, reviewed, passed)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         on conflict (org_id, ticket_id) do update
         set labor = excluded.labor, parts = excluded.parts, turnaround_ms = excluded.turnaround_ms,
             labor_costed = excluded.labor_costed, labor_cost = excluded.labor_cost,
             parts_costed = excluded.parts_costed, parts_cost = excluded.parts_cost,
             reviewed = excluded.reviewed, passed = excluded.passed",
        org,
        ticket,
        row.shop_id,
        row.day,
        row.hourly_cost,
        figures.labor,
        figures.parts,
        figures.turnaround_ms,
        figures.labor_costed,
        figures.labor_cost,
        figures.parts_costed,
        figures.parts_cost,
        figures.reviewed,
        figures.passed
    )?;
    Ok(())
}

/// Adds a ticket's figures, or the difference after a change.
pub async fn add_to_day(
    conn: &mut Conn,
    org: OrgId,
    shop: ShopId,
    day: NaiveDate,
    by: &Figures,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into kpi_days (org_id, shop_id, day, tickets, labor, parts, turnaround_ms, labor_costed, labor_cost,
             parts_costed, parts_cost, reviewed, passed, scores, score_sum)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, 0)
         on conflict (org_id, shop_id, day) do update
         set tickets = kpi_days.tickets + excluded.tickets, labor = kpi_days.labor + excluded.labor,
             parts = kpi_days.parts + excluded.parts,
             turnaround_ms = kpi_days.turnaround_ms + excluded.turnaround_ms,
             labor_costed = kpi_days.labor_costed + excluded.labor_costed,
             labor_cost = kpi_days.labor_cost + excluded.labor_cost,
             parts_costed = kpi_days.parts_costed + excluded.parts_costed,
             parts_cost = kpi_days.parts_cost + excluded.parts_cost,
             reviewed = kpi_days.reviewed + excluded.reviewed, passed = kpi_days.passed + excluded.passed",
        org,
        shop,
        day,
        by.tickets,
        by.labor,
        by.parts,
        by.turnaround_ms,
        by.labor_costed,
        by.labor_cost,
        by.parts_costed,
        by.parts_cost,
        by.reviewed,
        by.passed
    )?;
    Ok(())
}

/// Adds a customer's score, from 1 to 5, to the shop's local day (see `figures::local_day`).
pub async fn add_score(
    conn: &mut Conn,
    org: OrgId,
    shop: ShopId,
    day: NaiveDate,
    score: i64,
) -> Result<(), sqlx::Error> {
    execute!(
        conn,
        "insert into kpi_days (org_id, shop_id, day, tickets, labor, parts, turnaround_ms, labor_costed, labor_cost,
             parts_costed, parts_cost, reviewed, passed, scores, score_sum)
         values ($1, $2, $3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, $4)
         on conflict (org_id, shop_id, day) do update
         set scores = kpi_days.scores + 1, score_sum = kpi_days.score_sum + excluded.score_sum",
        org,
        shop,
        day,
        score
    )?;
    Ok(())
}

macro_rules! select_days {
    ($shop:literal) => {
        concat!(
            "select day, cast(sum(tickets) as bigint) as tickets, cast(sum(labor) as bigint) as labor,
                    cast(sum(parts) as bigint) as parts, cast(sum(turnaround_ms) as bigint) as turnaround_ms,
                    cast(sum(labor_costed) as bigint) as labor_costed, cast(sum(labor_cost) as bigint) as labor_cost,
                    cast(sum(parts_costed) as bigint) as parts_costed, cast(sum(parts_cost) as bigint) as parts_cost,
                    cast(sum(reviewed) as bigint) as reviewed, cast(sum(passed) as bigint) as passed,
                    cast(sum(scores) as bigint) as scores, cast(sum(score_sum) as bigint) as score_sum
             from kpi_days where org_id = $1 and day between $2 and $3",
            $shop,
            " group by day order by day"
        )
    };
}

/// The days with figures in the period, both ends included.
pub async fn days(
    conn: &mut Conn,
    org: OrgId,
    shop: Option<ShopId>,
    start: NaiveDate,
    end: NaiveDate,
) -> Result<Vec<Day>, sqlx::Error> {
    match shop {
        Some(shop) => {
            fetch_all!(conn, Day, select_days!(" and shop_id = $4"), org, start, end, shop)
        }
        None => fetch_all!(conn, Day, select_days!(""), org, start, end),
    }
}

/// Across organizations by design: removes tickets from the list of those without figures, and returns them.
pub async fn take_missing(
    conn: &mut Conn,
    limit: i64,
) -> Result<Vec<(OrgId, TicketId)>, sqlx::Error> {
    let tickets: Vec<(OrgId, TicketId)> = fetch_all!(
        conn,
        (OrgId, TicketId),
        "select org_id, ticket_id from ticket_figures_missing order by org_id, ticket_id limit $1",
        limit
    )?;
    let mut taken = Vec::new();
    for (org, ticket) in tickets {
        let sql = "delete from ticket_figures_missing where org_id = $1 and ticket_id = $2";
        // Zero if another node was faster.
        if execute!(conn, sql, org, ticket)? == 1 {
            taken.push((org, ticket));
        }
    }
    Ok(taken)
}

/// Across organizations by design, for `doctor`: days whose figures are not the sum of their tickets'.
pub async fn find_wrong_days(
    conn: &mut Conn,
) -> Result<Vec<(OrgId, ShopId, NaiveDate)>, sqlx::Error> {
    fetch_all!(
        conn,
        (OrgId, ShopId, NaiveDate),
        "select org_id, shop_id, day from (
             select org_id, shop_id, day, tickets, labor, parts, turnaround_ms, labor_costed, labor_cost, parts_costed,
                    parts_cost, reviewed, passed
             from kpi_days
             union all
             select org_id, shop_id, day, -1, -labor, -parts, -turnaround_ms, -labor_costed, -labor_cost,
                    -parts_costed, -parts_cost, -reviewed, -passed
             from ticket_figures) both_sides
         group by org_id, shop_id, day
         having sum(tickets) <> 0 or sum(labor) <> 0 or sum(parts) <> 0 or sum(turnaround_ms) <> 0
             or sum(labor_costed) <> 0 or sum(labor_cost) <> 0 or sum(parts_costed) <> 0 or sum(parts_cost) <> 0
             or sum(reviewed) <> 0 or sum(passed) <> 0
         order by org_id, shop_id, day limit 1000"
    )
}

/// Across organizations by design, for `doctor`: picked-up tickets with missing or wrong figures, and figures of
/// tickets that are not picked up. Products that would overflow here were capped when recorded.
pub async fn find_wrong_figures(conn: &mut Conn) -> Result<Vec<(OrgId, TicketId)>, sqlx::Error> {
    fetch_all!(
        conn,
        (OrgId, TicketId),
        "select t.org_id, t.id from tickets t
         left join ticket_figures f on f.org_id = t.org_id and f.ticket_id = t.id
         where t.picked_up_at is not null
             and not exists (select 1 from ticket_figures_missing m where m.org_id = t.org_id and m.ticket_id = t.id)
             and (f.ticket_id is null or f.shop_id <> t.shop_id
                  or (t.labor_rate < 100000000 and f.labor <> (t.labor_hours * t.labor_rate + 50) / 100)
                  or (f.parts < 1000000000000000 and f.parts <>
                      (select coalesce(sum(p.quantity * p.unit_cost), 0) from ticket_parts p
                       where p.org_id = t.org_id and p.ticket_id = t.id)))
         union all
         select f.org_id, f.ticket_id from ticket_figures f
         join tickets t on t.org_id = f.org_id and t.id = f.ticket_id
         where t.picked_up_at is null"
    )
}

/// Across organizations by design, for `doctor`: shops whose days have other scores than their tickets' feedback. It
/// compares sums, because the days cannot be recomputed after a shop changes its time zone.
pub async fn find_wrong_scores(conn: &mut Conn) -> Result<Vec<(OrgId, ShopId)>, sqlx::Error> {
    fetch_all!(
        conn,
        (OrgId, ShopId),
        "select org_id, shop_id from (
             select org_id, shop_id, scores, score_sum from kpi_days
             union all
             select f.org_id, t.shop_id, -1, -f.score
             from feedback f join tickets t on t.org_id = f.org_id and t.id = f.ticket_id) both_sides
         group by org_id, shop_id having sum(scores) <> 0 or sum(score_sum) <> 0
         order by org_id, shop_id"
    )
}
