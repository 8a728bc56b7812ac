//! `GET /v1/kpis`: the daily figures and their totals.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use repairops::doctor;
use serde_json::Value;

use crate::support::builders::merged;
use crate::support::reply::keys;
use crate::support::shape::assert_shape;
use crate::support::{TestApp, both_databases, json};

both_databases![
    a_day_and_the_summary_have_the_documented_fields,
    figures_are_those_of_the_tickets_in_both_shops,
    a_ticket_that_changes_after_pickup_moves_its_day,
    what_has_no_data_is_null,
    metrics_choose_the_fields,
    the_period_is_checked,
    scores_count_on_their_day,
    the_doctor_finds_wrong_figures,
    tickets_from_before_get_their_figures,
];

const LAST_STEPS: [&str; 2] = ["READY_FOR_PICKUP", "PICKED_UP"];

/// Waits, by the test's clock, until then.
fn advance_to(t: &TestApp, time: &str) {
    let time: DateTime<Utc> = time.parse().expect("a time");
    t.app.clock.advance((time - *t.app.clock.now()).to_std().expect("a time that is to come"));
}

async fn shop_in(t: &TestApp, zone: &str) -> String {
    t.post("/v1/shops", json!({ "name": zone, "time_zone": zone })).await.id()
}

async fn technician(t: &TestApp, name: &str, hourly_cost: Value) -> String {
    let email = format!("{name}@example.com");
    let body =
        json!({ "name": name, "email": email, "role": "technician", "hourly_cost": hourly_cost });
    t.post("/v1/users", body).await.id()
}

/// Ready for its first review.
async fn in_review(t: &TestApp, shop: &str, change: Value) -> String {
    let ticket = t.create_ticket_in(shop, "DIAGNOSTICS").await;
    t.change(&ticket, change).await.ok();
    for step in ["IN_REPAIR", "QC_REVIEW"] {
        t.transition(&ticket, step).await.ok();
    }
    ticket
}

async fn pick_up(t: &TestApp, shop: &str, change: Value) -> String {
    let ticket = in_review(t, shop, change).await;
    for step in LAST_STEPS {
        t.transition(&ticket, step).await.ok();
    }
    ticket
}

async fn kpis(t: &TestApp, query: &str) -> Value {
    t.reader.get(&format!("/v1/kpis?{query}")).await.ok()
}

/// The only day of a report.
async fn day(t: &TestApp, query: &str) -> Value {
    let report = kpis(t, query).await;
    let days = report["data"].as_array().expect("days");
    assert_eq!(days.len(), 1, "{report:#}");
    days[0].clone()
}

async fn a_day_and_the_summary_have_the_documented_fields(t: &TestApp) {
    let alice = technician(t, "alice", json!(25)).await;
    let item = t.create_item(&t.shop, "SCREEN", 5).await;
    let parts = json!([{ "inventory_id": item, "quantity": 2 }]);
    let change =
        json!({ "assigned_to": alice, "labor_hours": 1.5, "labor_rate": 65, "parts": parts });
    pick_up(t, &t.shop, change).await;
    let today = t.app.clock.now().date_naive().to_string();
    let report = kpis(t, "").await;
    assert_eq!(keys(&report), ["data", "summary"]);
    let days = report["data"].as_array().expect("days");
    assert_eq!(days.len(), 30, "the last 30 days");
    assert_shape(
        &days[29],
        &json!({
            "date": format!("={today}"), "revenue": "number", "throughput": "integer", "avg_turnaround_days": "number",
            "qc_pass_rate": "number", "customer_satisfaction": "null", "labor_margin": "number", "parts_margin": "number",
        }),
    );
    let expected = json!({
        "date": today, "revenue": 417.5, "throughput": 1, "avg_turnaround_days": 0.0, "qc_pass_rate": 1.0,
        "customer_satisfaction": null, "labor_margin": 0.6154, "parts_margin": 0.5,
    });
    assert_eq!(days[29], expected, "97.50 of labor that cost 37.50, 320 of parts that cost 160");
    let summary = json!({
        "period_start": days[0]["date"], "period_end": today, "total_revenue": 417.5, "total_tickets": 1,
        "avg_ticket_value": 417.5,
    });
    assert_eq!(report["summary"], summary);
    let theirs = t.stranger().await.get("/v1/kpis").await.ok();
    assert_eq!(theirs["summary"]["total_tickets"], 0, "figures are an organization's own");
    let elsewhere = t.stranger().await;
    let theirs = elsewhere.get(&format!("/v1/kpis?shop_id={}", t.shop)).await.ok();
    assert_eq!(theirs["summary"]["total_tickets"], 0);
}

