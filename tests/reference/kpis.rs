//! "Get KPI Snapshots".

use crate::support::{TestApp, both_databases, json};

use super::{Server, World};

both_databases![snapshots, metrics_are_chosen];

/// The reference has a second `?` in the middle of its query, a misprint for `&`.
const REQUEST: &str = "GET /kpis ?shop_id=uuid &start_date=2026-01-01 &end_date=2026-02-28";

/// The sample's day with everything in it: a ticket with labor and parts of known cost, a first review and a score.
async fn picked_up(t: &TestApp) -> (World, String) {
    let world = World::make(t).await;
    t.patch(&format!("/v1/users/{}", world.technician), json!({ "hourly_cost": 40 })).await.ok();
    world.move_on(t, &["QC_REVIEW", "READY_FOR_PICKUP", "PICKED_UP"]).await;
    let score = json!({ "score": 5 });
    t.post(&format!("/v1/tickets/{}/feedback", world.ticket), score).await.ok();
    let detail = t.ticket(&world.ticket).await;
    let entry = detail["timeline"]
        .as_array()
        .and_then(|entries| entries.iter().find(|entry| entry["status"] == "PICKED_UP"));
    let time = entry.and_then(|entry| entry["timestamp"].as_str()).expect("a pickup");
    (world, time[..10].to_owned())
}

async fn snapshots(t: &TestApp) {
    let (world, day) = picked_up(t).await;
    let server = Server::start(t).await;
    let documented = json!({
        "data": [{
            "date": "2026-02-20", "revenue": 3450.00, "throughput": 12, "avg_turnaround_days": 2.3, "qc_pass_rate": 0.95,
            "customer_satisfaction": 4.7, "labor_margin": 0.35, "parts_margin": 0.48
        }],
        "summary": {
            "period_start": "2026-01-01", "period_end": "2026-02-28", "total_revenue": 67500.00, "total_tickets": 245,
            "avg_ticket_value": 275.51
        }
    });
    // Another shop has other figures than the sample's; names and types are the same.
    let names =
        ["revenue", "throughput", "avg_turnaround_days", "qc_pass_rate", "customer_satisfaction"];
    let mut except: Vec<String> = names.iter().map(|name| format!("data[].{name}")).collect();
    for name in ["data[].labor_margin", "data[].parts_margin", "summary.total_revenue"] {
        except.push(name.to_owned());
    }
    except.extend(["summary.total_tickets", "summary.avg_ticket_value"].map(str::to_owned));
    let except: Vec<&str> = except.iter().map(String::as_str).collect();
    let shop = format!("shop_id={}", world.shop);
    let ids = [("shop_id=uuid", shop.as_str()), ("2026-01-01", &day), ("2026-02-28", &day)];
    let body = server.request(REQUEST, &ids).await.documented(200, documented, &except);
    assert_eq!(body["data"][0]["date"], day.as_str());
    assert_eq!(body["data"][0]["revenue"], 257.5, "1.5 hours at 65, two parts of 80");
    assert_eq!(body["summary"]["total_tickets"], 1);
}

async fn metrics_are_chosen(t: &TestApp) {
    let (world, day) = picked_up(t).await;
    let server = Server::start(t).await;
    let request = format!("{REQUEST} &metrics=revenue,throughput,turnaround");
    let shop = format!("shop_id={}", world.shop);
    let ids = [("shop_id=uuid", shop.as_str()), ("2026-01-01", &day), ("2026-02-28", &day)];
    let body = server.request(&request, &ids).await.body;
    let fields: Vec<&String> = body["data"][0].as_object().expect("a day").keys().collect();
    assert_eq!(fields, ["avg_turnaround_days", "date", "revenue", "throughput"]);
}
