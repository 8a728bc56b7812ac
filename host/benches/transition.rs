//! What plugins cost a transition: the route `POST /v1/tickets/{id}/transition` with 0, 1, 3 and 10
//! installations of qc-gate, on SQLite and (when `REPAIROPS_BENCH_POSTGRES` names a database) on PostgreSQL: one
//! client alone, one client that pauses before each request (so that caches are cold), and one beside a load of other
//! transitions; then one and 1,000 organizations of 10 installations; then what an idle installation holds in memory
//! and how long a start takes.
//!
//! All variants of a table take turns in short rounds, so that a noisy machine is noisy for all: a ratio is the median
//! of the ratios of the rounds.
//!
//! `cargo bench -p repairops -- transition`, with `--only alone` for one of the tables

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::http::Method;
use serde_json::{Value, json};

use crate::component;
use crate::world::{self, Shop, World, percentile};

const TICKETS_A_ROUND: usize = 10;
/// Every ticket goes this way once.
const WAY: [&str; 4] = ["TRIAGE", "DIAGNOSTICS", "WAITING_APPROVAL", "APPROVED"];
const INSTALLATIONS: [usize; 4] = [0, 1, 3, 10];
const ORGANIZATIONS: usize = 1_000;
/// Longer than it takes other work to evict what the last call left in the caches.
const PAUSE: Duration = Duration::from_millis(3);

#[derive(clap::Args)]
pub struct Options {
    /// Only this table
    #[arg(long)]
    only: Option<Table>,
    #[arg(long, default_value_t = 40)]
    rounds: usize,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Table {
    Alone,
    Pauses,
    Load,
    Organizations,
    /// With the journal to without it, three installations.
    Journal,
    /// Beside an organization whose monitored plugin loops, to the same load with the plugin switched off.
    Monitor,
}

pub async fn run(options: Options) -> anyhow::Result<()> {
    let component = component::build("qc-gate")?;
    let folder = tempfile::tempdir()?;
    let sqlite = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let is_wanted = |table| options.only.is_none_or(|only| only == table);
    let mut databases = vec![("SQLite", sqlite("a.db"))];
    if let Ok(url) = std::env::var("REPAIROPS_BENCH_POSTGRES") {
        databases.push(("PostgreSQL", url));
    }
    for (name, url) in &databases {
        let world = World::start(url, folder.path(), &component).await?;
        if is_wanted(Table::Journal) {
            let without = match *name {
                "SQLite" => sqlite("without.db"),
                _ => url.clone(),
            };
            let without = World::start_without_journal(&without, folder.path(), &component).await?;
            by_journal(name, [&without, &world], options.rounds).await?;
        }
        if is_wanted(Table::Monitor) {
            by_monitor(name, &world, options.rounds).await?;
        }
        for table in [Table::Alone, Table::Pauses, Table::Load] {
            if is_wanted(table) {
                by_installations(name, &world, table, options.rounds).await?;
            }
        }
    }
    if is_wanted(Table::Organizations) {
        let world = World::start(&sqlite("b.db"), folder.path(), &component).await?;
        by_organizations(&world, options.rounds).await?;
        drop(world);
        start(&sqlite("b.db"), folder.path(), &component).await?;
    }
    Ok(())
}

/// Times of transitions, and `duration_us` of the calls of plugins that they made.
#[derive(Default)]
struct Measured {
    times: Vec<Duration>,
    calls: Vec<Duration>,
    /// The median of each round.
    rounds: Vec<f64>,
}

async fn by_installations(
    database: &str,
    world: &World,
    table: Table,
    rounds: usize,
) -> anyhow::Result<()> {
    let mut shops = Vec::new();
    for count in INSTALLATIONS {
        shops.push((world.make_shop(count).await?, Measured::default()));
    }
    let load = match table {
        Table::Load => Some(world.load(&world.make_shop(3).await?)),
        _ => None,
    };
    let pause = if table == Table::Pauses { PAUSE } else { Duration::ZERO };
    for number in 0..rounds + 1 {
        for index in 0..shops.len() {
            // Another variant begins each round.
            let place = (index + number) % shops.len();
            let (shop, measured) = &mut shops[place];
            let mut round = round(world, shop, pause).await?;
            // The first round warms up.
            if number > 0 {
                measured.rounds.push(percentile(&mut round.times, 0.5));
                measured.times.append(&mut round.times);
                measured.calls.append(&mut round.calls);
            }
        }
    }
    drop(load);
    let how = match table {
        Table::Pauses => ", a pause before each request",
        Table::Load => ", beside a load",
        _ => "",
    };
    println!(
        "\n| {database}{how}: installations | p50 µs | p99 µs | p50 to none | call p50 µs |\n|---|---|---|---|---|"
    );
    let none = shops[0].1.rounds.clone();
    for (count, (_, measured)) in INSTALLATIONS.iter().zip(&mut shops) {
        let times = &mut measured.times;
        let (p50, p99) = (percentile(times, 0.5), percentile(times, 0.99));
        let ratios = measured.rounds.iter().zip(&none).map(|(round, none)| round / none);
        let call = match measured.calls.is_empty() {
            true => "".to_owned(),
            false => format!("{:.0}", percentile(&mut measured.calls, 0.5)),
        };
        println!("| {count} | {p50:.0} | {p99:.0} | {:.2} | {call} |", world::median(ratios));
    }
    Ok(())
}

/// The rounds alternate between a server without the journal and one with it.
async fn by_journal(database: &str, worlds: [&World; 2], rounds: usize) -> anyhow::Result<()> {
    let mut sides = Vec::new();
    for world in worlds {
        sides.push((world, world.make_shop(3).await?, Measured::default()));
    }
    for number in 0..rounds + 1 {
        for index in 0..sides.len() {
            let place = (index + number) % 2;
            let (world, shop, measured) = &mut sides[place];
            let mut round = round(world, shop, Duration::ZERO).await?;
            if number > 0 {
                measured.rounds.push(percentile(&mut round.times, 0.5));
                measured.times.append(&mut round.times);
            }
        }
    }
    println!("\n| {database}: journal | p50 µs | p99 µs | p50 to off |\n|---|---|---|---|");
    let off = sides[0].2.rounds.clone();
    for (name, (_, _, measured)) in ["off", "on"].iter().zip(&mut sides) {
        let (p50, p99) =
            (percentile(&mut measured.times, 0.5), percentile(&mut measured.times, 0.99));
        let ratios = measured.rounds.iter().zip(&off).map(|(round, off)| round / off);
        println!("| {name} | {p50:.0} | {p99:.0} | {:.3} |", world::median(ratios));
    }
    Ok(())
}

/// The rounds alternate; the load moves a ticket every 20 ms.
async fn by_monitor(database: &str, world: &World, rounds: usize) -> anyhow::Result<()> {
    let looping = world.with_component(component::build("guest-loop-forever")?);
    let noisy = looping.make_shop(1).await?;
    let healthy = world.make_shop(3).await?;
    let listed = world.send(&noisy, Method::GET, "/v1/installations", json!(null)).await?;
    let id = listed["data"][0]["id"].as_str().context("an installation")?.to_owned();
    let mut sides = [("off", Measured::default()), ("monitor", Measured::default())];
    for number in 0..rounds + 1 {
        for index in 0..sides.len() {
            let (mode, measured) = &mut sides[(index + number) % 2];
            let hooks = json!({ "hooks": { "pre-transition": { "mode": mode } } });
            world.send(&noisy, Method::PATCH, &format!("/v1/installations/{id}"), hooks).await?;
            let load = world.paced_load(&noisy, Duration::from_millis(20));
            let mut round = round(world, &healthy, Duration::from_millis(2)).await?;
            drop(load);
            if number > 0 {
                measured.rounds.push(percentile(&mut round.times, 0.99));
                measured.times.append(&mut round.times);
            }
        }
    }
    println!(
        "\n| {database}: a looping plugin of others | p50 µs | p99 µs | p99 to off |\n|---|---|---|---|"
    );
    let off = percentile(&mut sides[0].1.times, 0.99);
    for (mode, measured) in &mut sides {
        let (p50, p99) =
            (percentile(&mut measured.times, 0.5), percentile(&mut measured.times, 0.99));
        println!("| {mode} | {p50:.0} | {p99:.0} | {:.2} |", p99 / off);
    }
    Ok(())
}

async fn round(world: &World, shop: &Shop, pause: Duration) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    for _ in 0..TICKETS_A_ROUND {
        let ticket = world.make_ticket(shop).await?;
        for status in WAY {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            let started = Instant::now();
            let answer = world.transition(shop, &ticket, status).await?;
            measured.times.push(started.elapsed());
            let plugins = answer["plugins"].as_array().map(Vec::as_slice).unwrap_or_default();
            measured.calls.extend(
                plugins
                    .iter()
                    .filter_map(|ran: &Value| ran["duration_us"].as_u64())
                    .map(Duration::from_micros),
            );
        }
    }
    Ok(measured)
}