/// What the figures of a day should be, added up from the tickets' details.
#[derive(Default)]
struct Sums {
    revenue: f64,
    tickets: i64,
    days: f64,
    passed: i64,
}

async fn figures_are_those_of_the_tickets_in_both_shops(t: &TestApp) {
    let zones = ["America/Chicago", "Pacific/Auckland"];
    let shops = [shop_in(t, zones[0]).await, shop_in(t, zones[1]).await];
    // Around midnight in both zones, and around the nights when their clocks change (8 March and 5 April 2026 in
    // UTC); the tests' clock only goes forward.
    let year = t.app.clock.now().format("%Y").to_string().parse::<i32>().expect("a year") + 1;
    let spring = second_sunday_of_march(year);
    let moments = [
        format!("{spring}T05:59:40Z"),
        format!("{spring}T06:00:10Z"),
        format!("{spring}T10:59:40Z"),
        format!("{spring}T11:00:10Z"),
        format!("{}T04:59:40Z", spring + chrono::Days::new(1)),
        format!("{}T05:00:10Z", spring + chrono::Days::new(1)),
    ];
    let mut expected: BTreeMap<(usize, NaiveDate), Sums> = BTreeMap::new();
    for (round, moment) in moments.iter().enumerate() {
        let mut ready = Vec::new();
        for (index, shop) in shops.iter().enumerate() {
            for number in 0..2 {
                let parts = json!([{ "name": "Fan", "quantity": number + 1, "unit_cost": 9.99 }]);
                let labor = json!({ "labor_hours": 0.33 * (round + 1) as f64, "labor_rate": 0.5, "parts": parts });
                let ticket = in_review(t, shop, rounded(labor)).await;
                if number == 1 && round % 2 == 0 {
                    for step in ["QC_FAILED", "IN_REPAIR", "QC_REVIEW"] {
                        t.transition(&ticket, step).await.ok();
                    }
                }
                t.transition(&ticket, "READY_FOR_PICKUP").await.ok();
                ready.push((index, ticket));
            }
        }
        advance_to(t, moment);
        for (_, ticket) in &ready {
            t.transition(ticket, "PICKED_UP").await.ok();
        }
        for (index, ticket) in ready {
            let detail = t.ticket(&ticket).await;
            add(&mut expected, index, zones[index], &detail);
        }
    }
    let (start, end) = (spring - chrono::Days::new(2), spring + chrono::Days::new(2));
    let period = format!("start_date={start}&end_date={end}");
    let mut all: BTreeMap<String, (i64, f64)> = BTreeMap::new();
    for (index, shop) in shops.iter().enumerate() {
        let report = kpis(t, &format!("shop_id={shop}&{period}")).await;
        let days = report["data"].as_array().expect("days");
        assert_eq!(days.len(), 5);
        for found in days {
            let date = found["date"].as_str().expect("a date");
            let sums = expected.remove(&(index, date.parse().expect("a date"))).unwrap_or_default();
            assert_eq!(found["throughput"], sums.tickets, "{} {found}", zones[index]);
            assert_close(&found["revenue"], sums.revenue, found);
            let of_all = all.entry(date.to_owned()).or_default();
            *of_all = (of_all.0 + sums.tickets, of_all.1 + sums.revenue);
            if sums.tickets > 0 {
                assert_close(&found["avg_turnaround_days"], sums.days / sums.tickets as f64, found);
                assert_close(
                    &found["qc_pass_rate"],
                    sums.passed as f64 / sums.tickets as f64,
                    found,
                );
            }
        }
    }
    assert!(expected.is_empty(), "tickets on days that were not asked for");
    let report = kpis(t, &period).await;
    for found in report["data"].as_array().expect("days") {
        let sums = all[found["date"].as_str().expect("a date")];
        assert_eq!(found["throughput"], sums.0, "each shop by its own day");
        assert_close(&found["revenue"], sums.1, found);
    }
    let total: f64 = all.values().map(|sums| sums.1).sum();
    assert_eq!(report["summary"]["total_tickets"], 24);
    assert_close(&report["summary"]["total_revenue"], total, &report["summary"]);
    assert_close(&report["summary"]["avg_ticket_value"], total / 24.0, &report["summary"]);
}

