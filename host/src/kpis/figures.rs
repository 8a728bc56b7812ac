//! The figures that a picked-up ticket adds to its day: integer sums; ratios are computed last.

use std::ops::{AddAssign, Sub};

use chrono::NaiveDate;
use sqlx::FromRow;

use crate::model::money::Money;
use crate::model::ticket::{Part, Ticket, TimelineEntry};
use crate::model::time::Time;

/// Keeps the sums of a day from overflowing: ten trillion per ticket.
const FIGURE_MAX: i64 = 1_000_000_000_000_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Figures {
    pub tickets: i64,
    /// In cents, like all amounts here.
    pub labor: i64,
    pub parts: i64,
    pub turnaround_ms: i64,
    /// Labor with a known cost, and that cost; the same for parts.
    pub labor_costed: i64,
    pub labor_cost: i64,
    pub parts_costed: i64,
    pub parts_cost: i64,
    /// Tickets with a finished first review, and those that passed it.
    pub reviewed: i64,
    pub passed: i64,
}

impl Figures {
    /// The figures of one ticket; all zero unless it is picked up.
    pub fn of(
        ticket: &Ticket,
        parts: &[Part],
        hourly_cost: Option<Money>,
        first_review: Option<bool>,
    ) -> Figures {
        let Some(picked_up_at) = ticket.picked_up_at else { return Figures::default() };
        let bounded = |amount: Money| amount.0.clamp(-FIGURE_MAX, FIGURE_MAX);
        let labor = bounded(ticket.labor_total());
        let costed = || parts.iter().filter_map(|part| Some((part, part.cost_basis?)));
        Figures {
            tickets: 1,
            labor,
            parts: bounded(parts.iter().map(Part::total).sum()),
            turnaround_ms: (picked_up_at - ticket.created_at).num_milliseconds().max(0),
            labor_costed: if hourly_cost.is_some() { labor } else { 0 },
            labor_cost: hourly_cost.map_or(0, |cost| bounded(ticket.labor_hours.at(cost))),
            parts_costed: bounded(costed().map(|(part, _)| part.total()).sum()),
            parts_cost: bounded(costed().map(|(part, cost)| cost.times(part.quantity)).sum()),
            reviewed: i64::from(first_review.is_some()),
            passed: i64::from(first_review == Some(true)),
        }
    }

    pub fn revenue(&self) -> i64 {
        self.labor + self.parts
    }

    fn combine(self, other: Figures, with: impl Fn(i64, i64) -> i64) -> Figures {
        Figures {
            tickets: with(self.tickets, other.tickets),
            labor: with(self.labor, other.labor),
            parts: with(self.parts, other.parts),
            turnaround_ms: with(self.turnaround_ms, other.turnaround_ms),
            labor_costed: with(self.labor_costed, other.labor_costed),
            labor_cost: with(self.labor_cost, other.labor_cost),
            parts_costed: with(self.parts_costed, other.parts_costed),
            parts_cost: with(self.parts_cost, other.parts_cost),
            reviewed: with(self.reviewed, other.reviewed),
            passed: with(self.passed, other.passed),
        }
    }
}

impl Sub for Figures {
    type Output = Figures;
    fn sub(self, other: Figures) -> Figures {
        self.combine(other, |a, b| a - b)
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Figures) {
        *self = self.combine(other, i64::saturating_add);
    }
}

/// Whether the ticket passed its first review; `None` if it never finished one.
pub fn first_review(timeline: &[TimelineEntry]) -> Option<bool> {
    let mut statuses = timeline
        .iter()
        .filter(|entry| entry.kind == "transitioned")
        .map(|entry| entry.status.as_str())
        .skip_while(|status| *status != "QC_REVIEW")
        .skip(1);
    match statuses.next()? {
        "READY_FOR_PICKUP" => Some(true),
        "QC_FAILED" => Some(false),
        _ => None,
    }
}

/// The date in a time zone.
pub fn local_day(time_zone: &str, time: Time) -> NaiveDate {
    let zone = time_zone.parse().unwrap_or(chrono_tz::UTC);
    time.with_timezone::<chrono_tz::Tz>(&zone).date_naive()
}

/// A quotient rounded half up to so many decimals; `None` for a zero denominator.
pub fn ratio(numerator: i64, denominator: i64, decimals: u32) -> Option<f64> {
    let scale = 10_i64.pow(decimals);
    let scaled = half_up(i128::from(numerator) * i128::from(scale), denominator)?;
    Some(scaled as f64 / scale as f64)
}

/// A quotient rounded to an integer, half up.
pub fn half_up(numerator: i128, denominator: i64) -> Option<i64> {
    if denominator <= 0 {
        return None;
    }
    let denominator = i128::from(denominator);
    i64::try_from((2 * numerator + denominator).div_euclid(2 * denominator)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::parse;

    #[test]
    fn quotients_round_half_up_and_need_a_denominator() {
        assert_eq!(ratio(1, 3, 4), Some(0.3333));
        assert_eq!(ratio(1, 8, 2), Some(0.13));
        assert_eq!(ratio(-1, 8, 2), Some(-0.12));
        assert_eq!(ratio(19, 20, 4), Some(0.95));
        assert_eq!(ratio(0, 5, 2), Some(0.0));
        assert_eq!(ratio(5, 0, 2), None);
        assert_eq!(half_up(i128::from(i64::MAX) * 2, 2), Some(i64::MAX));
    }

    #[test]
    fn days_are_those_of_the_zone() {
        let day = |zone, time: &str| local_day(zone, parse(time).expect("a time")).to_string();
        assert_eq!(day("America/Chicago", "2026-03-08T05:59:59Z"), "2026-03-07");
        assert_eq!(day("America/Chicago", "2026-03-08T06:00:00Z"), "2026-03-08");
        // Daylight saving time began that night: from then on, midnight is an hour earlier in UTC.
        assert_eq!(day("America/Chicago", "2026-03-09T04:59:59Z"), "2026-03-08");
        assert_eq!(day("America/Chicago", "2026-03-09T05:00:00Z"), "2026-03-09");
        assert_eq!(day("Pacific/Auckland", "2026-03-08T11:00:00Z"), "2026-03-09");
    }
}
