//! A healthy organization beside hostile ones: a fixed rate of requests, first alone, then beside receivers that hang
//! and fail, connections that drip, plugins that fail, big and invalid uploads, and post-create work that the database
//! refuses. Fails when the healthy one notices.
//!
//! Requests are sent at fixed times whatever the server does (an open loop), and their time counts from when they
//! should have been sent. The server is a process of its own. The hostile load is in connections and queues rather
//! than in requests a second, so that both share the machine.
//!
//! `cargo bench -p repairops -- soak`, with `--seconds 60` for a first look

mod healthy;
mod hostile;
mod neighbors;
mod poison;
mod slow;

use std::sync::Arc;
use std::time::{Duration, Instant};

use repairops::listener::open_files;

use crate::live::client::Client;
use crate::live::janitor::Janitor;
use crate::live::node::{Node, Program};
use crate::live::organization::Organization;
use crate::live::postgres::Cluster;
use crate::live::verdict::Verdict;
use crate::samples::Samples;
use healthy::{Healthy, KINDS, Phase};
use hostile::{Hostile, Kind};

/// What is required.
const P99_RATIO_MAX: f64 = 1.5;
const WEBHOOKS_P99_MAX_MS: f64 = 2_000.0;
const HEALTHZ_P99_MAX_MS: f64 = 100.0;

const PROBE_EVERY: Duration = Duration::from_millis(100);
const WARM_UP: Duration = Duration::from_secs(5);
/// What is late by more is lost.
const WEBHOOKS_SETTLE: Duration = Duration::from_secs(30);

/// Of this bench only; any 32 bytes.
const SECRET_KEY: &str = "5e0a6b1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e4f5061728394a5b6c7d8";

#[derive(clap::Args)]
pub struct Options {
    /// How long the whole takes; a fifth of it, two minutes at most, is for the healthy organization alone
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// A throwaway database of this kind
    #[arg(long, default_value = "sqlite")]
    database: Database,
    /// Requests a second of the healthy organization
    #[arg(long, default_value_t = 30.0)]
    rate: f64,
    /// Requests a second of all hostile organizations together
    #[arg(long, default_value_t = 10.0)]
    hostile_rate: f64,
    /// Endpoints that never answer; an organization has 20 of them
    #[arg(long, default_value_t = 520)]
    hanging: usize,
    /// Endpoints that always answer 500
    #[arg(long, default_value_t = 60)]
    failing: usize,
    /// Connections that drip heads and bodies
    #[arg(long, default_value_t = 200)]
    dripping: usize,
    /// Tickets whose post-create work cannot be stored, before it begins
    #[arg(long, default_value_t = 900)]
    poisoned: usize,
    /// The size of a big upload, in MiB; there is one each 15 s
    #[arg(long, default_value_t = 8)]
    upload_mib: usize,
    /// Only these kinds of hostility, to find out what one costs
    #[arg(long, value_delimiter = ',')]
    only: Vec<Kind>,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
}

pub fn run(options: &Options) -> anyhow::Result<()> {
    open_files::raise_limit();
    // The hostile ones have a thread of their own, so that what is measured does not wait for them on this side.
    let theirs =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let ours = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = ours.block_on(soak(options, theirs.handle()));
    theirs.shutdown_timeout(Duration::from_secs(1));
    done?.conclude()
}

async fn soak(options: &Options, theirs: &tokio::runtime::Handle) -> anyhow::Result<Verdict> {
    let janitor = Janitor::start()?;
    let folder = janitor.folder();
    let cluster = match options.database {
        Database::Sqlite => None,
        Database::Postgres => Some(Cluster::create(&janitor, &folder.join("postgres")).await?),
    };
    let sqlite = format!("sqlite:{}", folder.join("repairops.db").display());
    let database = cluster.as_ref().map_or(sqlite, Cluster::url);
    let data = folder.join("node");
    let program = Program::own(&database)
        .set("REPAIROPS_SECRET_KEY", SECRET_KEY)
        .set("REPAIROPS_WEBHOOK_ALLOW", "127.0.0.0/8");
    let mut node = Node::start(&janitor, &program, &data).await?;
    let client = Arc::new(Client::new(&node.address));

    let organization = Organization::create(&program, &client, "Healthy").await?;
    let healthy = Arc::new(Healthy::prepare(organization, client.clone()).await?);
    let hostile = {
        let (program, address) = (program.clone(), node.address.clone());
        theirs.spawn(Hostile::prepare(program, address, options.into())).await??
    };

    let alone_s = (options.seconds as f64 / 5.0).clamp(1.0, 120.0);
    let beside_s = (options.seconds as f64 - alone_s).max(1.0);
    eprintln!("the healthy organization alone, {alone_s:.0} s …");
    healthy.clone().send(options.rate, WARM_UP).await;
    healthy.settle(WEBHOOKS_SETTLE).await;
    let alone = measure(&healthy, &client, options.rate, alone_s).await;
    eprintln!("beside the hostile ones, {beside_s:.0} s …");
    hostile.poison(&database).await?;
    let attack = hostile.start(theirs);
    // Until their queues are full: what is measured is a load that lasts.
    healthy.clone().send(options.rate, WARM_UP).await;
    healthy.settle(WEBHOOKS_SETTLE).await;
    let beside = measure(&healthy, &client, options.rate, beside_s).await;
    attack.end();

    let mut verdict = Verdict::default();
    println!("\n{}\n", hostile.report());
    print(alone, beside, &mut verdict);
    verdict.require(node.runs(), "the server never ended by itself".to_owned());
    poison::remove(&database).await?;
    let end = node.terminate().await;
    let said = match &end {
        Ok(time) => {
            format!("the server ended in order after SIGTERM, in {:.1} s", time.as_secs_f64())
        }
        Err(error) => format!("the server ended in order after SIGTERM: {error:#}"),
    };
    verdict.require(end.is_ok(), said);
    let found = program.set("REPAIROPS_DATA", &data.display().to_string()).examine()?;
    let text = found.as_deref().unwrap_or("nothing");
    verdict.require(found.is_none(), format!("the doctor finds: {text}"));
    Ok(verdict)
}