fn second_sunday_of_march(year: i32) -> NaiveDate {
    NaiveDate::from_weekday_of_month_opt(year, 3, chrono::Weekday::Sun, 2).expect("a Sunday")
}

/// Hours to two decimals, as the API takes them.
fn rounded(mut change: Value) -> Value {
    let hours = change["labor_hours"].as_f64().expect("hours");
    change["labor_hours"] = json!((hours * 100.0).round() / 100.0);
    change
}

/// By the ticket's own detail: when it was picked up says its timeline, what it cost its total.
fn add(expected: &mut BTreeMap<(usize, NaiveDate), Sums>, shop: usize, zone: &str, ticket: &Value) {
    let timeline = ticket["timeline"].as_array().expect("a timeline");
    let time = |entry: &Value| {
        entry["timestamp"].as_str().expect("a time").parse::<DateTime<Utc>>().expect("a time")
    };
    let at = |status: &str| timeline.iter().find(|entry| entry["status"] == status);
    let picked_up = time(at("PICKED_UP").expect("a pickup"));
    let zone: chrono_tz::Tz = zone.parse().expect("a zone");
    let sums = expected.entry((shop, picked_up.with_timezone(&zone).date_naive())).or_default();
    sums.tickets += 1;
    sums.revenue += ticket["total_cost"].as_f64().expect("a total");
    sums.days += (picked_up - time(&timeline[0])).as_seconds_f64() / 86_400.0;
    sums.passed += i64::from(at("QC_FAILED").is_none());
}

#[track_caller]
fn assert_close(found: &Value, expected: f64, context: &Value) {
    let found = found.as_f64().expect("a number");
    assert!((found - expected).abs() <= 0.005_001, "{found} is not {expected}: {context}");
}

async fn a_ticket_that_changes_after_pickup_moves_its_day(t: &TestApp) {
    let alice = technician(t, "alice", json!(20)).await;
    let change = json!({ "assigned_to": alice, "labor_hours": 1, "labor_rate": 50 });
    let ticket = pick_up(t, &t.shop, change).await;
    let date = t.app.clock.now().date_naive();
    t.app.clock.advance(Duration::from_secs(3 * 86_400));
    let query = format!("start_date={date}&end_date={date}");
    let bob = technician(t, "bob", json!(40)).await;
    t.change(&ticket, json!({ "labor_hours": 2, "assigned_to": bob })).await.ok();
    let found = day(t, &query).await;
    assert_eq!((&found["revenue"], &found["throughput"]), (&json!(100.0), &json!(1)));
    assert_eq!(found["labor_margin"], 0.6, "who was assigned at pickup, at what they cost then");
    t.transition(&ticket, "CLOSED").await.ok();
    assert_eq!(day(t, &query).await, found);
    let today = t.app.clock.now().date_naive();
    let later = day(t, &format!("start_date={today}&end_date={today}")).await;
    assert_eq!((&later["revenue"], &later["throughput"]), (&json!(0.0), &json!(0)));
}

