//! The API beside bare handlers: requests a second and p99 of list, get, create and transition, over real
//! sockets, each beside an axum handler that runs the same queries (list and get: the very same; create and transition: those
//! that anyone would write) on the same pool, without keys, scopes, request ids, metrics, plugins, counters or idempotency.
//! On SQLite, and on PostgreSQL when `REPAIROPS_BENCH_POSTGRES` names a database. Both sides take turns in one run.
//!
//! `cargo bench --bench api`

#[path = "api/bare.rs"]
mod bare;
#[path = "api/wire.rs"]
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use repairops::config::{Config, DatabaseConfig};
use repairops::keys::create::NewKey;
use repairops::model::ids::OrgId;
use repairops::model::people::Scope;
use repairops::{App, keys, organizations};
use serde_json::{Value, json};
use wire::Wire;

const CONNECTIONS: usize = 8;
const ROUNDS: usize = 6;
const ROUND: Duration = Duration::from_millis(1_500);
const TICKETS: usize = 2_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut databases =
        vec![("SQLite", format!("sqlite:{}", folder.path().join("a.db").display()))];
    if let Ok(url) = std::env::var("REPAIROPS_BENCH_POSTGRES") {
        databases.push(("PostgreSQL", url));
    }
    for (name, url) in databases {
        let mut config =
            Config { database: DatabaseConfig { url }, ..Config::new(folder.path().join(name)) };
        config.limits.rate_limits = "off".parse().map_err(anyhow::Error::msg)?;
        measure(name, App::start(config).await?).await?;
    }
    Ok(())
}

/// Both servers, and what to ask them for.
struct Bench {
    api: String,
    bare: String,
    key: String,
    shop: String,
    tickets: Vec<String>,
    next: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Side {
    Api,
    Bare,
}

#[derive(Clone, Copy)]
enum Operation {
    List,
    Get,
    Create,
    Transition,
}

async fn measure(database: &str, app: App) -> anyhow::Result<()> {
    let bench = Arc::new(prepare(app).await?);
    println!(
        "\n| {database} | API requests/s | bare requests/s | API to bare | API p99 µs | bare p99 µs |"
    );
    println!("|---|---|---|---|---|---|");
    let operations = [
        ("list", Operation::List),
        ("get", Operation::Get),
        ("create", Operation::Create),
        ("transition", Operation::Transition),
    ];
    for (name, operation) in operations {
        let (mut api, mut bare) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            // The first round warms up; who begins changes every round.
            let mut sides = [(Side::Api, &mut api), (Side::Bare, &mut bare)];
            if round % 2 == 1 {
                sides.reverse();
            }
            for (side, times) in sides {
                let measured = self::round(&bench, operation, side).await?;
                if round > 0 {
                    times.extend(measured);
                }
            }
        }
        let seconds = ROUND.as_secs_f64() * (ROUNDS - 1) as f64;
        let (api_rate, bare_rate) = (api.len() as f64 / seconds, bare.len() as f64 / seconds);
        println!(
            "| {name} | {api_rate:.0} | {bare_rate:.0} | {:.2} | {:.0} | {:.0} |",
            api_rate / bare_rate,
            p99(&mut api),
            p99(&mut bare)
        );
    }
    Ok(())
}

fn p99(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() * 99 / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

async fn prepare(app: App) -> anyhow::Result<Bench> {
    let org: OrgId = app.clock.new_id();
    let mut tx = app.db.begin().await?;
    organizations::store::insert(&mut tx, org, "Bench", "enterprise", app.clock.now()).await?;
    tx.commit().await?;
    let new = NewKey::new("bench", Scope::Admin);
    let key = keys::create::create(&app.db, &app.clock, org, new).await?.text;
    let api = wire::serve(&app).await?;
    let bare = bare::serve(app, org).await?;
    let mut wire = Wire::connect(&api).await?;
    let made = wire.send("POST", "/v1/shops", &key, Some(&json!({ "name": "Bench" }))).await?;
    let shop = text(&made, "id")?;
    let mut tickets = Vec::new();
    for number in 0..TICKETS {
        let made = wire.send("POST", "/v1/tickets", &key, Some(&ticket(&shop, number))).await?;
        let id = text(&made, "id")?;
        let (method, path, body) = transition(&id, "TRIAGE");
        wire.send(method, &path, &key, body.as_ref()).await?;
        tickets.push(id);
    }
    Ok(Bench { api, bare, key, shop, tickets, next: AtomicUsize::new(0) })
}

fn text(body: &Value, field: &str) -> anyhow::Result<String> {
    Ok(body[field].as_str().with_context(|| format!("no {field} in {body}"))?.to_owned())
}

/// One of a hundred customers brings a device.
fn ticket(shop: &str, number: usize) -> Value {
    json!({
        "shop_id": shop,
        "customer": { "name": "Jane Smith", "email": format!("jane{}@example.com", number % 100) },
        "device_identifier": "MacBook Pro 16\"",
        "issue_description": "Won't turn on, possible liquid damage",
        "device_category": "laptop",
    })
}

async fn round(
    bench: &Arc<Bench>,
    operation: Operation,
    side: Side,
) -> anyhow::Result<Vec<Duration>> {
    let end = Instant::now() + ROUND;
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|client| tokio::spawn(ask(bench.clone(), operation, side, client, end)))
        .collect();
    let mut times = Vec::new();
    for client in clients {
        times.extend(client.await??);
    }
    Ok(times)
}

async fn ask(
    bench: Arc<Bench>,
    operation: Operation,
    side: Side,
    client: usize,
    end: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let base = match side {
        Side::Api => &bench.api,
        Side::Bare => &bench.bare,
    };
    let mut wire = Wire::connect(base).await?;
    let mut times = Vec::new();
    // Each client has tickets of its own, so that transitions do not meet.
    let mine: Vec<&String> = bench.tickets.iter().skip(client).step_by(CONNECTIONS).collect();
    for turn in 0.. {
        if Instant::now() >= end {
            break;
        }
        for (method, path, body) in requests(&bench, operation, mine[turn % mine.len()]) {
            let started = Instant::now();
            wire.send(method, &path, &bench.key, body.as_ref()).await?;
            times.push(started.elapsed());
        }
    }
    Ok(times)
}

type Asked = (&'static str, String, Option<Value>);

/// A transition is followed by its way back, so that every round finds every ticket in the same status.
fn requests(bench: &Bench, operation: Operation, id: &str) -> Vec<Asked> {
    match operation {
        Operation::List => vec![("GET", "/v1/tickets?limit=50".to_owned(), None)],
        Operation::Get => vec![("GET", format!("/v1/tickets/{id}"), None)],
        Operation::Create => {
            let number = bench.next.fetch_add(1, Ordering::Relaxed);
            vec![("POST", "/v1/tickets".to_owned(), Some(ticket(&bench.shop, number)))]
        }
        Operation::Transition => {
            ["DIAGNOSTICS", "TRIAGE"].map(|status| transition(id, status)).into()
        }
    }
}

fn transition(id: &str, status: &str) -> Asked {
    ("POST", format!("/v1/tickets/{id}/transition"), Some(json!({ "new_status": status })))
}
