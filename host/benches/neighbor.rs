//! What a bad neighbor costs: an organization with a well-behaved plugin moves tickets, first alone, then
//! beside 50 clients of another organization whose plugin loops for ever. The two take turns.
//!
//! `cargo bench --bench neighbor`

#[allow(dead_code)] // this bench uses a part of it
#[path = "world.rs"]
mod world;

use std::time::{Duration, Instant};

use world::{Shop, World, percentile};

const ROUNDS: usize = 12;
const TICKETS_A_ROUND: usize = 12;
const LOOPING_CLIENTS: usize = 50;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let good = world::build("qc-gate")?;
    let looping = world::build("guest-loop-forever")?;
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("a.db").display());
    let world = World::start(&url, folder.path(), &good).await?;
    let neighbor = world.with_component(looping);
    let (shop, bad) = (world.make_shop(1).await?, neighbor.make_shop(1).await?);

    let mut times = [Vec::new(), Vec::new()];
    let mut stopped = 0;
    for _ in 0..ROUNDS {
        round(&world, &shop, &mut times[0]).await?;
        let loops = neighbor.loop_forever(&bad, LOOPING_CLIENTS).await?;
        round(&world, &shop, &mut times[1]).await?;
        stopped += loops.end().await;
    }
    println!("\n| a transition with one plugin | p50 µs | p99 µs |\n|---|---|---|");
    let mut p99 = Vec::new();
    for (name, times) in ["alone", "beside 50 looping calls"].iter().zip(&mut times) {
        p99.push(percentile(times, 0.99));
        println!("| {name} | {:.0} | {:.0} |", percentile(times, 0.5), percentile(times, 0.99));
    }
    println!(
        "\np99 beside / alone: {:.2}; {stopped} looping calls were stopped meanwhile",
        p99[1] / p99[0]
    );
    Ok(())
}

async fn round(world: &World, shop: &Shop, times: &mut Vec<Duration>) -> anyhow::Result<()> {
    for _ in 0..TICKETS_A_ROUND {
        let ticket = world.make_ticket(shop).await?;
        for status in ["TRIAGE", "DIAGNOSTICS", "WAITING_APPROVAL", "APPROVED"] {
            let started = Instant::now();
            world.transition(shop, &ticket, status).await?;
            times.push(started.elapsed());
        }
    }
    Ok(())
}