async fn what_has_no_data_is_null(t: &TestApp) {
    let nothing = json!({
        "revenue": 0.0, "throughput": 0, "avg_turnaround_days": null, "qc_pass_rate": null, "customer_satisfaction": null,
        "labor_margin": null, "parts_margin": null,
    });
    let found = day(t, "start_date=2020-02-29&end_date=2020-02-29").await;
    assert_eq!(found, merged(nothing, json!({ "date": "2020-02-29" })));
    let report = kpis(t, "start_date=2020-02-28&end_date=2020-03-01").await;
    assert_eq!(report["data"].as_array().map(Vec::len), Some(3));
    assert_eq!(report["summary"]["avg_ticket_value"], Value::Null);
    assert_eq!(report["summary"]["total_revenue"], 0.0);
    // Labor without a technician and a part that nobody knows the price of: revenue, but no margin.
    let parts = json!([{ "name": "Fan", "quantity": 1, "unit_cost": 10 }]);
    pick_up(t, &t.shop, json!({ "labor_hours": 1, "labor_rate": 50, "parts": parts })).await;
    let today = t.app.clock.now().date_naive();
    let found = day(t, &format!("start_date={today}&end_date={today}")).await;
    assert_eq!(
        (&found["revenue"], &found["labor_margin"], &found["parts_margin"]),
        (&json!(60.0), &Value::Null, &Value::Null)
    );
}

