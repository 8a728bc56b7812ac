//! What the hostile organizations do at the same time, and how much of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;

use super::neighbors::{Neighbors, Sizes};
use super::{Options, poison, slow};
use crate::live::client::Client;
use crate::live::node::Program;

const BIG_UPLOAD_EVERY: Duration = Duration::from_secs(15);

/// How much there is of each.
#[derive(Clone)]
pub struct Settings {
    sizes: Sizes,
    rate: f64,
    dripping: usize,
    poisoned: usize,
    /// Empty means all.
    only: Vec<Kind>,
}

impl From<&Options> for Settings {
    fn from(options: &Options) -> Settings {
        Settings {
            sizes: Sizes {
                hanging: options.hanging,
                failing: options.failing,
                upload_bytes: (options.upload_mib << 20).max(8),
            },
            rate: options.hostile_rate,
            dripping: options.dripping,
            poisoned: options.poisoned,
            only: options.only.clone(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
pub enum Kind {
    Receivers,
    Plugins,
    Poison,
    InvalidUploads,
    BigUploads,
    Drips,
}

impl Kind {
    const ALL: [Kind; 6] = [
        Kind::Receivers,
        Kind::Plugins,
        Kind::Poison,
        Kind::InvalidUploads,
        Kind::BigUploads,
        Kind::Drips,
    ];

    fn name(self) -> &'static str {
        match self {
            Kind::Receivers => "tickets whose events go to 20 hanging or failing receivers",
            Kind::Plugins => "transitions past plugins that loop, trap or bomb",
            Kind::Poison => "tickets whose post-create work cannot be stored",
            Kind::InvalidUploads => "invalid uploads",
            Kind::BigUploads => "big uploads",
            Kind::Drips => "dripping connections that the server closed",
        }
    }

    /// The time between two of them.
    fn every(self, rate: f64) -> Duration {
        let share = match self {
            Kind::Receivers => 0.3,
            Kind::Plugins => 0.4,
            Kind::Poison => 0.2,
            Kind::InvalidUploads => 0.1,
            Kind::BigUploads | Kind::Drips => return BIG_UPLOAD_EVERY,
        };
        Duration::from_secs_f64(1.0 / (share * rate).max(0.001))
    }
}

/// How many responses were a success, and how many not.
#[derive(Default)]
struct Count {
    successes: AtomicU64,
    others: AtomicU64,
}

impl Count {
    fn add(&self, is_success: bool) {
        let count = if is_success { &self.successes } else { &self.others };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Clone)]
pub struct Hostile {
    neighbors: Arc<Neighbors>,
    client: Arc<Client>,
    address: String,
    settings: Settings,
    counts: Arc<[Count; Kind::ALL.len()]>,
    ended: Arc<AtomicBool>,
}

/// What they do, until it is ended.
pub struct Attack(Arc<AtomicBool>);

impl Attack {
    pub fn end(self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Hostile {
    pub async fn prepare(
        program: Program,
        address: String,
        settings: Settings,
    ) -> anyhow::Result<Hostile> {
        eprintln!("preparing the hostile organizations …");
        let client = Arc::new(Client::new(&address));
        let neighbors = Arc::new(Neighbors::prepare(&program, &client, &settings.sizes).await?);
        let (counts, ended) = (Arc::default(), Arc::default());
        Ok(Hostile { neighbors, client, address, settings, counts, ended })
    }

    /// Makes tickets whose post-create work the database refuses from now on.
    pub async fn poison(&self, database: &str) -> anyhow::Result<()> {
        if !self.does(Kind::Poison) {
            return Ok(());
        }
        poison::add(database, &self.neighbors.poisoned.id).await?;
        for _ in 0..self.settings.poisoned {
            let done = self.neighbors.create_poisoned(&self.client).await;
            self.counts[Kind::Poison as usize].add(done.is_ok());
        }
        Ok(())
    }

    pub fn start(&self, runtime: &Handle) -> Attack {
        for kind in Kind::ALL.into_iter().filter(|kind| self.does(*kind)) {
            match kind {
                Kind::Drips => {
                    for number in 0..self.settings.dripping {
                        runtime.spawn(self.clone().drip(number));
                    }
                }
                _ => drop(runtime.spawn(self.clone().repeat(kind))),
            }
        }
        Attack(self.ended.clone())
    }

    fn does(&self, kind: Kind) -> bool {
        self.settings.only.is_empty() || self.settings.only.contains(&kind)
    }

    /// One after the other, and not faster than its rate.
    async fn repeat(self, kind: Kind) {
        let mut ticks = tokio::time::interval(kind.every(self.settings.rate));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (neighbors, client) = (&self.neighbors, &self.client);
        while !self.ended.load(Ordering::Relaxed) {
            ticks.tick().await;
            let done = match kind {
                Kind::Receivers => neighbors.create_for_receivers(client).await,
                Kind::Plugins => neighbors.call_failing_plugin(client).await,
                Kind::Poison => neighbors.create_poisoned(client).await,
                Kind::InvalidUploads => neighbors.upload_invalid(client).await,
                Kind::BigUploads => neighbors.upload_big(client).await,
                Kind::Drips => return,
            };
            self.counts[kind as usize].add(done.is_ok());
        }
    }

    async fn drip(self, number: usize) {
        while !self.ended.load(Ordering::Relaxed) {
            let done = slow::drip(&self.address, number, &self.neighbors.uploading.key).await;
            self.counts[Kind::Drips as usize].add(done.is_ok());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A table of what they did.
    pub fn report(&self) -> String {
        let mut text = "| hostile | succeeded | refused or failed |\n|---|---|---|".to_owned();
        for kind in Kind::ALL {
            let count = &self.counts[kind as usize];
            let [successes, others] =
                [&count.successes, &count.others].map(|count| count.load(Ordering::Relaxed));
            text.push_str(&format!("\n| {} | {successes} | {others} |", kind.name()));
        }
        text
    }
}
