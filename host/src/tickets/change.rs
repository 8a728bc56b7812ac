//! Changes a ticket: fields, parts and status, in one transaction, all or nothing. `PATCH` and `/transition` are the
//! same operation.
//!
//! Invariant: plugins decide outside of the transaction, on the version that was read; the write checks that version.
//! If another request changed the ticket or the stock meanwhile, the change is retried.

pub(in crate::tickets) mod stock;

use crate::app::App;
use crate::auth::Caller;
use crate::inventory;
use crate::inventory::reserve::{Context, ReserveError, StockChange};
use crate::model::event::Hook;
use crate::model::ids::{TicketId, TimelineId};
use crate::model::invalid::check_optional;
use crate::model::outbox::{OutboxEvent, TicketTransitioned, TicketUpdated};
use crate::model::people::Actor;
use crate::model::run::Purpose;
use crate::model::ticket::TicketContext;
use crate::model::time::Time;
use crate::model::workflow::Status;
use crate::plugins::active::HookPlugins;
use crate::plugins::hooks::{self, Budget, Judgement, Question, Trace};
use crate::tickets::draft::{Draft, TicketChange, draft};
use crate::tickets::note::Note;
use crate::tickets::outcome::{ChangeError, Changed, Transition, stop_if_failed};
use crate::tickets::store::NewEvent;
use crate::tickets::{context, event, refusals, replay_answer, store};
use crate::{idempotency, kpis, users, webhooks};

/// The maximum number of attempts before the client gets the error that the ticket is too busy.
const ATTEMPTS_MAX: usize = 8;

pub async fn change(
    app: &App,
    caller: &Caller,
    id: TicketId,
    change: &TicketChange,
) -> Result<Changed, ChangeError> {
    let mut budget = Budget::new(app);
    let changed = attempts(app, caller, id, change, &mut budget).await;
    budget.finish().await;
    changed
}

async fn attempts(
    app: &App,
    caller: &Caller,
    id: TicketId,
    change: &TicketChange,
    budget: &mut Budget,
) -> Result<Changed, ChangeError> {
    for _ in 0..ATTEMPTS_MAX {
        budget.forget_monitored();
        let changed = match decide(app, caller, id, change, budget).await? {
            Decision::Change(decided) => write(app, caller, change, *decided).await?,
            Decision::Nothing(before) => Some(unchanged(&before)),
        };
        if let Some(changed) = changed {
            return Ok(changed);
        }
    }
    Err(ChangeError::Stale { attempts: ATTEMPTS_MAX })
}

/// What a change would come to now. Nothing is written.
pub async fn preview(
    app: &App,
    caller: &Caller,
    id: TicketId,
    change: &TicketChange,
) -> Result<Decision, ChangeError> {
    decide(app, caller, id, change, &mut Budget::for_purpose(app, Purpose::Preview)).await
}

/// What a change comes to, before anything is written.
pub enum Decision {
    Nothing(Box<TicketContext>),
    Change(Box<Decided>),
}

/// A change that plugins and stock allow.
pub struct Decided {
    pub before: TicketContext,
    pub draft: Draft,
    pub actor: Actor,
    pub notes: Option<String>,
    pub trace: Trace,
    pub stock: StockChange,
}

/// Reads the ticket, and asks plugins and stock whether it may change. Refusals leave a trace at the ticket, unless it
/// is a preview.
pub(super) async fn decide(
    app: &App,
    caller: &Caller,
    id: TicketId,
    change: &TicketChange,
    budget: &mut Budget,
) -> Result<Decision, ChangeError> {
    let notes = check_optional("notes", change.notes.as_deref(), 2_000)?;
    let mut conn = app.db.read().await?;
    let loaded = context::load_with_items(&mut conn, caller.org, id).await?;
    let (before, items) = loaded.ok_or(ChangeError::NotFound)?;
    // The write checks the version read here, so what is checked now still holds then.
    let current = before.ticket.version;
    if change.expected.as_ref().is_some_and(|expected| !expected.allows(current)) {
        return Err(ChangeError::OtherVersion { current });
    }
    let draft = draft(&mut conn, &app.clock, caller.org, (&before, &items), change).await?;
    let actor = users::actor::find(&mut conn, caller, change.actor_id).await??;
    drop(conn); // no connection is held while guest code runs

    if draft.changed.is_empty() && notes.is_none() {
        return Ok(Decision::Nothing(Box::new(before)));
    }
    let mut possible = Possible { before, draft, actor, notes };
    let decided = judge_and_plan(app, caller, &mut possible, budget).await;
    let Possible { before, draft, actor, notes } = possible;
    match decided {
        Ok((trace, stock)) => {
            let decided = Decided { before, draft, actor, notes, trace, stock };
            Ok(Decision::Change(Box::new(decided)))
        }
        Err(error) => {
            if budget.purpose == Purpose::Enforce {
                refusals::record(app, caller.org, (&before, &draft), &actor, &error).await?;
            }
            Err(error)
        }
    }
}

