//! The post-create work: runs plugins on a stored ticket and writes their patches in a separate transaction.
//!
//! Invariant: no failure loses the ticket. Each installation's work is a row that stays `pending` until it is done,
//! so that it is retried after a failure or a crash.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::db::Fault;
use crate::jobs;
use crate::model::event::Hook;
use crate::model::ids::{InstallationId, OrgId, TicketId};
use crate::model::outbox::TicketUpdated;
use crate::model::people::Actor;
use crate::model::ticket::{FieldSource, Ticket, TicketContext};
use crate::model::time::Time;
use crate::plugins::active::Active;
use crate::plugins::hooks::{self, Budget, Enrichment, Trace};
use crate::tickets::note::Note;
use crate::tickets::store::{Attempt, AttemptState, EnrichmentRow};
use crate::tickets::{context, event, store};
use crate::{organizations, webhooks};

/// How long the request or node that does the work holds its lease.
pub const LEASE: Duration = Duration::from_secs(30);

const POLL_EVERY: Duration = Duration::from_secs(1);

/// How many tickets one node works on at the same time, and how many of them may be of one organization.
const TICKETS_MAX: usize = 16;
const TICKETS_MAX_PER_ORG: usize = 4;

/// The maximum number of attempts of an installation for one ticket, before its work fails.
const ATTEMPTS_MAX: i64 = 5;

/// When work is retried that this node could not run; it counts as no attempt.
const POSTPONED: Duration = Duration::from_secs(10);

/// The maximum number of attempts to write, when the ticket changes meanwhile.
const WRITES_MAX: usize = 20;

/// The pending work of a ticket.
pub struct Work {
    plugins: Vec<Arc<Active>>,
    /// The number of earlier attempts; missing means none.
    attempts: HashMap<InstallationId, i64>,
}

impl Work {
    /// The work of a new ticket.
    pub fn new(plugins: Vec<Arc<Active>>) -> Work {
        Work { plugins, attempts: HashMap::new() }
    }
}

/// Runs the plugins for a ticket. After an error the work stays pending. Returns the ticket's new version, if it was
/// written.
pub async fn run(
    app: &App,
    org: OrgId,
    context: &TicketContext,
    work: Work,
    actor: &Actor,
    budget: &mut Budget,
) -> (Trace, Option<i64>) {
    if work.plugins.is_empty() {
        return (Trace::default(), None);
    }
    let installations: Vec<_> = work.plugins.iter().map(|active| active.installation_id).collect();
    let attempts = work.attempts.clone();
    match try_run(app, org, context, work, actor, budget).await {
        Ok((trace, version)) => (trace, version),
        Err(error) => {
            let ticket = context.ticket.id;
            tracing::error!(%ticket, ?error, "the post-create work of a ticket is left for a retry");
            if Fault::of(&error) == Fault::Internal {
                count_failed_write(app, org, ticket, &installations, &attempts).await;
            }
            (Trace::default(), None)
        }
    }
}

/// Counts the attempt of work whose result the database refuses, in a transaction of its own: otherwise the count
/// would be rolled back with the result, and the work would be retried for ever. A database that is not available
/// counts nothing; the lease then decides when the work is retried.
async fn count_failed_write(
    app: &App,
    org: OrgId,
    ticket: TicketId,
    installations: &[InstallationId],
    earlier: &HashMap<InstallationId, i64>,
) {
    let now = app.clock.now();
    let attempts: Vec<Attempt<'_>> = installations
        .iter()
        .map(|installation| Attempt {
            installation: *installation,
            state: after_failure(now, earlier.get(installation).copied().unwrap_or_default()),
            error: Some("the result could not be stored; the server's log says why"),
        })
        .collect();
    let counted = async {
        let mut tx = app.db.begin().await?;
        store::record_attempts(&mut tx, org, ticket, &attempts).await?;
        tx.commit().await
    };
    if let Err(error) = counted.await {
        tracing::error!(%ticket, ?error, "a failed attempt at the post-create work of a ticket could not be counted");
    }
}

/// The state of work after one more failure.
fn after_failure(now: Time, before: i64) -> AttemptState {
    if before + 1 >= ATTEMPTS_MAX {
        return AttemptState::Failed;
    }
    // Exponential backoff: 10 s, doubled by each retry.
    AttemptState::Pending(now + Duration::from_secs(10 << before.clamp(0, 10)))
}

