//! What a bad neighbor costs: an organization with a well-behaved plugin moves tickets, first alone, then
//! beside 50 clients of another organization whose plugin loops for ever. The two take turns.
//!
//! `cargo bench -p repairops -- neighbor`

use std::time::{Duration, Instant};

use serde_json::json;

use crate::component;
use crate::world::{Shop, World, percentile};

const ROUNDS: usize = 12;
const TICKETS_A_ROUND: usize = 12;
const LOOPING_CLIENTS: usize = 50;

pub async fn run() -> anyhow::Result<()> {
    let good = component::build("qc-gate")?;
    let looping = component::build("guest-loop-forever")?;
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("a.db").display());
    let world = World::start(&url, folder.path(), &good).await?;
    let neighbor = world.with_component(looping);
    let shop = world.make_shop(1).await?;
    // Until the fuel is used up, which is soon, so that they ask again and again; and until the deadline.
    let quick = neighbor.make_shop(1).await?;
    let slow =
        neighbor.make_shop_with(1, json!({ "fuel": 1_000_000_000, "deadline_ms": 50 })).await?;

    let mut times = [const { Vec::new() }; 4];
    // No plugin at all: requests that the workflow refuses, as often as they are answered.
    let none = neighbor.make_shop(0).await?;
    let mut stopped = [0; 3];
    for _ in 0..ROUNDS {
        round(&world, &shop, &mut times[0]).await?;
        for (index, bad) in [&slow, &quick, &none].into_iter().enumerate() {
            let loops = neighbor.loop_forever(bad, LOOPING_CLIENTS).await?;
            round(&world, &shop, &mut times[index + 1]).await?;
            stopped[index] += loops.end().await;
        }
    }
    println!(
        "\n| a transition with one plugin | p50 µs | p99 µs | p99 to alone | their requests |\n|---|---|---|---|---|"
    );
    let alone = percentile(&mut times[0].clone(), 0.99);
    let names = [
        "alone",
        "beside 50 clients whose plugin loops to its deadline of 50 ms",
        "… to the end of its fuel",
        "beside 50 clients without a plugin, whose requests are refused",
    ];
    for (index, (name, times)) in names.iter().zip(&mut times).enumerate() {
        let (p50, p99) = (percentile(times, 0.5), percentile(times, 0.99));
        let stopped = if index == 0 { 0 } else { stopped[index - 1] };
        println!("| {name} | {p50:.0} | {p99:.0} | {:.2} | {stopped} |", p99 / alone);
    }
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
