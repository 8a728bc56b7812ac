//! Asks the pre-create plugins, creates a ticket, and then runs the post-create plugins in the same request.
//!
//! Invariants: the ticket, its customer, its first timeline entry, its events and the pending post-create work commit
//! together, before a post-create plugin runs; nothing that the request wrote is read back.

use std::collections::BTreeMap;

use crate::app::App;
use crate::auth::Caller;
use crate::customers::find::Found;
use crate::db::Conn;
use crate::model::event::{self, CustomValue, Hook};
use crate::model::ids::{EventId, ShopId, UserId};
use crate::model::invalid::{Invalid, check_email, check_name, check_optional, check_text};
use crate::model::money::{Hours, Money};
use crate::model::outbox::{OutboxEvent, TicketCreated};
use crate::model::people::{Actor, Customer, Shop, comparison_key};
use crate::model::run::Purpose;
use crate::model::ticket::{Extras, Ticket, TicketContext, Timeline, TimelineEntry, Visibility};
use crate::model::time::Time;
use crate::model::workflow;
use crate::plugins::hooks::{self, Budget, Trace};
use crate::tickets::enrich::{self, Work};
use crate::tickets::event as ticket_event;
use crate::tickets::outcome::{ChangeError, Created, stop_if_failed};
use crate::tickets::store::NewEvent;
use crate::tickets::{labels, replay_answer, store};
use crate::{customers, idempotency, organizations, shops, users, webhooks};

#[derive(Clone, Debug)]
pub struct NewTicket {
    pub shop_id: ShopId,
    pub customer_name: String,
    /// Blank is none, which the organization has to allow.
    pub customer_email: Option<String>,
    pub customer_phone: Option<String>,
    pub device_identifier: String,
    pub device_category: Option<String>,
    pub tags: Vec<String>,
    pub custom_fields: BTreeMap<String, CustomValue>,
    pub issue_description: String,
    pub actor_id: Option<UserId>,
}

