//! What one call of a plugin costs: qc-gate on the same ticket natively, on an instance that is kept warm,
//! and in a fresh instance and store, as the server calls it. Prints p50, p99 and the ratio fresh to warm;
//! the three take turns, so that a noisy machine is noisy for all.
//!
//! `cargo bench -p repairops -- call`, with `--pause-ms 3` for calls that find cold caches, as most of a server's do

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::ensure;
use repairops::config::GuestConfig;
use repairops::model::event::Verdict;
use repairops::model::limits::Limits;
use repairops::runtime::{Call, CompilerConfig, CompilerProgram, Runtime, RuntimeConfig, Share};
use repairops_plugin::{PreTransition, settings};

use crate::{component, same_event};

const ROUNDS: usize = 200;
const CALLS_A_ROUND: usize = 100;
/// So that a run with pauses ends.
const PAUSED_CALLS_A_ROUND: usize = 10;
const SETTINGS: &str = r#"{"approval_threshold": 200}"#;

#[derive(clap::Args)]
pub struct Options {
    /// How long to do nothing before each call
    #[arg(long, default_value_t = 0)]
    pause_ms: u64,
}

/// How calls follow one another.
#[derive(Clone, Copy)]
struct Pace {
    pause: Duration,
    calls: usize,
}

pub fn run(options: &Options) -> anyhow::Result<()> {
    let pause = Duration::from_millis(options.pause_ms);
    let calls = if pause.is_zero() { CALLS_A_ROUND } else { PAUSED_CALLS_A_ROUND };
    let pace = Pace { pause, calls };
    let component = component::build("qc-gate")?;
    let cache = tempfile::tempdir()?;
    let runtime = Runtime::new(RuntimeConfig {
        guest_threads: 2,
        caps: GuestConfig::default().caps(),
        cache_dir: cache.path().to_owned(),
        cache_max_bytes: 1 << 30,
        compiler: CompilerConfig::new(CompilerProgram::InProcess),
    })?;
    let tokio = tokio::runtime::Runtime::new()?;
    let prepared = tokio.block_on(runtime.compile("bench", component.into()))?;

    let native_event = same_event::native();
    let event = same_event::host(&native_event);
    let limits = Limits::default();
    #[allow(clippy::disallowed_methods)] // a bench has no App
    let call = Call { settings: SETTINGS, limits: &limits, now: chrono::Utc::now(), seed: 1 };
    let mut warm = prepared.warm(&call)?;
    ensure!(
        matches!(prepared.call(&call, &event).result, Ok(Verdict::Allow)),
        "qc-gate should allow this"
    );

    let share = Share { organization: uuid::Uuid::nil(), installations: Vec::new() };
    let mut samples = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        measure(pace, &mut samples[0], || {
            let settings = settings::parse(SETTINGS);
            settings
                .and_then(|settings| qc_gate::QcGate::check(native_event.clone(), settings))
                .is_ok()
        });
        measure(pace, &mut samples[1], || warm.call(&event).is_ok());
        measure(pace, &mut samples[2], || prepared.call(&call, &event).result.is_ok());
        let (runtime, prepared, event, share) = (&runtime, &prepared, &event, &share);
        tokio.block_on(async {
            for _ in 0..pace.calls {
                if !pace.pause.is_zero() {
                    tokio::time::sleep(pace.pause).await;
                }
                let (prepared, event, now) = (prepared.clone(), event.clone(), call.now);
                let started = Instant::now();
                let job = move || {
                    let limits = Limits::default();
                    let call = Call { settings: SETTINGS, limits: &limits, now, seed: 1 };
                    let report = prepared.call(&call, &event);
                    (report.result.is_ok(), report.used)
                };
                let _ = black_box(runtime.run(share.clone(), job).await);
                samples[3].push(started.elapsed());
            }
        });
    }
    report(samples);
    Ok(())
}

fn measure(pace: Pace, samples: &mut Vec<Duration>, mut call: impl FnMut() -> bool) {
    for _ in 0..pace.calls {
        if !pace.pause.is_zero() {
            std::thread::sleep(pace.pause);
        }
        let started = Instant::now();
        black_box(call());
        samples.push(started.elapsed());
    }
}

fn report(mut samples: [Vec<Duration>; 4]) {
    let names = ["native", "warm instance", "fresh instance", "fresh, on a guest thread"];
    let mut p50 = [0.0; 4];
    println!("\n| qc-gate, one call | p50 µs | p99 µs |\n|---|---|---|");
    for (index, name) in names.iter().enumerate() {
        let times = &mut samples[index];
        times.sort_unstable();
        let at =
            |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
        p50[index] = at(0.5);
        println!("| {name} | {:.1} | {:.1} |", at(0.5), at(0.99));
    }
    println!("\nfresh / warm: {:.2} (p50)", p50[2] / p50[1]);
}