struct Measured {
    phase: Phase,
    webhooks: Samples,
    healthz: Samples,
}

async fn measure(healthy: &Arc<Healthy>, client: &Client, rate: f64, seconds: f64) -> Measured {
    let length = Duration::from_secs_f64(seconds);
    let (phase, healthz) = tokio::join!(healthy.clone().send(rate, length), probe(client, length));
    let webhooks = healthy.settle(WEBHOOKS_SETTLE).await;
    Measured { phase, webhooks, healthz }
}

/// `/healthz` over a new connection each time.
async fn probe(client: &Client, length: Duration) -> Samples {
    let mut samples = Samples::default();
    let mut due = Instant::now();
    let end = due + length;
    while due < end {
        tokio::time::sleep_until(due.into()).await;
        let status = client.probe("/healthz", Duration::from_secs(5)).await;
        let status = status.and_then(|status| match status {
            200 => Ok(()),
            other => Err(anyhow::anyhow!("/healthz is {other}")),
        });
        samples.add(due, &status);
        due += PROBE_EVERY;
    }
    samples
}

fn print(mut alone: Measured, mut beside: Measured, verdict: &mut Verdict) {
    println!(
        "| | alone | failed | p50 ms | p99 ms | max ms | beside | failed | p50 ms | p99 ms | max ms | p99 ratio |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    let row = |name: &str, alone: &mut Samples, beside: &mut Samples| {
        let ratio = beside.at(0.99) / alone.at(0.99);
        println!("| {name} | {} | {} | {ratio:.2} |", alone.row(), beside.row());
        for error in [&alone.last_error, &beside.last_error].into_iter().flatten() {
            eprintln!("{name}: the last failure was: {error}");
        }
        ratio
    };
    let (mut all_alone, mut all_beside) = (alone.phase.all(), beside.phase.all());
    let ratio = row("all requests", &mut all_alone, &mut all_beside);
    for (index, name) in KINDS.iter().enumerate() {
        row(name, &mut alone.phase.kinds[index], &mut beside.phase.kinds[index]);
    }
    row("webhooks, from the response", &mut alone.webhooks, &mut beside.webhooks);
    row("/healthz", &mut alone.healthz, &mut beside.healthz);

    let failed = all_alone.failed + all_beside.failed;
    verdict.require(failed == 0, format!("the healthy organization's failed requests: {failed}"));
    let text =
        format!("its p99 beside is {ratio:.2} times that of alone (at most {P99_RATIO_MAX})");
    verdict.require(ratio <= P99_RATIO_MAX, text);
    let (webhooks, lost) =
        (beside.webhooks.at(0.99), alone.webhooks.failed + beside.webhooks.failed);
    let text = format!("its webhooks' p99 is {webhooks:.0} ms (at most {WEBHOOKS_P99_MAX_MS})");
    verdict.require(webhooks <= WEBHOOKS_P99_MAX_MS, text);
    verdict.require(lost == 0, format!("its webhooks that did not arrive: {lost}"));
    let healthz = beside.healthz.at(0.99);
    let text = format!("/healthz p99 is {healthz:.1} ms (less than {HEALTHZ_P99_MAX_MS})");
    verdict.require(healthz < HEALTHZ_P99_MAX_MS, text);
    let failed = alone.healthz.failed + beside.healthz.failed;
    verdict.require(failed == 0, format!("failed probes of /healthz: {failed}"));
}