async fn try_run(
    app: &App,
    org: OrgId,
    context: &TicketContext,
    work: Work,
    actor: &Actor,
    budget: &mut Budget,
) -> Result<(Trace, Option<i64>), sqlx::Error> {
    let id = context.ticket.id;
    let event = event::creation(context, actor, app.clock.now());
    let enrichment = hooks::post_create(app, org, work.plugins, event, budget).await;
    let mut ticket = context.ticket.clone();
    for _ in 0..WRITES_MAX {
        let writing = Writing::of(app, ticket, &enrichment, &work.attempts);
        if let Some(version) = writing.commit(app, org).await? {
            return Ok((enrichment.trace, Some(version)));
        }
        let mut conn = app.db.read().await?;
        ticket = store::get(&mut conn, org, id).await?.ok_or(sqlx::Error::RowNotFound)?;
    }
    // As after an error, the work is retried later.
    tracing::error!(ticket = %id, "a ticket changed {WRITES_MAX} times while its patches were written");
    Ok((Trace::default(), None))
}

/// The results of plugins, to be written on a version of the ticket.
struct Writing<'a> {
    ticket: Ticket,
    enrichment: &'a Enrichment,
    attempts: Vec<Attempt<'a>>,
    /// Installations that fail for the first time, which adds a timeline entry.
    first_failures: HashSet<InstallationId>,
    now: Time,
}

impl<'a> Writing<'a> {
    fn of(
        app: &App,
        ticket: Ticket,
        enrichment: &'a Enrichment,
        earlier: &HashMap<InstallationId, i64>,
    ) -> Writing<'a> {
        let now = app.clock.now();
        let done = enrichment.patches.iter().map(|(active, _)| Attempt {
            installation: active.installation_id,
            state: AttemptState::Done,
            error: None,
        });
        let mut attempts: Vec<_> = done.collect();
        let mut first_failures = HashSet::new();
        for failed in &enrichment.failures {
            let installation = failed.active.installation_id;
            let before = earlier.get(&installation).copied().unwrap_or_default();
            let error = Some(failed.error.as_str());
            if failed.is_nodes_fault {
                let state = AttemptState::Postponed(now + POSTPONED);
                attempts.push(Attempt { installation, state, error });
                continue;
            }
            if before == 0 {
                first_failures.insert(installation);
            }
            attempts.push(Attempt { installation, state: after_failure(now, before), error });
        }
        Writing { ticket, enrichment, attempts, first_failures, now }
    }

    /// Writes what is still pending. Returns the ticket's new version, or `None` if the ticket changed meanwhile.
    async fn commit(mut self, app: &App, org: OrgId) -> Result<Option<i64>, sqlx::Error> {
        let (id, version, now) = (self.ticket.id, self.ticket.version, self.now);
        let mut tx = app.db.begin().await?;
        let written = store::record_attempts(&mut tx, org, id, &self.attempts).await?;
        let written: HashSet<InstallationId> = written.into_iter().collect();
        // Every end of work shows in the ticket; another retry does not.
        let shows = self.attempts.iter().any(|attempt| {
            let installation = &attempt.installation;
            let is_retry =
                matches!(attempt.state, AttemptState::Pending(_) | AttemptState::Postponed(_))
                    && !self.first_failures.contains(installation);
            written.contains(installation) && !is_retry
        });
        let (changed, sources) = self.apply_patches(&written);
        let notes = self.notes(app, &written);
        if !shows {
            tx.commit().await?;
            return Ok(Some(version));
        }
        if !changed.is_empty() {
            self.ticket.updated_at = now;
        }
        let status = &self.ticket.status;
        let entries: Vec<_> = notes.iter().map(|note| note.event(status, now)).collect();
        if !store::update(&mut tx, org, &self.ticket, &entries).await? {
            return Ok(None);
        }
        let version = version + 1;
        if !changed.is_empty() {
            store::set_field_sources(&mut tx, org, id, &sources).await?;
            let event = TicketUpdated::of(&self.ticket, changed, version);
            webhooks::store::enqueue(&mut tx, org, app.clock.new_id(), &event, now).await?;
        }
        tx.commit().await?;
        Ok(Some(version))
    }

    /// Applies the patches whose work was written. Returns the fields that they set, and for each field the plugin
    /// that set it last.
    fn apply_patches(
        &mut self,
        written: &HashSet<InstallationId>,
    ) -> (Vec<String>, Vec<FieldSource>) {
        let mut changed = Vec::new();
        let mut sources: HashMap<String, FieldSource> = HashMap::new();
        for (active, patch) in &self.enrichment.patches {
            if !written.contains(&active.installation_id) {
                continue; // another node did it
            }
            self.ticket.apply(patch);
            for field in patch.fields().into_iter().filter(|field| field != "internal_note") {
                let source = FieldSource {
                    field: field.clone(),
                    plugin: active.plugin.clone(),
                    plugin_version: active.version.clone(),
                    installation_id: active.installation_id,
                    created_at: self.now,
                };
                sources.insert(field.clone(), source);
                changed.push(field);
            }
        }
        (changed, sources.into_values().collect())
    }

    /// The timeline notes: the plugins' own, then the first failures.
    fn notes(&self, app: &App, written: &HashSet<InstallationId>) -> Vec<Note> {
        let own = self.enrichment.patches.iter().filter_map(|(active, patch)| {
            let text = patch.internal_note.as_ref()?;
            Some((active, text.clone()))
        });
        let failures = self.enrichment.failures.iter().filter_map(|failed| {
            let (active, error) = (&failed.active, &failed.error);
            let is_first = self.first_failures.contains(&active.installation_id);
            is_first
                .then(|| (active, format!("continued without the plugin and will retry: {error}")))
        });
        own.chain(failures)
            .filter(|(active, _)| written.contains(&active.installation_id))
            .map(|(active, text)| Note::of_plugin(app.clock.new_id(), &active.plugin, text))
            .collect()
    }
}

