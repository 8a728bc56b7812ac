//! The post-create work: plugins look at a stored ticket, their patches are written in a transaction of
//! its own. It never costs the ticket: each installation's work is a row that stays `pending` until it is
//! done, so a failure or a crash leaves it marked, and it is run again.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::db::Conn;
use crate::jobs;
use crate::model::event::Hook;
use crate::model::ids::{OrgId, TicketId};
use crate::model::outbox::TicketUpdated;
use crate::model::people::Actor;
use crate::model::ticket::{FieldSource, Ticket};
use crate::plugins::active::Active;
use crate::plugins::hooks::{self, Budget, Enrichment, Trace};
use crate::tickets::{detail, event, note, store};
use crate::{organizations, webhooks};

/// How long work belongs to whoever took it.
pub const LEASE: Duration = Duration::from_secs(30);

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often an installation is asked about one ticket before it counts as failed.
const ATTEMPTS_MAX: i64 = 5;

/// How often a write starts again because the ticket changed meanwhile.
const WRITES_MAX: usize = 20;

/// Runs the given installations for a ticket. Whatever goes wrong stays behind as pending work. The answer has the
/// version that this left the ticket at, if it wrote.
pub async fn run(
    app: &App,
    org: OrgId,
    ticket: TicketId,
    plugins: Vec<Arc<Active>>,
    actor: &Actor,
    budget: &mut Budget,
) -> (Trace, Option<i64>) {
    if plugins.is_empty() {
        return (Trace::default(), None);
    }
    match try_run(app, org, ticket, plugins, actor, budget).await {
        Ok((trace, version)) => (trace, version),
        Err(error) => {
            tracing::error!(%ticket, ?error, "the post-create work of a ticket is left for later");
            (Trace::default(), None)
        }
    }
}

async fn try_run(
    app: &App,
    org: OrgId,
    ticket: TicketId,
    plugins: Vec<Arc<Active>>,
    actor: &Actor,
    budget: &mut Budget,
) -> Result<(Trace, Option<i64>), sqlx::Error> {
    let mut conn = app.db.read().await?;
    let Some(detail) = detail::load(&mut conn, org, ticket).await? else {
        return Ok((Trace::default(), None));
    };
    drop(conn); // guest code runs without one
    let event = event::creation(&detail, actor, app.clock.now());
    let enrichment = hooks::post_create(app, org, plugins, event, budget).await;
    for _ in 0..WRITES_MAX {
        if let Some(version) = write(app, org, ticket, &enrichment).await? {
            return Ok((enrichment.trace, Some(version)));
        }
    }
    // As after an error: it is left for later.
    tracing::error!(%ticket, "a ticket changed {WRITES_MAX} times while its patches were written");
    Ok((Trace::default(), None))
}

/// Writes the patches; none when the ticket changed between reading and writing it, else its version now, which grows
/// with whatever the ticket shows of this.
async fn write(
    app: &App,
    org: OrgId,
    id: TicketId,
    enrichment: &Enrichment,
) -> Result<Option<i64>, sqlx::Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let mut ticket = store::get(&mut tx, org, id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let mut changed: Vec<String> = Vec::new();
    let mut ended = false;
    for (active, patch) in &enrichment.patches {
        if !store::end_enrichment(&mut tx, org, id, active.installation_id, "done", None).await? {
            continue; // someone else did it
        }
        ended = true;
        ticket.apply(patch);
        for field in patch.fields() {
            if field == "internal_note" {
                continue;
            }
            let source = FieldSource {
                field: field.clone(),
                plugin: active.plugin.clone(),
                plugin_version: active.version.clone(),
                installation_id: active.installation_id,
                created_at: now,
            };
            store::set_field_source(&mut tx, org, id, &source).await?;
            changed.push(field);
        }
        if let Some(text) = &patch.internal_note {
            note::add(&mut tx, &app.clock, org, &ticket, &active.plugin, text, now).await?;
        }
    }
    let told = fail_or_postpone(app, &mut tx, org, &ticket, enrichment).await?;
    let mut version = ticket.version;
    if changed.is_empty() && (ended || told) {
        version = store::touch(&mut tx, org, id, None).await?.unwrap_or(version);
    }
    if !changed.is_empty() {
        ticket.updated_at = now;
        if !store::update(&mut tx, org, &ticket).await? {
            return Ok(None);
        }
        version += 1;
        let event = TicketUpdated::of(&ticket, changed, version);
        webhooks::store::enqueue(&mut tx, org, app.clock.new_id(), &event, now).await?;
    }
    tx.commit().await?;
    Ok(Some(version))
}

