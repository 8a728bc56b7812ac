//! The JSON of figures.

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::kpis::figures::{half_up, ratio};
use crate::kpis::report::Report;
use crate::kpis::store::Day;
use crate::model::excerpt;
use crate::model::invalid::Invalid;
use crate::model::money::Money;

const DAY_MS: i64 = 86_400_000;

/// The values of `metrics`: the fields of a day; `turnaround` is an alias.
pub const METRICS: [&str; 8] = [
    "revenue",
    "throughput",
    "turnaround",
    "avg_turnaround_days",
    "qc_pass_rate",
    "customer_satisfaction",
    "labor_margin",
    "parts_margin",
];

/// The selected fields of a day: one flag for each of `METRICS`, so repeated words cost nothing.
#[derive(Debug)]
pub struct Chosen([bool; METRICS.len()]);

/// A report.
#[derive(Serialize, ToSchema)]
#[schema(as = Kpis)]
pub struct ReportView {
    /// Every day of the period, including days without pickups.
    data: Vec<DayView>,
    summary: SummaryView,
}

/// One day. `metrics` selects the fields; a field without data is `null`.
#[derive(Serialize, ToSchema)]
#[schema(as = KpiDay)]
struct DayView {
    /// The date in the shop's time zone.
    date: NaiveDate,
    /// The labor and parts of the tickets picked up that day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = f64, minimum = 0, extensions(("x-may-be-absent" = json!(true))))]
    revenue: Option<Money>,
    /// The number of tickets picked up that day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = i64, minimum = 0, extensions(("x-may-be-absent" = json!(true))))]
    throughput: Option<i64>,
    /// The mean number of days from intake to pickup of those tickets.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, minimum = 0, extensions(("x-may-be-absent" = json!(true))))]
    avg_turnaround_days: Option<Option<f64>>,
    /// The share of those tickets that passed their first review.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1, extensions(("x-may-be-absent" = json!(true))))]
    qc_pass_rate: Option<Option<f64>>,
    /// The mean of the scores, 1 to 5, that customers gave that day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, minimum = 1, maximum = 5, extensions(("x-may-be-absent" = json!(true))))]
    customer_satisfaction: Option<Option<f64>>,
    /// The labor revenue minus the technicians' hourly cost, as a share of the revenue.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, maximum = 1, extensions(("x-may-be-absent" = json!(true))))]
    labor_margin: Option<Option<f64>>,
    /// The parts revenue minus the shop's cost of the parts, as a share of the revenue.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, maximum = 1, extensions(("x-may-be-absent" = json!(true))))]
    parts_margin: Option<Option<f64>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = KpiSummary)]
struct SummaryView {
    period_start: NaiveDate,
    period_end: NaiveDate,
    total_revenue: Money,
    #[schema(minimum = 0)]
    total_tickets: i64,
    /// `null` if no ticket was picked up.
    avg_ticket_value: Option<Money>,
}

impl Chosen {
    /// Parses comma-separated names; without any, all are selected.
    pub fn parse(text: Option<&str>) -> Result<Chosen, Invalid> {
        let Some(text) = text else { return Ok(Chosen([true; METRICS.len()])) };
        let mut chosen = [false; METRICS.len()];
        for word in text.split(',').map(str::trim) {
            let Some(index) = METRICS.iter().position(|metric| *metric == word) else {
                let word = excerpt::text(word, excerpt::NAME_BYTES_MAX);
                let message =
                    format!("{word:?} is not a metric; expected some of {}", METRICS.join(", "));
                return Err(Invalid::new("metrics", text, message));
            };
            chosen[index] = true;
        }
        Ok(Chosen(chosen))
    }

    fn show<T>(&self, words: &[&str], value: T) -> Option<T> {
        let mut named = METRICS.iter().zip(self.0).filter(|(_, named)| *named);
        named.any(|(metric, _)| words.contains(metric)).then_some(value)
    }
}

pub fn report(report: Report, chosen: &Chosen) -> ReportView {
    let total = &report.total;
    let mean = half_up(i128::from(total.revenue()), total.tickets);
    ReportView {
        summary: SummaryView {
            period_start: report.start,
            period_end: report.end,
            total_revenue: Money(total.revenue()),
            total_tickets: total.tickets,
            avg_ticket_value: mean.map(Money),
        },
        data: report.days.iter().map(|row| day(row, chosen)).collect(),
    }
}

fn day(row: &Day, chosen: &Chosen) -> DayView {
    let Day { day, figures, scores, score_sum } = row;
    let days =
        half_up(i128::from(figures.turnaround_ms) * 100, DAY_MS.saturating_mul(figures.tickets));
    let margin = |price: i64, cost: i64| ratio(price - cost, price, 4);
    DayView {
        date: *day,
        revenue: chosen.show(&["revenue"], Money(figures.revenue())),
        throughput: chosen.show(&["throughput"], figures.tickets),
        avg_turnaround_days: chosen
            .show(&["turnaround", "avg_turnaround_days"], days.map(|days| days as f64 / 100.0)),
        qc_pass_rate: chosen.show(&["qc_pass_rate"], ratio(figures.passed, figures.reviewed, 4)),
        customer_satisfaction: chosen
            .show(&["customer_satisfaction"], ratio(*score_sum, *scores, 2)),
        labor_margin: chosen
            .show(&["labor_margin"], margin(figures.labor_costed, figures.labor_cost)),
        parts_margin: chosen
            .show(&["parts_margin"], margin(figures.parts_costed, figures.parts_cost)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_repeated_is_one_word() {
        let chosen = Chosen::parse(Some(&vec!["revenue"; 8_000].join(", "))).expect("metrics");
        assert_eq!(chosen.0.iter().filter(|named| **named).count(), 1);
        assert_eq!(chosen.show(&["revenue"], 1), Some(1));
        assert_eq!(chosen.show(&["turnaround", "avg_turnaround_days"], 1), None);
        for either in ["turnaround", "avg_turnaround_days"] {
            let chosen = Chosen::parse(Some(either)).expect("metrics");
            assert_eq!(chosen.show(&["turnaround", "avg_turnaround_days"], 1), Some(1));
        }
        let all = Chosen::parse(None).expect("metrics");
        assert_eq!(all.show(&["parts_margin"], 1), Some(1));
        let error = Chosen::parse(Some(&"x".repeat(50_000))).expect_err("no metric");
        assert!(error.message.len() < 400 && error.value.to_string().len() < 1_100);
    }
}
