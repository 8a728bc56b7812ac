//! What the version of the WIT costs: each sample plugin as built for an older version and as it is now, on the same
//! event. Prints the fuel and the p50 of a fresh call of both, and the ratio; the two take turns, so that a noisy
//! machine is noisy for both.
//!
//! `cargo bench -p repairops -- versions --old FOLDER`, where the folder has `qc_gate.wasm`, `intake_triage.wasm` and
//! `nearest_stock.wasm`, built from the commit to compare with:
//! `cargo build --release --target wasm32-wasip2 -p qc-gate -p intake-triage -p nearest-stock`

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use repairops::config::GuestConfig;
use repairops::model::event::{
    CreationEvent, HookEvent, Line, Payment, PaymentKind, ReservationEvent, TransitionEvent,
};
use repairops::model::limits::Limits;
use repairops::runtime::{Call, CompilerConfig, CompilerProgram, Prepared, Runtime, RuntimeConfig};

use crate::{component, same_event};

const ROUNDS: usize = 200;
const CALLS_A_ROUND: usize = 50;

#[derive(clap::Args)]
pub struct Options {
    /// A folder with the components of the older version
    #[arg(long)]
    old: PathBuf,
}

pub fn run(options: &Options) -> anyhow::Result<()> {
    let cache = tempfile::tempdir()?;
    let runtime = Runtime::new(RuntimeConfig {
        guest_threads: 1,
        caps: GuestConfig::default().caps(),
        cache_dir: cache.path().to_owned(),
        cache_max_bytes: 1 << 30,
        compiler: CompilerConfig::new(CompilerProgram::InProcess),
    })?;
    let tokio = tokio::runtime::Runtime::new()?;
    let prepare = |package: &str| -> anyhow::Result<[Arc<Prepared>; 2]> {
        let path = options.old.join(format!("{}.wasm", package.replace('-', "_")));
        let old = std::fs::read(&path).with_context(|| path.display().to_string())?;
        let new = component::build(package)?;
        Ok([
            tokio.block_on(runtime.compile(&format!("{package}-old"), old.into()))?,
            tokio.block_on(runtime.compile(&format!("{package}-new"), new.into()))?,
        ])
    };
    let transition = transition();
    println!("| plugin | fuel, older | fuel, now | p50 µs, older | p50 µs, now | now to older |");
    println!("|---|---|---|---|---|---|");
    compare("qc-gate", &prepare("qc-gate")?, &transition)?;
    compare("intake-triage", &prepare("intake-triage")?, &creation(&transition))?;
    compare("nearest-stock", &prepare("nearest-stock")?, &reservation(&transition))
}

/// With a payment, which only the newer version is shown.
fn transition() -> TransitionEvent {
    let mut event = same_event::host(&same_event::native());
    event.ticket.payments = Some(vec![Payment {
        id: event.ticket.id.clone(),
        kind: PaymentKind::Payment,
        method: "card".to_owned(),
        amount: 10_000,
        at: event.now,
    }]);
    event.ticket.field_origins = Some(Vec::new());
    event
}

fn creation(from: &TransitionEvent) -> CreationEvent {
    CreationEvent {
        ticket: from.ticket.clone(),
        actor: from.actor.clone(),
        customer: from.customer.clone(),
        shop: from.shop.clone(),
        now: from.now,
    }
}

fn reservation(from: &TransitionEvent) -> ReservationEvent {
    let line = |part: &repairops::model::event::Part| Line {
        part_id: part.id.clone(),
        inventory_id: part.inventory_id.clone().unwrap_or_default(),
        sku: part.sku.clone().unwrap_or_default(),
        category: "screens".to_owned(),
        name: part.name.clone(),
        missing: 1,
    };
    ReservationEvent {
        ticket: from.ticket.clone(),
        status: "IN_REPAIR".to_owned(),
        lines: from.ticket.parts.iter().map(line).collect(),
        stock: from.stock.clone(),
        shop: from.shop.clone(),
        actor: from.actor.clone(),
        now: from.now,
    }
}

fn compare<E: HookEvent>(plugin: &str, both: &[Arc<Prepared>; 2], event: &E) -> anyhow::Result<()> {
    let limits = Limits::default();
    #[allow(clippy::disallowed_methods)] // a bench has no App
    let call = Call { settings: "{}", limits: &limits, now: chrono::Utc::now(), seed: 1 };
    let mut fuel = [0; 2];
    for (fuel, prepared) in fuel.iter_mut().zip(both) {
        let report = prepared.call(&call, event);
        report.result.map_err(|error| anyhow::anyhow!("{plugin}: {error}"))?;
        *fuel = report.fuel;
    }
    let mut samples: [Vec<Duration>; 2] = Default::default();
    for _ in 0..ROUNDS {
        for (samples, prepared) in samples.iter_mut().zip(both) {
            for _ in 0..CALLS_A_ROUND {
                let started = Instant::now();
                let report = prepared.call(&call, event);
                samples.push(started.elapsed());
                drop(report);
            }
        }
    }
    let [old, new] = samples.map(|mut samples| {
        samples.sort_unstable();
        samples[samples.len() / 2].as_secs_f64() * 1e6
    });
    println!("| {plugin} | {} | {} | {old:.1} | {new:.1} | {:.2} |", fuel[0], fuel[1], new / old);
    Ok(())
}