#[derive(Debug, thiserror::Error)]
pub enum CreateTicketError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// By a plugin, or because one that is required failed.
    #[error(transparent)]
    Refused(#[from] ChangeError),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

pub async fn create(
    app: &App,
    caller: &Caller,
    new: NewTicket,
) -> Result<Created, CreateTicketError> {
    let mut budget = Budget::new(app);
    let created = judge_and_write(app, caller, new, &mut budget).await;
    budget.finish().await;
    created
}

async fn judge_and_write(
    app: &App,
    caller: &Caller,
    new: NewTicket,
    budget: &mut Budget,
) -> Result<Created, CreateTicketError> {
    let checked = check(new)?;
    let org = caller.org;
    let plugins = app
        .active
        .for_hook(&app.db, org, caller.plugins_revision, Hook::PostCreate, checked.new.shop_id)
        .await?;
    let judged = ask_plugins(app, caller, &checked, budget).await?;
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let known = resolve(&mut tx, caller, &checked).await?;
    let wanted = wanted_customer(app, &checked.new, now);
    let found = customers::find::find_or_create(&mut tx, org, &wanted).await?;
    let number = organizations::store::take_ticket_number(&mut tx, org).await?;
    let contact_name = other_name(&wanted, &found.customer);
    let ticket = ticket(app, checked.new, number, &found.customer, contact_name, now);
    let entry = first_entry(app, &ticket, &known.actor);
    store::insert(&mut tx, org, &ticket, &[new_event(&entry)]).await?;
    let enforced = plugins.enforced.iter();
    let installations: Vec<_> = enforced.map(|active| active.installation_id).collect();
    let due_at = now + enrich::LEASE;
    store::insert_enrichments(&mut tx, org, ticket.id, &installations, (due_at, app.node.id))
        .await?;
    webhooks::store::enqueue_all(&mut tx, org, &events(app, &ticket, &found), now).await?;
    idempotency::note(|| replay_answer::created(&ticket));
    tx.commit().await?;

    let context = context(ticket, found.customer, known.shop, entry);
    let (enriching, enriched) =
        enrich::run(app, org, &context, Work::new(plugins), &known.actor, budget).await;
    let mut trace = judged;
    trace.append(enriching);
    let version = enriched.unwrap_or(context.ticket.version);
    warn_of_others(&wanted, &context.customer, &mut trace);
    Ok(Created { ticket: context.ticket, version, trace })
}

/// Asks all plugins of a new ticket, and writes nothing. The returned ticket is the one before the patches.
pub async fn preview(
    app: &App,
    caller: &Caller,
    new: NewTicket,
) -> Result<Created, CreateTicketError> {
    let mut budget = Budget::for_purpose(app, Purpose::Preview);
    let checked = check(new)?;
    let org = caller.org;
    let mut conn = app.db.read().await?;
    let known = resolve(&mut conn, caller, &checked).await?;
    let now = app.clock.now();
    let wanted = wanted_customer(app, &checked.new, now);
    let found = match wanted.email.text() {
        Some(email) => customers::find::by_any_email(&mut conn, org, email).await?,
        None => None,
    };
    let customer = match found {
        Some(id) => customers::store::get(&mut conn, org, id).await?,
        None => None,
    };
    let number = organizations::store::next_ticket_number(&mut conn, org).await?;
    drop(conn); // no connection is held while guest code runs
    let mut trace = ask_plugins(app, caller, &checked, &mut budget).await?;
    let plugins = app
        .active
        .for_hook(&app.db, org, caller.plugins_revision, Hook::PostCreate, checked.new.shop_id)
        .await?;
    let mut customer = customer.map_or_else(|| wanted.clone(), |row| row.customer);
    customer.phone = customer.phone.or_else(|| wanted.phone.clone());
    let contact_name = other_name(&wanted, &customer);
    let ticket = ticket(app, checked.new, number, &customer, contact_name, now);
    let entry = first_entry(app, &ticket, &known.actor);
    let context = context(ticket, customer, known.shop, entry);
    trace.append(enrich::preview(app, org, &context, plugins, &known.actor, &mut budget).await);
    warn_of_others(&wanted, &context.customer, &mut trace);
    Ok(Created { version: context.ticket.version, ticket: context.ticket, trace })
}

/// What a new ticket names.
struct Known {
    shop: Shop,
    actor: Actor,
}

/// Finds the shop and the user, and checks that the organization takes a customer without an address.
async fn resolve(
    conn: &mut Conn,
    caller: &Caller,
    Checked { new, sent_email }: &Checked,
) -> Result<Known, CreateTicketError> {
    let org = caller.org;
    let Some(shop) = shops::store::get(conn, org, new.shop_id).await? else {
        let message = "shop_id is not a shop of this organization";
        return Err(Invalid::new("shop_id", new.shop_id, message).into());
    };
    let actor = users::actor::find(conn, caller, new.actor_id).await??;
    if new.customer_email.is_none()
        && !organizations::store::allows_customers_without_email(conn, org).await?
    {
        let message = "customer.email is required";
        return Err(Invalid::new("customer.email", sent_email, message).into());
    }
    Ok(Known { shop, actor })
}

fn wanted_customer(app: &App, new: &NewTicket, now: Time) -> Customer {
    Customer {
        version: 1,
        id: app.clock.new_id(),
        name: new.customer_name.clone(),
        email: new.customer_email.clone().unwrap_or_default().into(),
        phone: new.customer_phone.clone(),
        address: None,
        created_at: now,
    }
}

fn ticket(
    app: &App,
    new: NewTicket,
    number: i64,
    customer: &Customer,
    contact_name: Option<String>,
    now: Time,
) -> Ticket {
    Ticket {
        id: app.clock.new_id(),
        number,
        version: 1,
        shop_id: new.shop_id,
        customer_id: customer.id,
        status: workflow::DEFAULT.initial(),
        device_identifier: new.device_identifier,
        device_category: new.device_category,
        device_description: None,
        issue_description: new.issue_description,
        issue_category: None,
        issue_severity: None,
        assigned_to: None,
        labor_hours: Hours(0),
        labor_rate: Money(0),
        findings: None,
        estimated_cost: None,
        recommended_parts: Vec::new(),
        tags: new.tags,
        custom_fields: new.custom_fields,
        picked_up_at: None,
        amount_paid: None,
        contact_name,
        created_at: now,
        updated_at: now,
    }
}

fn first_entry(app: &App, ticket: &Ticket, actor: &Actor) -> TimelineEntry {
    TimelineEntry {
        id: app.clock.new_id(),
        kind: CREATED.to_owned(),
        visibility: Visibility::Internal,
        status: ticket.status.clone(),
        actor: actor.name.clone(),
        notes: None,
        created_at: ticket.created_at,
    }
}

fn context(ticket: Ticket, customer: Customer, shop: Shop, entry: TimelineEntry) -> TicketContext {
    TicketContext {
        ticket,
        customer,
        shop,
        technician: None,
        parts: Vec::new(),
        timeline: Timeline { entries: vec![entry], total: 1 },
        reservations: Vec::new(),
        extras: Some(Extras::default()),
    }
}

/// Asks the pre-create plugins, before anything is written. What they are told of the shop, the customer and the user
/// is checked again by the write.
async fn ask_plugins(
    app: &App,
    caller: &Caller,
    checked: &Checked,
    budget: &mut Budget,
) -> Result<Trace, CreateTicketError> {
    let new = &checked.new;
    let (org, hook) = (caller.org, Hook::PreCreate);
    let plugins =
        app.active.for_hook(&app.db, org, caller.plugins_revision, hook, new.shop_id).await?;
    if plugins.is_empty() {
        return Ok(Trace::default());
    }
    let mut conn = app.db.read().await?;
    let Known { shop, actor } = resolve(&mut conn, caller, checked).await?;
    let known = match &new.customer_email {
        Some(email) => customers::find::by_any_email(&mut conn, org, email).await?,
        None => None,
    };
    drop(conn); // no connection is held while guest code runs
    let customer = event::DraftCustomer {
        known: known.map(|id| id.to_string()),
        name: new.customer_name.clone(),
        email: new.customer_email.clone(),
        phone: new.customer_phone.clone(),
    };
    let event = ticket_event::draft(draft(new), customer, &actor, &shop, app.clock.now());
    let judgement = hooks::pre_create(app, org, (plugins, event), budget).await;
    let (violations, trace) = (judgement.violations, judgement.trace);
    if !violations.is_empty() {
        return Err(CreateTicketError::Refused(ChangeError::Rejected {
            violations,
            ran: trace.ran,
        }));
    }
    Ok(stop_if_failed(trace)?)
}

fn draft(new: &NewTicket) -> event::Draft {
    event::Draft {
        status: workflow::DEFAULT.initial().0,
        device: event::Device {
            identifier: new.device_identifier.clone(),
            category: new.device_category.clone(),
            description: None,
        },
        issue: event::Issue {
            description: new.issue_description.clone(),
            category: None,
            severity: None,
        },
        tags: new.tags.clone(),
        custom_fields: ticket_event::custom_fields(&new.custom_fields),
    }
}

/// The name that came with the ticket, if the customer of that email address has another one.
fn other_name(wanted: &Customer, known: &Customer) -> Option<String> {
    let is_other = comparison_key(&wanted.name) != comparison_key(&known.name);
    is_other.then(|| wanted.name.clone())
}

/// Says what was not changed of a customer that is known already.
fn warn_of_others(wanted: &Customer, known: &Customer, trace: &mut Trace) {
    if let Some(phone) = &wanted.phone
        && known.phone.as_ref() != Some(phone)
    {
        let message = format!(
            "The customer of {} is known with another phone number, which stays; change it at the customer",
            known.email.as_stored()
        );
        trace.warn(NOT_CHANGED, message, "customer.phone");
    }
    if other_name(wanted, known).is_some() {
        let message = format!(
            "The customer of {} is {}, which stays; {} is this ticket's contact_name",
            known.email.as_stored(),
            known.name,
            wanted.name
        );
        trace.warn(NOT_CHANGED, message, "customer.name");
    }
}

/// A new ticket whose texts are valid.
struct Checked {
    new: NewTicket,
    /// As the client wrote it, for errors.
    sent_email: Option<String>,
}

fn check(new: NewTicket) -> Result<Checked, Invalid> {
    let sent_email = new.customer_email.clone();
    let new = NewTicket {
        customer_name: check_name("customer.name", &new.customer_name, 200)?,
        customer_email: check_optional("customer.email", new.customer_email.as_deref(), EMAIL_MAX)?
            .map(|email| check_email("customer.email", &email))
            .transpose()?,
        customer_phone: check_optional("customer.phone", new.customer_phone.as_deref(), 64)?,
        device_identifier: check_text("device_identifier", &new.device_identifier, 200)?,
        device_category: check_optional("device_category", new.device_category.as_deref(), 64)?,
        issue_description: check_text("issue_description", &new.issue_description, 10_000)?,
        tags: labels::check_tags(&new.tags)?,
        custom_fields: labels::merge_fields(
            &BTreeMap::new(),
            &new.custom_fields.into_iter().map(|(key, value)| (key, Some(value))).collect(),
        )?,
        ..new
    };
    Ok(Checked { new, sent_email })
}

/// The code of the warning that a known customer stays as it is.
const NOT_CHANGED: &str = "CUSTOMER_NOT_CHANGED";

const EMAIL_MAX: usize = 254;

/// The kind of the first timeline entry.
const CREATED: &str = "created";

fn new_event(entry: &TimelineEntry) -> NewEvent<'_> {
    NewEvent {
        id: entry.id,
        kind: CREATED,
        status: &entry.status,
        from_status: None,
        actor: &entry.actor,
        notes: None,
        visibility: entry.visibility,
        created_at: entry.created_at,
    }
}

fn events(app: &App, ticket: &Ticket, found: &Found) -> Vec<(EventId, OutboxEvent)> {
    let new_customer =
        found.is_new.then(|| customers::find::created(&found.customer, ticket.shop_id));
    let customer = new_customer.into_iter().chain(found.updated.clone());
    let events = customer.chain([TicketCreated::of(ticket)]);
    events.map(|event| (app.clock.new_id(), event)).collect()
}