/// Runs post-create work that is due, one set of tickets: after a failure, a crash or a restart. Returns the number of
/// tickets.
pub async fn run_due(app: &App) -> Result<usize, sqlx::Error> {
    let leased = lease(app, &HashMap::new(), TICKETS_MAX).await?;
    let work: JoinSet<()> =
        leased.iter().map(|(org, ticket)| retry(app.clone(), *org, *ticket)).collect();
    work.join_all().await;
    Ok(leased.len())
}

/// Leases up to `free` tickets: organizations take turns, and none gets more than its share beside what is `running`.
async fn lease(
    app: &App,
    running: &HashMap<OrgId, usize>,
    free: usize,
) -> Result<Vec<(OrgId, TicketId)>, sqlx::Error> {
    let now = app.clock.now();
    let mut conn = app.db.read().await?;
    let due = store::due_enrichments(&mut conn, now, TICKETS_MAX).await?;
    drop(conn);
    let mut running = running.clone();
    let mut chosen = Vec::new();
    for (org, ticket) in due {
        let count = running.entry(org).or_default();
        if *count < TICKETS_MAX_PER_ORG && chosen.len() < free {
            *count += 1;
            chosen.push((org, ticket));
        }
    }
    if chosen.is_empty() {
        return Ok(chosen);
    }
    let mut tx = app.db.begin().await?;
    let leased =
        store::lease_enrichments(&mut tx, &chosen, now, (now + LEASE, app.node.id)).await?;
    tx.commit().await?;
    Ok(leased)
}

/// An error leaves the work of this ticket for the end of the lease, and concerns no other ticket.
async fn retry(app: App, org: OrgId, ticket: TicketId) {
    if let Err(error) = try_retry(&app, org, ticket).await {
        tracing::error!(%ticket, ?error, "the post-create work of a ticket could not be retried");
    }
}

async fn try_retry(app: &App, org: OrgId, ticket: TicketId) -> Result<(), sqlx::Error> {
    let mut conn = app.db.read().await?;
    let Some(context) = context::load(&mut conn, org, ticket).await? else { return Ok(()) };
    let mut pending = store::enrichments(&mut conn, org, ticket).await?;
    pending.retain(|row| row.state == "pending");
    let revision = organizations::store::plugins_revision(&mut conn, org).await?;
    drop(conn);
    let attempts: HashMap<_, _> =
        pending.iter().map(|row| (row.installation_id, row.attempts)).collect();
    let mut plugins = app
        .active
        .for_hook(&app.db, org, revision, Hook::PostCreate, context.ticket.shop_id)
        .await?;
    plugins.retain(|active| attempts.contains_key(&active.installation_id));
    end_removed(app, org, ticket, &pending, &plugins).await?;
    let name = context.timeline.first().map_or("RepairOps", |entry| entry.actor.as_str());
    let actor = Actor { name: name.to_owned(), user_id: None };
    let work = Work { plugins, attempts };
    run(app, org, &context, work, &actor, &mut Budget::new(app)).await;
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
                is_more_due = !leased.is_empty();
                for (org, ticket) in leased {
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
