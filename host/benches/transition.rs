//! What plugins cost a transition: the route `POST /v1/tickets/{id}/transition` with 0, 1, 3 and 10
//! installations of qc-gate, on SQLite and (when `REPAIROPS_BENCH_POSTGRES` names a database) on PostgreSQL,
//! alone and beside a load of other transitions; then with one and with 1,000 organizations of 10
//! installations; then what an idle installation holds in memory and how long a start takes.
//!
//! All variants of a table take turns in one run, so that a noisy machine is noisy for all.
//!
//! `cargo bench --bench transition`

#[allow(dead_code)] // this bench uses a part of it
#[path = "world.rs"]
mod world;

use std::time::{Duration, Instant};

use anyhow::Context;
use world::{Shop, World, percentile};

const ROUNDS: usize = 40;
const TICKETS_A_ROUND: usize = 10;
/// Every ticket goes this way once.
const WAY: [&str; 4] = ["TRIAGE", "DIAGNOSTICS", "WAITING_APPROVAL", "APPROVED"];
const INSTALLATIONS: [usize; 4] = [0, 1, 3, 10];
const ORGANIZATIONS: usize = 1_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let component = world::build("qc-gate")?;
    let folder = tempfile::tempdir()?;
    let sqlite = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let mut databases = vec![("SQLite", sqlite("a.db"))];
    if let Ok(url) = std::env::var("REPAIROPS_BENCH_POSTGRES") {
        databases.push(("PostgreSQL", url));
    }
    for (name, url) in &databases {
        let world = World::start(url, folder.path(), &component).await?;
        by_installations(name, &world, false).await?;
        by_installations(name, &world, true).await?;
    }
    let world = World::start(&sqlite("b.db"), folder.path(), &component).await?;
    by_organizations(&world).await?;
    drop(world);
    start(&sqlite("b.db"), folder.path(), &component).await
}

async fn by_installations(database: &str, world: &World, loaded: bool) -> anyhow::Result<()> {
    let mut shops = Vec::new();
    for count in INSTALLATIONS {
        shops.push(world.make_shop(count).await?);
    }
    let load = if loaded { Some(world.load(&world.make_shop(3).await?)) } else { None };
    let mut times = vec![Vec::new(); shops.len()];
    for _ in 0..ROUNDS {
        for (shop, times) in shops.iter().zip(&mut times) {
            round(world, shop, times).await?;
        }
    }
    drop(load);
    let with = if loaded { ", beside a load" } else { "" };
    println!(
        "\n| {database}{with}: installations | p50 µs | p99 µs | p50 to none |\n|---|---|---|---|"
    );
    let none = percentile(&mut times[0].clone(), 0.5);
    for (count, times) in INSTALLATIONS.iter().zip(&mut times) {
        let p50 = percentile(times, 0.5);
        println!("| {count} | {p50:.0} | {:.0} | {:.2} |", percentile(times, 0.99), p50 / none);
    }
    Ok(())
}

async fn round(world: &World, shop: &Shop, times: &mut Vec<Duration>) -> anyhow::Result<()> {
    for _ in 0..TICKETS_A_ROUND {
        let ticket = world.make_ticket(shop).await?;
        for status in WAY {
            let started = Instant::now();
            world.transition(shop, &ticket, status).await?;
            times.push(started.elapsed());
        }
    }
    Ok(())
}

/// One organization's events while it is alone, and while there are many others whose turn comes too.
async fn by_organizations(world: &World) -> anyhow::Result<()> {
    let alone = world.make_shop(10).await?;
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        round(world, &alone, &mut times[0]).await?;
    }
    let before = world::resident_bytes().context("reading /proc/self/statm")?;
    let mut many = Vec::new();
    for _ in 0..ORGANIZATIONS {
        many.push(world.make_shop(10).await?);
    }
    for shop in &many {
        // Each is asked once, so that its list of plugins is in memory.
        let ticket = world.make_ticket(shop).await?;
        world.transition(shop, &ticket, "TRIAGE").await?;
    }
    let after = world::resident_bytes().context("reading /proc/self/statm")?;
    for round_number in 0..ROUNDS {
        for step in 0..TICKETS_A_ROUND {
            let shop = &many[(round_number * TICKETS_A_ROUND + step) * 7 % many.len()];
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
    println!("\nresident memory: {each:.0} bytes an idle installation (asked once before)");
    Ok(())
}

/// From nothing to the first answered request, with the 10,000 installations that are there now.
async fn start(url: &str, folder: &std::path::Path, component: &[u8]) -> anyhow::Result<()> {
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
