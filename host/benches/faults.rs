//! Two nodes on one PostgreSQL, clients that write without pause, and one fault after the other: afterwards the nodes
//! are ready again without a restart, the doctor finds nothing, and every acknowledged write is there, once.
//!
//! Clients know both nodes. A write without a final response is repeated on the other one with the same
//! Idempotency-Key, for 30 s. Each fault gets clusters and nodes of its own, all of them processes of this bench.
//!
//! `cargo bench -p repairops -- faults`, with `--only kill` for one of them

mod audit;
mod inject;
mod ledger;
mod previous;
mod ready;
mod site;
mod writers;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::live::janitor::Janitor;
use crate::live::verdict::Verdict;
use inject::Injected;
use ledger::Ledger;
use ready::Watch;
use site::Site;
use writers::Load;

/// From the end of a fault to `/readyz` 200 on all nodes.
const READY_MAX: Duration = Duration::from_secs(10);

/// The longest that a repeated write may take after the death of a node.
const REPEAT_MAX: Duration = Duration::from_secs(3);

#[derive(clap::Args)]
pub struct Options {
    /// Only this fault
    #[arg(long)]
    only: Option<Fault>,
    /// How long PostgreSQL is stopped or read-only, in seconds
    #[arg(long, default_value_t = 10.0)]
    outage_s: f64,
    /// How long the connections to PostgreSQL are silent, in seconds
    #[arg(long, default_value_t = 30.0)]
    silence_s: f64,
    /// How often a node is killed
    #[arg(long, default_value_t = 8)]
    kills: u32,
    /// The time over which these kills are spread, in seconds
    #[arg(long, default_value_t = 60.0)]
    kills_s: f64,
    /// The load before each fault and after it, in seconds
    #[arg(long, default_value_t = 10.0)]
    calm_s: f64,
    /// Clients that write
    #[arg(long, default_value_t = 6)]
    clients: usize,
    /// A build of the previous version for `upgrade`; without it the newest commit with fewer migrations is built
    #[arg(long)]
    old_binary: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
pub enum Fault {
    /// PostgreSQL is stopped, and started again
    Stop,
    /// kill -9 of PostgreSQL and all its children, then a start
    Kill,
    /// PostgreSQL takes no writes, and takes them again
    Readonly,
    /// The primary dies and the standby takes its place
    Failover,
    /// All connections to PostgreSQL fall silent; new ones work
    Drop,
    /// kill -9 of one node after the other
    Node,
    /// Nodes of the previous version are replaced one by one, and back
    Upgrade,
}

impl Fault {
    const ALL: [Fault; 7] = [
        Fault::Stop,
        Fault::Kill,
        Fault::Readonly,
        Fault::Failover,
        Fault::Drop,
        Fault::Node,
        Fault::Upgrade,
    ];

    fn name(self) -> &'static str {
        match self {
            Fault::Stop => "stop",
            Fault::Kill => "kill",
            Fault::Readonly => "readonly",
            Fault::Failover => "failover",
            Fault::Drop => "drop",
            Fault::Node => "node",
            Fault::Upgrade => "upgrade",
        }
    }
}

/// What one fault did.
struct Report {
    fault: Fault,
    ledger: Ledger,
    /// Until `/readyz` was 200 on all nodes for good, if it was.
    ready_after: Option<Duration>,
    ready_max: Duration,
    injected: Injected,
    audit: audit::Audit,
    doctor: Option<String>,
    ended_by_themselves: usize,
}

