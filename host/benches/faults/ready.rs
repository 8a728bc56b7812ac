//! What `/readyz` of each node says, ten times a second.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::live::client::Client;

const EVERY: Duration = Duration::from_millis(100);

/// A slower response counts as none.
const LIMIT: Duration = Duration::from_secs(3);

#[derive(Clone, Copy)]
struct Seen {
    at: Instant,
    is_ready: bool,
}

pub struct Watch {
    nodes: Vec<Arc<Mutex<Vec<Seen>>>>,
    probes: Vec<JoinHandle<()>>,
}

impl Watch {
    pub fn start(addresses: &[String]) -> Watch {
        let mut watch = Watch { nodes: Vec::new(), probes: Vec::new() };
        for address in addresses {
            let seen = Arc::new(Mutex::new(Vec::new()));
            watch.nodes.push(seen.clone());
            watch.probes.push(tokio::spawn(probe(Client::new(address), seen)));
        }
        watch
    }

    pub fn end(self) {
        self.probes.iter().for_each(JoinHandle::abort);
    }

    /// From `since` until all nodes were ready for good; `None` if one is not.
    pub fn ready_after(&self, since: Instant) -> Option<Duration> {
        let mut after = Duration::ZERO;
        for seen in &self.nodes {
            let seen = locked(seen);
            let unready = seen.iter().rposition(|seen| !seen.is_ready && seen.at >= since);
            let ready = match unready {
                Some(last) => seen.get(last + 1)?,
                None => seen.last().filter(|seen| seen.is_ready)?,
            };
            if unready.is_some() {
                after = after.max(ready.at.duration_since(since));
            }
        }
        Some(after)
    }

    /// Whether no node said between the two that it was ready.
    pub fn is_unready_throughout(&self, from: Instant, to: Instant) -> bool {
        self.nodes.iter().all(|seen| {
            let seen = locked(seen);
            let mut between = seen.iter().filter(|seen| seen.at >= from && seen.at < to).peekable();
            between.peek().is_some() && between.all(|seen| !seen.is_ready)
        })
    }
}

async fn probe(client: Client, seen: Arc<Mutex<Vec<Seen>>>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let is_ready = client.probe("/readyz", LIMIT).await.is_ok_and(|status| status == 200);
        locked(&seen).push(Seen { at: Instant::now(), is_ready });
    }
}

fn locked(seen: &Mutex<Vec<Seen>>) -> MutexGuard<'_, Vec<Seen>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
