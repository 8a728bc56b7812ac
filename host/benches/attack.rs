//! What one party can do to another: while an attacker sends one thing without pause, another organization creates and
//! changes tickets, and a probe gets /healthz over a new connection each time. The server is a process of its own that
//! may open 1,024 files. Prints p50, p99 and the maximum of both, alone and under each attack.
//!
//! `cargo bench -p repairops -- attack`, with `--seconds 10` for a first look, `--only half` for some of the attacks

mod attacks;
mod inputs;
mod target;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use repairops::listener::open_files;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::samples::Samples;
use crate::wire::Wire;
use attacks::Attack;
use target::{Party, Target};

#[derive(clap::Args)]
pub struct Options {
    /// How long each attack takes.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Only the attacks whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Connections that the attacker tries to hold at the same time.
    #[arg(long, default_value_t = 2_000)]
    connections: usize,
    /// A fresh PostgreSQL database instead of SQLite.
    #[arg(long, env = "REPAIROPS_BENCH_POSTGRES")]
    postgres: Option<String>,
    /// Another build of the server, to compare with.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_repairops"))]
    server: PathBuf,
}

/// What a minute was like for the others.
struct Minute {
    writes: Samples,
    probes: Samples,
    /// What the attacker did.
    attempts: u64,
}

pub fn run(options: &Options) -> anyhow::Result<()> {
    open_files::raise_limit();
    // The attacker has threads of its own, so that what is measured does not wait for it on this side.
    let attacker =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let victim = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let target =
        Arc::new(victim.block_on(Target::start(&options.server, options.postgres.as_deref()))?);
    println!(
        "| {} s each | writes | failed | p50 ms | p99 ms | max ms \
         | probes | failed | p50 ms | p99 ms | max ms | attempts |",
        options.seconds
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    let alone = victim.block_on(measure(&target, options.seconds))?;
    print("alone", alone);
    for attack in Attack::ALL.into_iter().filter(|attack| attack.name().contains(&options.only)) {
        let attempts = Arc::new(AtomicU64::new(0));
        let mut connections = Vec::new();
        for number in 0..options.connections.min(attack.connections_max()) {
            let (target, attempts) = (target.clone(), attempts.clone());
            connections.push(attacker.spawn(async move {
                loop {
                    attack.attempt(&target, number).await;
                    attempts.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        let mut minute = victim.block_on(measure(&target, options.seconds))?;
        connections.iter().for_each(JoinHandle::abort);
        minute.attempts = attempts.load(Ordering::Relaxed);
        print(attack.name(), minute);
    }
    // Its connections hold the server, which ends with the last of them.
    attacker.shutdown_timeout(Duration::from_secs(5));
    Ok(())
}

fn print(name: &str, minute: Minute) {
    let Minute { mut writes, mut probes, attempts } = minute;
    println!("| {name} | {} | {} | {attempts} |", writes.row(), probes.row());
    for error in [writes.last_error, probes.last_error].into_iter().flatten() {
        eprintln!("{name}: the last failure was: {error}");
    }
}

async fn measure(target: &Target, seconds: u64) -> anyhow::Result<Minute> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let (writes, probes) = tokio::join!(write(target, end), probe(target, end));
    Ok(Minute { writes, probes: probes?, attempts: 0 })
}

/// One client on one connection: a ticket is created, then changed, with a breath between.
async fn write(target: &Target, end: Instant) -> Samples {
    let mut measured = Samples::default();
    let mut wire = None;
    let mut ticket = None;
    while Instant::now() < end {
        let started = Instant::now();
        let done = write_once(target, &target.victim, &mut wire, &mut ticket).await;
        measured.add(started, &done);
        if done.is_err() {
            (wire, ticket) = (None, None);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    measured
}

async fn write_once(
    target: &Target,
    party: &Party,
    wire: &mut Option<Wire>,
    ticket: &mut Option<Value>,
) -> anyhow::Result<()> {
    let wire = match wire {
        Some(wire) => wire,
        None => wire.insert(Wire::connect(&target.address).await?),
    };
    match ticket.take() {
        None => {
            let body = party.ticket();
            *ticket = Some(wire.send("POST", "/v1/tickets", &party.key, Some(&body)).await?);
        }
        Some(made) => {
            let path = format!("/v1/tickets/{}", made["id"].as_str().unwrap_or_default());
            let body = json!({ "labor_hours": 1.5, "labor_rate": 65 });
            wire.send("PATCH", &path, &party.key, Some(&body)).await?;
        }
    }
    Ok(())
}

/// As a balancer does, only more often.
async fn probe(target: &Target, end: Instant) -> anyhow::Result<Samples> {
    let mut measured = Samples::default();
    while Instant::now() < end {
        let started = Instant::now();
        let done = async {
            let mut wire = Wire::connect(&target.address).await?;
            wire.send("GET", "/healthz", "", None).await
        };
        let done = tokio::time::timeout(Duration::from_secs(10), done).await;
        measured.add(started, &done.unwrap_or_else(|late| Err(late.into())));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(measured)
}
