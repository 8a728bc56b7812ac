//! The post-create work: runs plugins on a stored ticket and writes their patches in a separate transaction.
//!
//! Invariant: no failure loses the ticket. Each installation's work is a row that stays `pending` until it is done,
//! so that it is retried after a failure or a crash.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::db::Fault;
use crate::model::excerpt;
use crate::model::ids::{InstallationId, OrgId, TicketId, UserId};
use crate::model::outbox::TicketUpdated;
use crate::model::people::Actor;
use crate::model::ticket::{FieldSource, Ticket, TicketContext};
use crate::model::time::Time;
use crate::plugins::active::{Active, HookPlugins};
use crate::plugins::hooks::{self, Budget, Enrichment, Trace};
use crate::tickets::note::Note;
use crate::tickets::store::{Attempt, AttemptState};
use crate::tickets::{event, store};
use crate::{users, webhooks};

/// How long the request or node that does the work holds its lease.
pub const LEASE: Duration = Duration::from_secs(30);

/// The maximum number of attempts of an installation for one ticket, before its work fails.
const ATTEMPTS_MAX: i64 = 5;

/// When work is retried that this node could not run; it counts as no attempt.
const POSTPONED: Duration = Duration::from_secs(10);

/// The maximum number of attempts to write, when the ticket changes meanwhile.
const WRITES_MAX: usize = 20;

/// The pending work of a ticket.
pub struct Work {
    plugins: HookPlugins,
    /// The number of earlier attempts; missing means none.
    attempts: HashMap<InstallationId, i64>,
}

impl Work {
    /// The work of a new ticket.
    pub fn new(plugins: HookPlugins) -> Work {
        Work { plugins, attempts: HashMap::new() }
    }

    /// The work that is left of a ticket, with the number of attempts so far.
    pub fn retry(plugins: Vec<Arc<Active>>, attempts: HashMap<InstallationId, i64>) -> Work {
        Work { plugins: HookPlugins { enforced: plugins, monitored: Vec::new() }, attempts }
    }
}

/// Runs the plugins for a ticket. What cannot be stored stays pending. Returns the ticket's new version, if it was
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
    let event = event::creation(context, actor, app.clock.now());
    let mut enrichment = hooks::post_create(app, org, work.plugins, event, budget).await;
    refuse_unknown_users(app, org, &mut enrichment, budget).await;
    let (version, unwritten) = store_results(app, org, context, &enrichment, &work.attempts).await;
    enrichment.trace.mark_unwritten(&unwritten);
    (enrichment.trace, version)
}

/// What the plugins would set on a new ticket.
pub async fn preview(
    app: &App,
    org: OrgId,
    context: &TicketContext,
    plugins: HookPlugins,
    actor: &Actor,
    budget: &mut Budget,
) -> Trace {
    let event = event::creation(context, actor, app.clock.now());
    let mut enrichment = hooks::post_create(app, org, plugins, event, budget).await;
    refuse_unknown_users(app, org, &mut enrichment, budget).await;
    enrichment.trace
}

/// A patch that assigns the ticket to somebody who is not there is an invalid answer of its plugin.
async fn refuse_unknown_users(
    app: &App,
    org: OrgId,
    enrichment: &mut Enrichment,
    budget: &mut Budget,
) {
    let wanted = enrichment.patches.iter().filter_map(|(_, patch)| patch.assigned_to.as_deref());
    let ids: Vec<Option<UserId>> = wanted.map(user_id).collect();
    if ids.is_empty() {
        return;
    }
    let known = async {
        let ids: Vec<UserId> = ids.into_iter().flatten().collect();
        let mut conn = app.db.read().await?;
        users::store::known(&mut conn, org, &ids).await
    };
    match known.await {
        Ok(known) => enrichment.refuse(budget, |patch| {
            let text = patch.assigned_to.as_deref()?;
            let is_known = user_id(text).is_some_and(|id| known.contains(&id));
            let text = excerpt::text(text, 64);
            (!is_known).then(|| {
                format!(
                    "assigned-to is {text:?}, which is not the id of a user of this organization"
                )
            })
        }),
        // The write finds the database no better; the work is retried then.
        Err(error) => tracing::warn!(?error, "the users that plugins named could not be read"),
    }
}

fn user_id(text: &str) -> Option<UserId> {
    text.parse().ok().map(UserId)
}

/// Stores the results together, or, if the database refuses them, each by itself, so that one that it refuses does not
/// take the others with it. Returns the ticket's new version and the installations whose results are not stored.
async fn store_results(
    app: &App,
    org: OrgId,
    context: &TicketContext,
    enrichment: &Enrichment,
    earlier: &HashMap<InstallationId, i64>,
) -> (Option<i64>, Vec<InstallationId>) {
    let ticket = context.ticket.id;
    let error = match write(app, org, &context.ticket, enrichment, earlier).await {
        Ok(version) => return (Some(version), Vec::new()),
        Err(error) => error,
    };
    tracing::error!(%ticket, ?error, "the post-create work of a ticket could not be stored at once");
    if Fault::of(&error) != Fault::Internal {
        return (None, enrichment.installations());
    }
    let (mut version, mut unwritten) = (None, Vec::new());
    for part in enrichment.apart() {
        match write(app, org, &context.ticket, &part, earlier).await {
            Ok(written) => version = Some(written),
            Err(error) => {
                let installations = part.installations();
                tracing::error!(%ticket, ?installations, ?error, "the result of a plugin is left for a retry");
                if Fault::of(&error) == Fault::Internal {
                    count_failed_write(app, org, ticket, &installations, earlier).await;
                }
                unwritten.extend(installations);
            }
        }
    }
    (version, unwritten)
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

/// Writes the results on the ticket as it is now. Returns its version.
async fn write(
    app: &App,
    org: OrgId,
    ticket: &Ticket,
    enrichment: &Enrichment,
    earlier: &HashMap<InstallationId, i64>,
) -> Result<i64, sqlx::Error> {
    let id = ticket.id;
    let mut ticket = ticket.clone();
    for _ in 0..WRITES_MAX {
        let writing = Writing::of(app, ticket, enrichment, earlier);
        if let Some(version) = writing.commit(app, org).await? {
            return Ok(version);
        }
        let mut conn = app.db.read().await?;
        ticket = store::get(&mut conn, org, id).await?.ok_or(sqlx::Error::RowNotFound)?;
    }
    tracing::error!(ticket = %id, "a ticket changed {WRITES_MAX} times while its patches were written");
    Err(sqlx::Error::PoolTimedOut) // as after a busy database, the work is retried later
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
        let tags_before = self.ticket.tags.clone();
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
        if !store::update(&mut tx, org, &self.ticket, &tags_before, &entries).await? {
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

    /// The timeline notes: the plugins' own, the first failures, then the fields that two plugins set.
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
        let of_plugins = own
            .chain(failures)
            .filter(|(active, _)| written.contains(&active.installation_id))
            .map(|(active, text)| (active.plugin.as_str(), text));
        let set_twice = self.enrichment.trace.set_twice();
        let set_twice = set_twice.map(|(plugin, text)| (plugin, text.to_owned()));
        of_plugins
            .chain(set_twice)
            .map(|(plugin, text)| Note::of_plugin(app.clock.new_id(), plugin, text))
            .collect()
    }
}
