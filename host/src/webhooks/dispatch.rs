//! The dispatcher of a node: hands on events, takes endpoints that have something due, and delivers to each in a lane
//! of its own. Any number of nodes do this on one database.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::jobs::interval;
use crate::webhooks::lane::Lane;
use crate::webhooks::store::leases;
use crate::webhooks::{fan_out, prune};

/// How often a node looks for what other nodes wrote, and for attempts whose time has come.
const LOOK_EVERY: Duration = Duration::from_secs(1);

const MEASURE_EVERY: Duration = Duration::from_secs(10);

const PRUNE_EVERY: Duration = Duration::from_secs(60 * 60);

/// Endpoints that one node delivers to at the same time.
const LANES_MAX: usize = 512;

/// Delivers all that is due now, and what becomes due by it; answers how many attempts were made.
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

/// Delivers until `stop` is cancelled; then what is under way is finished and the endpoints are given back.
pub async fn run_until(app: App, stop: CancellationToken) {
    let mut looks = interval(LOOK_EVERY);
    let mut measures = interval(MEASURE_EVERY);
    let mut prunes = interval(PRUNE_EVERY);
    let mut lanes = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = app.webhooks.new_events.notified() => look(&app, &mut lanes, &stop).await,
            _ = looks.tick() => look(&app, &mut lanes, &stop).await,
            Some(_) = lanes.join_next() => {}
            _ = measures.tick() => measure(&app).await,
            _ = prunes.tick() => prune::run(&app).await,
        }
    }
    while lanes.join_next().await.is_some() {}
}

async fn look(app: &App, lanes: &mut JoinSet<usize>, stop: &CancellationToken) {
    let looked = async {
        fan_out::run(app).await?;
        start_lanes(app, lanes, stop).await
    };
    if let Err(error) = looked.await {
        tracing::error!(?error, "due webhook deliveries could not be claimed");
    }
}

async fn start_lanes(
    app: &App,
    lanes: &mut JoinSet<usize>,
    stop: &CancellationToken,
) -> Result<(), sqlx::Error> {
    let room = LANES_MAX.saturating_sub(lanes.len());
    if room == 0 {
        return Ok(());
    }
    let mut conn = app.db.read().await?;
    let limit = i64::try_from(room).unwrap_or(i64::MAX);
    let due = leases::due_endpoints(&mut conn, app.clock.now(), limit).await?;
    drop(conn);
    for (org, webhook) in due {
        if let Some(lane) = Lane::take(app, org, webhook).await? {
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