/// A change that is asked about.
pub(super) struct Possible {
    pub before: TicketContext,
    pub draft: Draft,
    pub actor: Actor,
    pub notes: Option<String>,
}

async fn judge_and_plan(
    app: &App,
    caller: &Caller,
    possible: &mut Possible,
    budget: &mut Budget,
) -> Result<(Trace, StockChange), ChangeError> {
    let question = question(app, caller, possible).await?;
    let judgement = hooks::pre_change(app, caller.org, question, budget).await;
    conclude(app, caller, possible, judgement, budget).await
}

/// What the verdicts and the stock come to.
pub(super) async fn conclude(
    app: &App,
    caller: &Caller,
    possible: &Possible,
    judgement: Judgement,
    budget: &mut Budget,
) -> Result<(Trace, StockChange), ChangeError> {
    if !judgement.violations.is_empty() {
        return Err(ChangeError::Rejected {
            violations: judgement.violations,
            ran: judgement.trace.ran,
        });
    }
    let mut trace = stop_if_failed(judgement.trace)?;
    let Possible { before, draft, actor, .. } = possible;
    let shortages = stock::shortages(before, draft);
    let moved =
        stock::plan(app, caller, before, draft, actor, &shortages, budget, &mut trace).await?;
    Ok((trace, moved))
}

/// The pre-update plugins are asked if fields change, and the pre-transition plugins if the status does.
pub(super) async fn question(
    app: &App,
    caller: &Caller,
    possible: &mut Possible,
) -> Result<Question, ChangeError> {
    let Possible { before, draft, actor, notes } = possible;
    let fields: Vec<String> =
        draft.changed.iter().filter(|field| *field != "status").cloned().collect();
    let (on_fields, on_status) = (!fields.is_empty(), draft.from.is_some());
    let updates = plugins(app, caller, draft, Hook::PreUpdate, on_fields).await?;
    let gates = plugins(app, caller, draft, Hook::PreTransition, on_status).await?;
    if before.extras.is_none() && (updates.see_payments() || gates.see_payments()) {
        let mut conn = app.db.read().await?;
        before.extras = Some(context::extras(&mut conn, caller.org, &before.ticket).await?);
        draft.after.extras.clone_from(&before.extras);
    }
    let (now, notes) = (app.clock.now(), notes.as_deref());
    let update = (!updates.is_empty()).then(|| {
        let tickets = (&*before, &draft.after);
        (updates, event::update(tickets, fields, notes, actor, &draft.items, now))
    });
    let transition = draft.from.as_ref().filter(|_| !gates.is_empty()).map(|from| {
        let statuses = (from.as_str(), draft.after.ticket.status.as_str());
        (gates, event::transition(&draft.after, statuses, notes, actor, &draft.items, now))
    });
    Ok(Question { update, transition })
}

/// The plugins of a hook, if the change is one that it is asked about.
async fn plugins(
    app: &App,
    caller: &Caller,
    draft: &Draft,
    hook: Hook,
    is_asked: bool,
) -> Result<HookPlugins, sqlx::Error> {
    if !is_asked {
        return Ok(HookPlugins::default());
    }
    let shop = draft.after.ticket.shop_id;
    app.active.for_hook(&app.db, caller.org, caller.plugins_revision, hook, shop).await
}

/// `None` when another request changed the ticket or the stock meanwhile.
async fn write(
    app: &App,
    caller: &Caller,
    change: &TicketChange,
    decided: Decided,
) -> Result<Option<Changed>, ChangeError> {
    let Decided { before, draft, actor, notes, trace, stock } = &decided;
    let write = Write {
        app,
        caller,
        actor,
        before,
        change,
        draft,
        trace,
        notes: notes.as_deref(),
        now: app.clock.now(),
    };
    match write.commit(stock.clone()).await {
        Ok(Some(changed)) => Ok(Some(changed)),
        Ok(None) | Err(ReserveError::Stale) => Ok(None),
        Err(ReserveError::Database(error)) => Err(error.into()),
    }
}

