//! Retries post-create work that is due: after a failure, a crash or a restart.
//!
//! Invariant: organizations take turns, none has more than its share of a node, and an error concerns its own ticket
//! alone.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::jobs;
use crate::model::event::Hook;
use crate::model::ids::{OrgId, TicketId};
use crate::model::people::Actor;
use crate::organizations;
use crate::plugins::active::Active;
use crate::plugins::hooks::Budget;
use crate::tickets::enrich::{LEASE, Work, run};
use crate::tickets::store::{Attempt, AttemptState, EnrichmentRow};
use crate::tickets::{context, store};

const POLL_EVERY: Duration = Duration::from_secs(1);

/// How many tickets one node works on at the same time, and how many of them may be of one organization.
const TICKETS_MAX: usize = 16;
const TICKETS_MAX_PER_ORG: usize = 4;

/// Retries one set of tickets whose work is due. Returns their number.
pub async fn run_due(app: &App) -> Result<usize, sqlx::Error> {
    let leased = lease(app, &HashMap::new(), TICKETS_MAX).await?.tickets;
    let work: JoinSet<()> =
        leased.iter().map(|(org, ticket)| retry(app.clone(), *org, *ticket)).collect();
    work.join_all().await;
    Ok(leased.len())
}

/// What one round leased.
struct Leased {
    tickets: Vec<(OrgId, TicketId)>,
    /// More is due than this node may take at the moment.
    is_more_due: bool,
}

/// Leases up to `free` tickets: organizations take turns, and none gets more than its share beside what is `running`.
async fn lease(
    app: &App,
    running: &HashMap<OrgId, usize>,
    free: usize,
) -> Result<Leased, sqlx::Error> {
    let now = app.clock.now();
    let mut conn = app.db.read().await?;
    let due = store::due_enrichments(&mut conn, now, TICKETS_MAX).await?;
    drop(conn);
    let count_due = due.len();
    let mut running = running.clone();
    let mut chosen = Vec::new();
    for (org, ticket) in due {
        let count = running.entry(org).or_default();
        if *count < TICKETS_MAX_PER_ORG && chosen.len() < free {
            *count += 1;
            chosen.push((org, ticket));
        }
    }
    let is_more_due = chosen.len() < count_due || count_due >= TICKETS_MAX;
    if chosen.is_empty() {
        return Ok(Leased { tickets: chosen, is_more_due });
    }
    let mut tx = app.db.begin().await?;
    let tickets =
        store::lease_enrichments(&mut tx, &chosen, now, (now + LEASE, app.node.id)).await?;
    tx.commit().await?;
    Ok(Leased { tickets, is_more_due })
}

/// An error leaves the work of this ticket for the end of the lease, and concerns no other ticket.
async fn retry(app: App, org: OrgId, ticket: TicketId) {
    if let Err(error) = try_retry(&app, org, ticket).await {
        tracing::error!(%ticket, ?error, "the post-create work of a ticket could not be retried");
    }
}

async fn try_retry(app: &App, org: OrgId, ticket: TicketId) -> Result<(), sqlx::Error> {
    let mut conn = app.db.read().await?;
    let Some(mut context) = context::load(&mut conn, org, ticket).await? else { return Ok(()) };
    let mut pending = store::enrichments(&mut conn, org, ticket).await?;
    pending.retain(|row| row.state == "pending");
    let revision = organizations::store::plugins_revision(&mut conn, org).await?;
    drop(conn);
    let attempts: HashMap<_, _> =
        pending.iter().map(|row| (row.installation_id, row.attempts)).collect();
    let plugins = app
        .active
        .for_hook(&app.db, org, revision, Hook::PostCreate, context.ticket.shop_id)
        .await?;
    let mut plugins = plugins.enforced;
    plugins.retain(|active| attempts.contains_key(&active.installation_id));
    if plugins.iter().any(|active| active.sees_payments) {
        let mut conn = app.db.read().await?;
        context.extras = Some(context::extras(&mut conn, org, &context.ticket).await?);
    }
    end_removed(app, org, ticket, &pending, &plugins).await?;
    let name = context.timeline.entries.first().map_or("RepairOps", |entry| entry.actor.as_str());
    let actor = Actor { name: name.to_owned(), user_id: None };
    let work = Work::retry(plugins, attempts);
    let mut budget = Budget::new(app);
    run(app, org, &context, work, &actor, &mut budget).await;
    budget.finish().await;
    Ok(())
}

/// Ends the work of installations that were removed or disabled meanwhile.
async fn end_removed(
    app: &App,
    org: OrgId,
    ticket: TicketId,
    pending: &[EnrichmentRow],
    plugins: &[Arc<Active>],
) -> Result<(), sqlx::Error> {
    let there: HashSet<_> = plugins.iter().map(|active| active.installation_id).collect();
    let removed: Vec<Attempt<'_>> = pending
        .iter()
        .filter(|row| !there.contains(&row.installation_id))
        .map(|row| Attempt {
            installation: row.installation_id,
            state: AttemptState::Done,
            error: Some("the installation was removed or switched off"),
        })
        .collect();
    if removed.is_empty() {
        return Ok(());
    }
    let mut tx = app.db.begin().await?;
    store::record_attempts(&mut tx, org, ticket, &removed).await?;
    tx.commit().await
}

/// Runs due work until `stop` is cancelled; then what has begun is finished.
pub async fn run_until(app: App, stop: CancellationToken) {
    let mut polls = jobs::interval(POLL_EVERY);
    let mut work: JoinSet<OrgId> = JoinSet::new();
    let mut running: HashMap<OrgId, usize> = HashMap::new();
    let mut is_more_due = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = polls.tick() => {}
            Some(ended) = work.join_next() => {
                match ended {
                    Ok(org) => end_one(&mut running, org),
                    // Not known whose it was; the shares are right again once all has ended.
                    Err(error) => tracing::error!(?error, "the post-create work of a ticket was aborted"),
                }
                if work.is_empty() {
                    running.clear();
                }
                if !is_more_due {
                    continue;
                }
            }
        }
        let free = TICKETS_MAX - work.len();
        if free == 0 {
            continue;
        }
        match lease(&app, &running, free).await {
            Ok(leased) => {
                is_more_due = leased.is_more_due;
                for (org, ticket) in leased.tickets {
                    *running.entry(org).or_default() += 1;
                    let app = app.clone();
                    work.spawn(async move {
                        retry(app, org, ticket).await;
                        org
                    });
                }
            }
            Err(error) => tracing::error!(?error, "due post-create work could not be run"),
        }
    }
    work.join_all().await;
}

fn end_one(running: &mut HashMap<OrgId, usize>, org: OrgId) {
    if let Some(count) = running.get_mut(&org) {
        *count -= 1;
        if *count == 0 {
            running.remove(&org);
        }
    }
}
