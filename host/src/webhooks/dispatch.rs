//! The dispatcher of a node: fans out events, acquires endpoints that have deliveries due, and runs a lane for each.
//!
//! Invariant: any number of nodes may do this on one database; a lease gives each endpoint to one node.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::jobs::interval;
use crate::webhooks::lane::Lane;
use crate::webhooks::store::leases;
use crate::webhooks::{fan_out, prune};

/// How often a node looks for the events of other nodes and for retries that are due.
const POLL_EVERY: Duration = Duration::from_secs(1);

const MEASURE_EVERY: Duration = Duration::from_secs(10);

const PRUNE_EVERY: Duration = Duration::from_secs(60 * 60);

/// The maximum number of endpoints that one node delivers to at the same time.
const LANES_MAX: usize = 512;

/// Sends all deliveries that are due, until none is left. Returns the number of attempts.
pub async fn run_due(app: &App) -> Result<usize, sqlx::Error> {
    let never = CancellationToken::new();
    let mut lanes = JoinSet::new();
    let mut attempts = 0;
    loop {
        fan_out::run(app).await?;
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
    let mut measurements = interval(MEASURE_EVERY);
    let mut prunes = interval(PRUNE_EVERY);
    let mut lanes = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = app.webhooks.new_events.notified() => poll(&app, &mut lanes, &stop).await,
            _ = polls.tick() => poll(&app, &mut lanes, &stop).await,
            Some(_) = lanes.join_next() => {}
            _ = measurements.tick() => measure(&app).await,
            _ = prunes.tick() => prune::run(&app).await,
        }
    }
    while lanes.join_next().await.is_some() {}
}

async fn poll(app: &App, lanes: &mut JoinSet<usize>, stop: &CancellationToken) {
    let polled = async {
        fan_out::run(app).await?;
        start_lanes(app, lanes, stop).await
    };
    if let Err(error) = polled.await {
        tracing::error!(?error, "due webhook deliveries could not be claimed");
    }
}

async fn start_lanes(
    app: &App,
    lanes: &mut JoinSet<usize>,
    stop: &CancellationToken,
) -> Result<(), sqlx::Error> {
    let free = LANES_MAX.saturating_sub(lanes.len());
    if free == 0 {
        return Ok(());
    }
    let mut conn = app.db.read().await?;
    let limit = i64::try_from(free).unwrap_or(i64::MAX);
    let due = leases::due_endpoints(&mut conn, app.clock.now(), limit).await?;
    drop(conn);
    for (org, webhook) in due {
        if let Some(lane) = Lane::acquire(app, org, webhook).await? {
            lanes.spawn(lane.run(stop.clone()));
        }
    }
    Ok(())
}

async fn measure(app: &App) {
    let now = app.clock.now();
    let read = async {
        let mut conn = app.db.read().await?;
        leases::backlog(&mut conn, now).await
    };
    match read.await {
        Ok((waiting, oldest)) => {
            let late = oldest.map_or(0, |oldest| (now - oldest).num_seconds().max(0));
            app.metrics.set_webhook_backlog(waiting, late);
        }
        Err(error) => tracing::warn!(?error, "the backlog of webhooks could not be read"),
    }
}