pub async fn run(options: Options) -> anyhow::Result<()> {
    let janitor = Janitor::start()?;
    let mut verdict = Verdict::default();
    let mut rows = Vec::new();
    for fault in Fault::ALL {
        if options.only.is_some_and(|only| only != fault) {
            continue;
        }
        eprintln!("{} …", fault.name());
        match happen(fault, &options, &janitor).await {
            Ok(report) => {
                rows.push(report.row());
                report.judge(&mut verdict);
            }
            Err(error) => verdict.require(false, format!("{}: {error:#}", fault.name())),
        }
    }
    println!(
        "\n| fault | writes | gave up | refused | ready again after s | longest pause of all s | longest wait of one s \
         | missing | doubled | doctor |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    rows.iter().for_each(|row| println!("{row}"));
    verdict.conclude()
}

async fn happen(fault: Fault, options: &Options, janitor: &Arc<Janitor>) -> anyhow::Result<Report> {
    let calm = Duration::from_secs_f64(options.calm_s);
    let folder = janitor.folder().join(fault.name());
    let mut site = Site::start(janitor, &folder, fault, options).await?;
    let load = Load::start(&site.addresses(), &site.organization, options.clients).await?;
    let watch = Watch::start(&site.addresses());
    tokio::time::sleep(calm).await;
    let begun = Instant::now();
    let injected = inject::inject(fault, &mut site, options, &watch).await?;
    tokio::time::sleep(calm.max(Duration::from_secs(1))).await;
    // Where nobody waits for the end of the fault, the nodes have as long as it lasts.
    let (since, ready_max) = match fault {
        Fault::Drop => (begun, injected.cleared - begun),
        _ => (injected.cleared, READY_MAX),
    };
    let ready_after = watch.ready_after(since);
    let ledger = load.end().await;
    watch.end();
    let ended_by_themselves = site.ended_by_themselves();
    let audit = audit::audit(&site.database_url(), &ledger).await?;
    let doctor = site.own.examine()?;
    let report = Report {
        fault,
        ledger,
        ready_after,
        ready_max,
        injected,
        audit,
        doctor,
        ended_by_themselves,
    };
    drop(site);
    let _ = std::fs::remove_dir_all(&folder); // the janitor deletes what is still in use
    Ok(report)
}

impl Report {
    fn row(&self) -> String {
        let ready = self
            .ready_after
            .map_or("never".to_owned(), |after| format!("{:.1}", after.as_secs_f64()));
        format!(
            "| {} | {} | {} | {} | {ready} | {:.1} | {:.1} | {} | {} | {} |",
            self.fault.name(),
            self.ledger.acknowledged.len(),
            self.ledger.given_up.len(),
            self.ledger.refused.len(),
            self.ledger.longest_pause().as_secs_f64(),
            self.ledger.longest_wait(&[]).as_secs_f64(),
            self.audit.missing.len(),
            self.audit.doubled.len(),
            if self.doctor.is_none() { "nothing" } else { "problems" },
        )
    }

    fn judge(self, verdict: &mut Verdict) {
        let name = self.fault.name();
        let mut require = |is_met, text: String| verdict.require(is_met, format!("{name}: {text}"));
        let limit = self.ready_max.as_secs_f64();
        let after = match self.ready_after {
            Some(after) => format!("after {:.1} s", after.as_secs_f64()),
            None => "never".to_owned(),
        };
        require(
            self.ready_after.is_some_and(|after| after <= self.ready_max),
            format!("/readyz is 200 again on all nodes {after} (at most {limit:.0} s)"),
        );
        require(
            self.ended_by_themselves == 0,
            format!("nodes that ended by themselves: {}", self.ended_by_themselves),
        );
        for (is_met, text) in self.injected.remarks {
            require(is_met, text);
        }
        if self.fault == Fault::Node {
            let wait = self.ledger.longest_wait(&self.injected.deaths);
            require(
                wait <= REPEAT_MAX,
                format!(
                    "the longest wait of a write after a death: {:.1} s (at most {:.0} s)",
                    wait.as_secs_f64(),
                    REPEAT_MAX.as_secs_f64()
                ),
            );
        }
        require(!self.ledger.acknowledged.is_empty(), "writes were acknowledged".to_owned());
        for (what, list) in [
            ("writes that were repeated for 30 s and gave up", &self.ledger.given_up),
            ("writes that were refused", &self.ledger.refused),
            ("acknowledged writes that are missing", &self.audit.missing),
            ("writes that are there twice", &self.audit.doubled),
        ] {
            let first = list.first().map_or(String::new(), |first| format!(", such as: {first}"));
            require(list.is_empty(), format!("{what}: {}{first}", list.len()));
        }
        let found = self.doctor.as_deref().unwrap_or("nothing");
        require(self.doctor.is_none(), format!("the doctor finds: {found}"));
    }
}