async fn metrics_choose_the_fields(t: &TestApp) {
    let period = "start_date=2026-01-01&end_date=2026-01-01";
    let chosen = async |metrics: &str| {
        let found = day(t, &format!("{period}&metrics={metrics}")).await;
        keys(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        chosen("revenue,throughput,turnaround").await,
        ["avg_turnaround_days", "date", "revenue", "throughput"]
    );
    assert_eq!(chosen("avg_turnaround_days").await, ["avg_turnaround_days", "date"]);
    assert_eq!(
        chosen("parts_margin%2Clabor_margin").await,
        ["date", "labor_margin", "parts_margin"]
    );
    let report = kpis(t, &format!("{period}&metrics=qc_pass_rate")).await;
    assert_eq!(report["summary"]["total_tickets"], 0, "the summary stays");
    for metrics in ["", "profit", "revenue,", "revenue;throughput"] {
        let reply = t.get(&format!("/v1/kpis?{period}&metrics={metrics}")).await;
        assert_eq!(reply.invalid("metrics"), metrics);
    }
}

async fn the_period_is_checked(t: &TestApp) {
    let refused = async |query: &str, field: &str| {
        t.get(&format!("/v1/kpis?{query}")).await.invalid(field);
    };
    refused("start_date=2026-02-01&end_date=2026-01-31", "end_date").await;
    refused("start_date=2020-01-01&end_date=2026-01-31", "start_date").await;
    refused("start_date=2020-01-01", "start_date").await;
    for date in ["2026-02-30", "2026-1-1", "2026-01-01T00:00:00Z", "%2B12026-01-01", "0000-01-01"] {
        refused(&format!("start_date={date}"), "start_date").await;
        refused(&format!("end_date={date}"), "end_date").await;
    }
    refused("shop_id=elm", "shop_id").await;
    refused("date=2026-01-01", "date").await;
    let report = kpis(t, "end_date=2026-03-01").await;
    assert_eq!(report["summary"]["period_start"], "2026-01-31", "30 days");
    let report = kpis(t, "start_date=9000-01-01").await;
    assert_eq!(report["summary"]["period_end"], "9000-01-01");
    kpis(t, "end_date=0001-01-01").await;
    kpis(t, "end_date=9999-12-31").await;
    // A shop's today is its own.
    let auckland = shop_in(t, "Pacific/Auckland").await;
    let next_noon = (t.app.clock.now() + chrono::Days::new(1)).date_naive();
    advance_to(t, &format!("{next_noon}T12:30:00Z"));
    let report = kpis(t, &format!("shop_id={auckland}")).await;
    let tomorrow = (next_noon + chrono::Days::new(1)).to_string();
    assert_eq!(report["summary"]["period_end"], tomorrow);
    let report = kpis(t, &format!("shop_id={}", t.shop)).await;
    assert_eq!(report["summary"]["period_end"], next_noon.to_string());
    assert_eq!(kpis(t, "").await["summary"]["period_end"], tomorrow, "of all shops the furthest");
}

async fn scores_count_on_their_day(t: &TestApp) {
    let ticket = pick_up(t, &t.shop, json!({})).await;
    let today = t.app.clock.now().date_naive();
    let on = async |date: NaiveDate| {
        day(t, &format!("start_date={date}&end_date={date}")).await["customer_satisfaction"].clone()
    };
    assert_eq!(on(today).await, Value::Null);
    let give = async |ticket: &str, score: i64| {
        t.post(&format!("/v1/tickets/{ticket}/feedback"), json!({ "score": score })).await.ok();
    };
    give(&ticket, 3).await;
    assert_eq!(on(today).await, 3.0);
    let others = [pick_up(t, &t.shop, json!({})).await, pick_up(t, &t.shop, json!({})).await];
    t.app.clock.advance(Duration::from_secs(86_400));
    give(&others[0], 5).await;
    give(&others[1], 4).await;
    assert_eq!(on(today + chrono::Days::new(1)).await, 4.5, "of the day that they were given");
    assert_eq!(on(today).await, 3.0);
}

async fn the_doctor_finds_wrong_figures(t: &TestApp) {
    pick_up(t, &t.shop, json!({ "labor_hours": 1, "labor_rate": 50 })).await;
    let found = async || {
        let problems = doctor::examine(&t.app.db, &t.app.secrets).await.expect("an examination");
        problems.into_iter().map(|problem| problem.problem).collect::<Vec<_>>()
    };
    let execute = async |sql: &'static str| {
        let mut tx = t.app.db.begin().await.expect("a transaction");
        assert_eq!(repairops::execute!(tx, sql).expect("a statement"), 1, "{sql}");
        tx.commit().await.expect("a commit");
    };
    assert_eq!(found().await, [""; 0]);
    execute("update kpi_days set labor = labor + 1").await;
    assert!(found().await.len() == 1 && found().await[0].contains("not the sum"));
    execute("update kpi_days set labor = labor - 1").await;
    execute("update tickets set labor_hours = labor_hours + 1").await;
    assert!(found().await.len() == 1 && found().await[0].contains("do not match the ticket"));
    execute("update tickets set labor_hours = labor_hours - 1").await;
    execute("update tickets set picked_up_at = null").await;
    assert_eq!(found().await.len(), 1);
    execute("update tickets set picked_up_at = updated_at").await;
}

async fn tickets_from_before_get_their_figures(t: &TestApp) {
    let parts = json!([{ "name": "Fan", "quantity": 1, "unit_cost": 10 }]);
    pick_up(t, &t.shop, json!({ "labor_hours": 1, "labor_rate": 50, "parts": parts })).await;
    let today = t.app.clock.now().date_naive();
    let query = format!("start_date={today}&end_date={today}");
    let before = day(t, &query).await;
    let mut tx = t.app.db.begin().await.expect("a transaction");
    for sql in [
        "delete from ticket_figures",
        "delete from kpi_days",
        "insert into ticket_figures_missing (org_id, ticket_id) select org_id, id from tickets",
    ] {
        repairops::execute!(tx, sql).expect("a statement");
    }
    tx.commit().await.expect("a commit");
    assert_eq!(day(t, &query).await["throughput"], 0);
    let node = t.node(|_| {}).await;
    assert_eq!(node.admin.get(&format!("/v1/kpis?{query}")).await.ok()["data"][0], before);
}