/// Failed tries are made again, each time later; after the last one the work counts as failed. The first failure is
/// noted in the timeline. True when the ticket shows something of it.
async fn fail_or_postpone(
    app: &App,
    conn: &mut Conn,
    org: OrgId,
    ticket: &Ticket,
    enrichment: &Enrichment,
) -> Result<bool, sqlx::Error> {
    if enrichment.failures.is_empty() {
        return Ok(false);
    }
    let mut told = false;
    let now = app.clock.now();
    let rows = store::enrichments(conn, org, ticket.id).await?;
    for (active, error) in &enrichment.failures {
        let id = active.installation_id;
        let row = rows.iter().find(|row| row.installation_id == id && row.state == "pending");
        let Some(tries) = row.map(|row| row.attempts) else { continue };
        if tries == 0 {
            let text = format!("went on without it, and will ask again: {error}");
            note::add(conn, &app.clock, org, ticket, &active.plugin, &text, now).await?;
            told = true;
        }
        if tries + 1 >= ATTEMPTS_MAX {
            told = true;
            store::end_enrichment(conn, org, ticket.id, id, "failed", Some(error)).await?;
        } else {
            let due_at = now + Duration::from_secs(10 << tries.clamp(0, 10));
            store::postpone_enrichment(conn, org, ticket.id, id, due_at, error).await?;
        }
    }
    Ok(told)
}

/// Takes up post-create work that is due: after a failure, a crash or a restart. Answers for how many
/// tickets there was some.
pub async fn run_due(app: &App) -> Result<usize, sqlx::Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let leased = store::lease_enrichments(&mut tx, now, now + LEASE, 20).await?;
    tx.commit().await?;
    for (org, ticket) in &leased {
        let mut conn = app.db.read().await?;
        let Some(detail) = detail::load(&mut conn, *org, *ticket).await? else { continue };
        let pending = store::enrichments(&mut conn, *org, *ticket).await?;
        let revision = organizations::store::plugins_revision(&mut conn, *org).await?;
        drop(conn);
        let is_pending = |active: &Arc<Active>| {
            pending
                .iter()
                .any(|row| row.installation_id == active.installation_id && row.state == "pending")
        };
        let mut plugins = app
            .active
            .for_hook(&app.db, *org, revision, Hook::PostCreate, detail.ticket.shop_id)
            .await?;
        plugins.retain(is_pending);
        give_up_removed(app, *org, *ticket, &pending, &plugins).await?;
        let actor =
            detail.timeline.first().map_or("RepairOps", |entry| entry.actor.as_str()).to_owned();
        let actor = Actor { name: actor, user_id: None };
        run(app, *org, *ticket, plugins, &actor, &mut Budget::new(app)).await;
    }
    Ok(leased.len())
}

/// Work of an installation that was removed or switched off meanwhile has nobody to do it.
async fn give_up_removed(
    app: &App,
    org: OrgId,
    ticket: TicketId,
    pending: &[store::EnrichmentRow],
    plugins: &[Arc<Active>],
) -> Result<(), sqlx::Error> {
    let mut tx = app.db.begin().await?;
    for row in pending.iter().filter(|row| row.state == "pending") {
        if !plugins.iter().any(|active| active.installation_id == row.installation_id) {
            let why = Some("the installation was removed or switched off");
            store::end_enrichment(&mut tx, org, ticket, row.installation_id, "done", why).await?;
        }
    }
    tx.commit().await
}

/// Looks for due work every second, until `stop` is cancelled.
pub async fn run_until(app: App, stop: CancellationToken) {
    jobs::every(LOOK_EVERY, stop, || async {
        if let Err(error) = run_due(&app).await {
            tracing::error!(?error, "due post-create work could not be started");
        }
    })
    .await;
}