/// One organization's events while it is alone, and while there are many others whose turn comes too.
async fn by_organizations(world: &World, rounds: usize) -> anyhow::Result<()> {
    let alone = world.make_shop(10).await?;
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        times[0].append(&mut round(world, &alone, Duration::ZERO).await?.times);
    }
    let before = world::resident_bytes().context("reading /proc/self/statm")?;
    let mut many = Vec::new();
    for _ in 0..ORGANIZATIONS {
        many.push(world.make_shop(10).await?);
    }
    for shop in &many {
        // Each runs once, so that its list of plugins is in memory.
        let ticket = world.make_ticket(shop).await?;
        world.transition(shop, &ticket, "TRIAGE").await?;
    }
    let after = world::resident_bytes().context("reading /proc/self/statm")?;
    for number in 0..rounds {
        for step in 0..TICKETS_A_ROUND {
            let shop = &many[(number * TICKETS_A_ROUND + step) * 7 % many.len()];
            let ticket = world.make_ticket(shop).await?;
            for status in WAY {
                let started = Instant::now();
                world.transition(shop, &ticket, status).await?;
                times[1].push(started.elapsed());
            }
        }
    }
    let [alone, many] = times.map(|mut times| percentile(&mut times, 0.5));
    println!("\n| organizations of 10 installations | p50 µs | to one |\n|---|---|---|");
    println!("| 1 | {alone:.0} | 1.00 |");
    println!("| {ORGANIZATIONS} | {many:.0} | {:.2} |", many / alone);
    let each = after.saturating_sub(before) as f64 / (ORGANIZATIONS * 10) as f64;
    println!("\nresident memory: {each:.0} bytes an idle installation that ran once");
    Ok(())
}

/// From nothing to the first answered request, with the 10,000 installations that are there now.
async fn start(url: &str, folder: &Path, component: &[u8]) -> anyhow::Result<()> {
    let started = Instant::now();
    let world = World::start(url, folder, component).await?;
    println!(
        "\nstart to ready with {} installations: {:.0?}",
        ORGANIZATIONS * 10,
        started.elapsed()
    );
    let (cold, known) = world.upload_times(component).await?;
    println!("upload to ready: {cold:.0?} for new bytes, {known:.0?} for a known component");
    Ok(())
}
