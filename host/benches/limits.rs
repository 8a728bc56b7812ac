//! What rate limits and idempotency cost: requests a second of a get without limits and with them (all clients with one
//! key, each with its own), and of a creation without an Idempotency-Key and with one, over real sockets, all taking
//! turns in one run. On SQLite, and on PostgreSQL when `REPAIROPS_BENCH_POSTGRES` names a database.
//!
//! `cargo bench -p repairops -- limits`

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use repairops::config::{Config, DatabaseConfig};
use repairops::keys::create::NewKey;
use repairops::model::ids::OrgId;
use repairops::model::people::Scope;
use repairops::rate_limits::flush;
use repairops::{App, keys, organizations};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::wire::{self, Wire};

const CONNECTIONS: usize = 8;
const ROUNDS: usize = 6;
const ROUND: Duration = Duration::from_millis(1_500);
const NO_END: &str = "read=4000000000,write=4000000000,admin=4000000000";

#[derive(Clone, Copy)]
enum Way {
    GetUnlimited,
    GetOneKey,
    GetManyKeys,
    Create,
    CreateKeyed,
}

const WAYS: [(&str, Way); 5] = [
    ("get, limits off", Way::GetUnlimited),
    ("get, one key for all clients", Way::GetOneKey),
    ("get, a key for each client", Way::GetManyKeys),
    ("create, limits off", Way::Create),
    ("create, limits off, Idempotency-Key", Way::CreateKeyed),
];

struct Bench {
    unlimited: String,
    limited: String,
    keys: Vec<String>,
    shop: String,
    ticket: String,
    next: AtomicUsize,
    _stop: DropGuard,
}

pub async fn run() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let sqlite = format!("sqlite:{}", folder.path().join("a.db").display());
    measure("SQLite", &sqlite, folder.path()).await?;
    if let Ok(url) = std::env::var("REPAIROPS_BENCH_POSTGRES") {
        measure("PostgreSQL", &url, folder.path()).await?;
    }
    Ok(())
}

async fn measure(database: &str, url: &str, folder: &Path) -> anyhow::Result<()> {
    let bench = Arc::new(prepare(database, url, folder).await?);
    let mut times: [Vec<Duration>; WAYS.len()] = Default::default();
    for round in 0..ROUNDS {
        for (way, times) in WAYS.iter().map(|(_, way)| *way).zip(&mut times) {
            let clients =
                (0..CONNECTIONS).map(|client| tokio::spawn(ask(bench.clone(), way, client)));
            for client in clients.collect::<Vec<_>>() {
                let measured = client.await??;
                // The first round warms up.
                if round > 0 {
                    times.extend(measured);
                }
            }
        }
    }
    println!("\n| {database} | requests/s | p50 µs | p99 µs |\n|---|---|---|---|");
    for ((name, _), times) in WAYS.iter().zip(&mut times) {
        times.sort_unstable();
        let at = |share: usize| {
            times.get(times.len() * share / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6)
        };
        let rate = times.len() as f64 / (ROUND.as_secs_f64() * (ROUNDS - 1) as f64);
        println!("| {name} | {rate:.0} | {:.0} | {:.0} |", at(50), at(99));
    }
    Ok(())
}

async fn start(url: &str, data: &Path, rates: &str) -> anyhow::Result<App> {
    let database = DatabaseConfig { url: url.to_owned(), ..DatabaseConfig::default() };
    let mut config = Config { database, ..Config::new(data.to_owned()) };
    config.limits.rate_limits = rates.parse().map_err(anyhow::Error::msg)?;
    App::start(config).await
}

async fn prepare(database: &str, url: &str, folder: &Path) -> anyhow::Result<Bench> {
    let unlimited = start(url, &folder.join(format!("{database} off")), "off").await?;
    let limited = start(url, &folder.join(format!("{database} on")), NO_END).await?;
    let app = limited.clone();
    let org: OrgId = app.clock.new_id();
    let mut tx = app.db.begin().await?;
    organizations::store::insert(&mut tx, org, "Bench", "enterprise", app.clock.now()).await?;
    tx.commit().await?;
    let mut made = Vec::new();
    for _ in 0..=CONNECTIONS {
        let new = NewKey::new("bench", Scope::Admin);
        made.push(keys::create::create(&app.db, &app.clock, org, new).await?.text);
    }
    let stop = CancellationToken::new();
    for app in [&unlimited, &limited] {
        tokio::spawn(flush::run_until(app.clone(), stop.clone()));
    }
    let unlimited = wire::serve(&unlimited).await?;
    let limited = wire::serve(&limited).await?;
    let mut wire = Wire::connect(&unlimited).await?;
    let id = |body: Value| Ok::<_, anyhow::Error>(body["id"].as_str().context("no id")?.to_owned());
    let shop = json!({ "name": "Bench" });
    let shop = id(wire.send("POST", "/v1/shops", &made[0], Some(&shop)).await?)?;
    let ticket = id(wire.send("POST", "/v1/tickets", &made[0], Some(&body(&shop, 0))).await?)?;
    let next = AtomicUsize::new(0);
    Ok(Bench { unlimited, limited, keys: made, shop, ticket, next, _stop: stop.drop_guard() })
}

fn body(shop: &str, number: usize) -> Value {
    json!({
        "shop_id": shop,
        "customer": { "name": "Jane Smith", "email": format!("jane{}@example.com", number % 100) },
        "device_identifier": "MacBook Pro 16\"",
        "issue_description": "Won't turn on, possible liquid damage",
    })
}

async fn ask(bench: Arc<Bench>, way: Way, client: usize) -> anyhow::Result<Vec<Duration>> {
    let end = Instant::now() + ROUND;
    let base = match way {
        Way::GetOneKey | Way::GetManyKeys => &bench.limited,
        _ => &bench.unlimited,
    };
    let key = match way {
        Way::GetManyKeys => &bench.keys[client + 1],
        _ => &bench.keys[0],
    };
    let path = format!("/v1/tickets/{}", bench.ticket);
    let mut wire = Wire::connect(base).await?;
    let mut times = Vec::new();
    while Instant::now() < end {
        let number = bench.next.fetch_add(1, Ordering::Relaxed);
        let ticket = body(&bench.shop, number);
        // The client writes it into the head as it is.
        let keyed = format!("{key}\r\nidempotency-key: {number} of {}", std::process::id());
        let started = Instant::now();
        match way {
            Way::Create => wire.send("POST", "/v1/tickets", key, Some(&ticket)).await?,
            Way::CreateKeyed => wire.send("POST", "/v1/tickets", &keyed, Some(&ticket)).await?,
            _ => wire.send("GET", &path, key, None).await?,
        };
        times.push(started.elapsed());
    }
    Ok(times)
}
