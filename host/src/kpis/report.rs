//! Reads the figures of a period: each day and the sum.

use chrono::{Days, NaiveDate};

use crate::app::App;
use crate::error::OperationError;
use crate::kpis::figures::{Figures, local_day};
use crate::kpis::store::{self, Day};
use crate::model::ids::{OrgId, ShopId};
use crate::model::invalid::Invalid;
use crate::shops;

pub const DAYS_DEFAULT: u64 = 30;
pub const DAYS_MAX: i64 = 1_100;

/// The parameters of a report.
#[derive(Debug, Default)]
pub struct Period {
    pub shop_id: Option<ShopId>,
    pub start: Option<NaiveDate>,
    pub end: Option<NaiveDate>,
}

#[derive(Debug)]
pub struct Report {
    pub start: NaiveDate,
    pub end: NaiveDate,
    /// Every day of the period, in order.
    pub days: Vec<Day>,
    pub total: Figures,
}

pub async fn report(app: &App, org: OrgId, period: &Period) -> Result<Report, OperationError> {
    let mut conn = app.db.read().await?;
    let zones = match period.shop_id {
        Some(shop) => shops::store::get(&mut conn, org, shop)
            .await?
            .into_iter()
            .map(|shop| shop.time_zone)
            .collect(),
        None => shops::store::time_zones(&mut conn, org).await?,
    };
    // Without a shop, today is the latest local date, so that no shop's figures are left out.
    let now = app.clock.now();
    let today = zones.iter().map(|zone| local_day(zone, now)).max();
    let (start, end) = bounds(period, today.unwrap_or_else(|| now.date_naive()))?;
    let known = store::days(&mut conn, org, period.shop_id, start, end).await?;
    let mut total = Figures::default();
    known.iter().for_each(|day| total += day.figures);
    Ok(Report { start, end, days: fill(start, end, known), total })
}

fn bounds(period: &Period, today: NaiveDate) -> Result<(NaiveDate, NaiveDate), Invalid> {
    let end = period.end.unwrap_or_else(|| period.start.map_or(today, |start| start.max(today)));
    let default = end.checked_sub_days(Days::new(DAYS_DEFAULT - 1)).unwrap_or(end);
    let start = period.start.unwrap_or(default);
    let days = (end - start).num_days() + 1;
    if days < 1 {
        let message = format!("end_date must not be before start_date, which is {start}");
        return Err(Invalid::new("end_date", end, message));
    }
    if days > DAYS_MAX {
        let message =
            format!("from start_date to end_date are {days} days; at most {DAYS_MAX} are allowed");
        return Err(Invalid::new("start_date", start, message));
    }
    Ok((start, end))
}

/// Adds the days without figures.
fn fill(start: NaiveDate, end: NaiveDate, known: Vec<Day>) -> Vec<Day> {
    let mut known = known.into_iter().peekable();
    start
        .iter_days()
        .take_while(|day| *day <= end)
        .map(|day| {
            let found = known.next_if(|row| row.day == day);
            found.unwrap_or(Day { day, figures: Figures::default(), scores: 0, score_sum: 0 })
        })
        .collect()
}
