//! The faults: each begins, lasts, and is cleared.

use std::time::{Duration, Instant};

use anyhow::Context;

use super::ready::Watch;
use super::site::Site;
use super::{Fault, Options};
use crate::live::node::Program;

/// How long a killed node is away.
const AWAY: Duration = Duration::from_secs(1);

/// `/readyz` may take so long to notice that writes fail.
const NOTICE_MAX: Duration = Duration::from_secs(5);

pub struct Injected {
    /// When nothing was wrong any more.
    pub cleared: Instant,
    /// When nodes were killed.
    pub deaths: Vec<Instant>,
    /// Requirements of this fault alone.
    pub remarks: Vec<(bool, String)>,
}

impl Injected {
    fn now() -> Injected {
        Injected { cleared: Instant::now(), deaths: Vec::new(), remarks: Vec::new() }
    }
}

pub async fn inject(
    fault: Fault,
    site: &mut Site,
    options: &Options,
    watch: &Watch,
) -> anyhow::Result<Injected> {
    let outage = Duration::from_secs_f64(options.outage_s);
    match fault {
        Fault::Stop => {
            site.primary.stop().await?;
            let begun = Instant::now();
            tokio::time::sleep(outage).await;
            let remark = unready(watch, begun, "is stopped");
            site.primary.start().await?;
            return Ok(Injected { remarks: vec![remark], ..Injected::now() });
        }
        Fault::Kill => {
            site.primary.kill()?;
            site.primary.start().await?;
        }
        Fault::Readonly => return read_only(site, outage, watch).await,
        Fault::Failover => site.fail_over().await?,
        Fault::Drop => {
            site.proxy.silence();
            tokio::time::sleep(Duration::from_secs_f64(options.silence_s)).await;
            let injected = Injected::now();
            site.proxy.resume();
            return Ok(injected);
        }
        Fault::Node => return kill_nodes(site, options).await,
        Fault::Upgrade => {
            let previous = site.previous.clone().context("no previous build")?;
            let own = site.own.clone();
            roll(site, &own).await?;
            tokio::time::sleep(Duration::from_secs_f64(options.calm_s)).await;
            roll(site, &previous).await.context("back to the previous version")?;
        }
    }
    Ok(Injected::now())
}

async fn read_only(site: &mut Site, outage: Duration, watch: &Watch) -> anyhow::Result<Injected> {
    site.primary.alter("default_transaction_read_only = on").await?;
    let begun = Instant::now();
    tokio::time::sleep(outage).await;
    let remark = unready(watch, begun, "is read-only");
    site.primary.alter("default_transaction_read_only").await?;
    Ok(Injected { remarks: vec![remark], ..Injected::now() })
}

/// Whether all nodes have said since the beginning of the fault, after a moment to notice it, that they are not ready.
fn unready(watch: &Watch, begun: Instant, what: &str) -> (bool, String) {
    let now = Instant::now();
    let from = begun + NOTICE_MAX.min((now - begun) / 2);
    let after = (from - begun).as_secs_f64();
    let text = format!("/readyz is 503 on all nodes from {after:.1} s on while PostgreSQL {what}");
    (watch.is_unready_throughout(from, now), text)
}

async fn kill_nodes(site: &mut Site, options: &Options) -> anyhow::Result<Injected> {
    let every = Duration::from_secs_f64(options.kills_s / f64::from(options.kills.max(1)));
    let own = site.own.clone();
    let mut injected = Injected::now();
    for number in 0..options.kills as usize {
        let node = &mut site.nodes[number % 2];
        node.kill();
        let death = Instant::now();
        injected.deaths.push(death);
        tokio::time::sleep(AWAY).await;
        node.begin(&own).await?;
        injected.cleared = Instant::now();
        tokio::time::sleep(every.saturating_sub(death.elapsed())).await;
    }
    Ok(injected)
}

/// Ends one node after the other, and starts each with another build.
async fn roll(site: &mut Site, program: &Program) -> anyhow::Result<()> {
    for node in &mut site.nodes {
        node.terminate().await?;
        node.begin(program).await?;
    }
    Ok(())
}
