//! The dispatcher of a node: fans out events, acquires endpoints that have deliveries due, and runs a lane for each.
//!
//! Invariant: any number of nodes may do this on one database; a lease gives each endpoint to one node.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::jobs::interval;
use crate::webhooks::fan_out;
use crate::webhooks::lane::Lane;
use crate::webhooks::store::leases::{self, DueEndpoint};

/// How often a node looks for the events of other nodes and for retries that are due.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// Sends all deliveries that are due, until none is left. Returns the number of attempts.
pub async fn run_due(app: &App) -> Result<usize, sqlx::Error> {
    let never = CancellationToken::new();
    let mut lanes = JoinSet::new();
    let mut attempts = 0;
    loop {
        fan_out::run(app, &never).await?;
        start_lanes(app, &mut lanes, &never).await?;
        match lanes.join_next().await {
            Some(ended) => attempts += ended.unwrap_or(0),
            None => return Ok(attempts),
        }
    }
}

/// Delivers until `stop` is cancelled; then running attempts finish and the leases are released.
pub async fn run_until(app: App, stop: CancellationToken) {
    let mut polls = interval(POLL_EVERY);
    let mut lanes = JoinSet::new();
    let mut is_more_due = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = app.webhooks.new_events.notified() => {}
            _ = polls.tick() => {}
            // The free slot is of use at once.
            Some(_) = lanes.join_next() => if !is_more_due { continue },
        }
        is_more_due = poll(&app, &mut lanes, &stop).await;
    }
    while lanes.join_next().await.is_some() {}
}

/// Returns whether more endpoints have deliveries due than there are slots.
async fn poll(app: &App, lanes: &mut JoinSet<usize>, stop: &CancellationToken) -> bool {
    let polled = async {
        fan_out::run(app, stop).await?;
        start_lanes(app, lanes, stop).await
    };
    polled.await.unwrap_or_else(|error| {
        tracing::error!(?error, "due webhook deliveries could not be claimed");
        false
    })
}

async fn start_lanes(
    app: &App,
    lanes: &mut JoinSet<usize>,
    stop: &CancellationToken,
) -> Result<bool, sqlx::Error> {
    let free = app.webhooks.slots.free_max();
    if free == 0 {
        return Ok(true);
    }
    let mut conn = app.db.read().await?;
    let limit = i64::try_from(free).unwrap_or(i64::MAX);
    let due = leases::due_endpoints(&mut conn, app.clock.now(), limit).await?;
    drop(conn);
    let count = due.len();
    let with_slot = |due: DueEndpoint| Some((due, app.webhooks.slots.try_acquire(due.standing)?));
    let chosen: Vec<_> = due.into_iter().filter_map(with_slot).collect();
    let is_more_due = chosen.len() < count;
    if !chosen.is_empty() {
        for lane in Lane::acquire(app, chosen).await? {
            lanes.spawn(lane.run(stop.clone()));
        }
    }
    Ok(is_more_due)
}