pub(super) fn unchanged(before: &TicketContext) -> Changed {
    Changed {
        ticket_id: before.ticket.id,
        version: before.ticket.version,
        status: before.ticket.status.clone(),
        updated_at: before.ticket.updated_at,
        transition: None,
        ran: Vec::new(),
        warnings: Vec::new(),
    }
}

/// The rows of a change.
struct Write<'a> {
    app: &'a App,
    caller: &'a Caller,
    actor: &'a Actor,
    before: &'a TicketContext,
    change: &'a TicketChange,
    draft: &'a Draft,
    trace: &'a Trace,
    notes: Option<&'a str>,
    now: Time,
}

impl Write<'_> {
    /// Writes all or nothing. Returns `None` if the ticket's version changed since it was read.
    async fn commit(&self, moved: StockChange) -> Result<Option<Changed>, ReserveError> {
        let org = self.caller.org;
        let mut ticket = self.draft.after.ticket.clone();
        ticket.updated_at = self.now;
        let event_id = self.app.clock.new_id();
        let failed = self.trace.failed_open();
        let notes: Vec<Note> = failed
            .map(|(plugin, text)| Note::of_plugin(self.app.clock.new_id(), plugin, text))
            .collect();
        let mut tx = self.app.db.begin().await?;
        let tags_before = &self.before.ticket.tags;
        let entries = self.timeline(event_id, &notes);
        if !store::update(&mut tx, org, &ticket, tags_before, &entries).await? {
            return Ok(None);
        }
        if self.draft.parts_changed {
            store::replace_parts(&mut tx, org, ticket.id, &self.draft.after.parts).await?;
        }
        let context = Context {
            clock: &self.app.clock,
            org,
            ticket: ticket.id,
            actor: &self.actor.name,
            now: self.now,
        };
        let items = inventory::reserve::apply(&mut tx, &context, moved).await?;
        let events: Vec<_> = items
            .into_iter()
            .chain(self.events())
            .map(|event| (self.app.clock.new_id(), event))
            .collect();
        webhooks::store::enqueue_all(&mut tx, org, &events, self.now).await?;
        kpis::record::record(&mut tx, org, &self.draft.after).await?;
        idempotency::note(|| replay_answer::changed(self.change.intent, self.outcome(event_id)));
        tx.commit().await?;
        Ok(Some(self.outcome(event_id)))
    }

    /// The entry of the transition or of the client's notes, then one for each plugin that failed open.
    fn timeline<'a>(&'a self, id: TimelineId, notes: &'a [Note]) -> Vec<NewEvent<'a>> {
        let status = &self.draft.after.ticket.status;
        let own = (self.draft.from.is_some() || self.notes.is_some()).then(|| NewEvent {
            id,
            kind: if self.draft.from.is_some() { "transitioned" } else { "note" },
            status,
            from_status: self.draft.from.as_ref(),
            actor: &self.actor.name,
            notes: self.notes,
            visibility: self.change.notes_visibility,
            created_at: self.now,
        });
        own.into_iter().chain(notes.iter().map(|note| note.event(status, self.now))).collect()
    }

    fn outcome(&self, event_id: TimelineId) -> Changed {
        let ticket = &self.draft.after.ticket;
        let transition =
            |from: &Status| Transition { event_id, from: from.clone(), to: ticket.status.clone() };
        Changed {
            ticket_id: ticket.id,
            version: self.before.ticket.version + 1,
            status: ticket.status.clone(),
            updated_at: self.now,
            transition: self.draft.from.as_ref().map(transition),
            ran: self.trace.ran.clone(),
            warnings: self.trace.warnings.clone(),
        }
    }

    /// The outbox rows: `ticket.transitioned` for the status, `ticket.updated` for the rest.
    fn events(&self) -> Vec<OutboxEvent> {
        let ticket = &self.draft.after.ticket;
        let mut events = Vec::new();
        if let Some(from) = &self.draft.from {
            events.push(TicketTransitioned::of(ticket, from));
        }
        let names = self.draft.changed.iter().filter(|name| *name != "status");
        let changed: Vec<String> = names.cloned().collect();
        if !changed.is_empty() {
            events.push(TicketUpdated::of(ticket, changed, self.before.ticket.version + 1));
        }
        events
    }
}
