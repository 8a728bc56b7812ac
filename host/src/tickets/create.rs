//! Makes a ticket. The ticket, its customer, its first timeline entry, its events and the mark of the
//! post-create work commit together; only then do post-create plugins run, in the same request.

use crate::app::App;
use crate::auth::Caller;
use crate::db::Conn;
use crate::model::event::Hook;
use crate::model::ids::{OrgId, ShopId, UserId};
use crate::model::invalid::{Invalid, check_email, check_optional, check_text};
use crate::model::money::{Hours, Money};
use crate::model::outbox::TicketCreated;
use crate::model::people::{Actor, Customer};
use crate::model::ticket::Ticket;
use crate::model::workflow;
use crate::plugins::hooks::Budget;
use crate::tickets::outcome::Created;
use crate::tickets::store::NewEvent;
use crate::tickets::{enrich, noted, store};
use crate::{customers, idempotency, organizations, shops, users, webhooks};

#[derive(Clone, Debug)]
pub struct NewTicket {
    pub shop_id: ShopId,
    pub customer_name: String,
    pub customer_email: String,
    pub customer_phone: Option<String>,
    pub device_identifier: String,
    pub device_category: Option<String>,
    pub issue_description: String,
    pub actor_id: Option<UserId>,
}

#[derive(Debug, thiserror::Error)]
pub enum CreateTicketError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

pub async fn create(
    app: &App,
    caller: &Caller,
    new: NewTicket,
) -> Result<Created, CreateTicketError> {
    let new = check(new)?;
    let org = caller.org;
    let plugins = app
        .active
        .for_hook(&app.db, org, caller.plugins_revision, Hook::PostCreate, new.shop_id)
        .await?;
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    if shops::store::get(&mut tx, org, new.shop_id).await?.is_none() {
        return Err(Invalid::new(
            "shop_id",
            new.shop_id,
            "shop_id is no shop of this organization",
        )
        .into());
    }
    let actor = users::actor::find(&mut tx, caller, new.actor_id).await??;
    let wanted = Customer {
        id: app.clock.new_id(),
        name: new.customer_name,
        email: new.customer_email,
        phone: new.customer_phone,
        address: None,
        created_at: now,
    };
    let customer =
        customers::find::find_or_make(&mut tx, &app.clock, org, &wanted, new.shop_id).await?;
    let ticket = Ticket {
        id: app.clock.new_id(),
        number: organizations::store::take_ticket_number(&mut tx, org).await?,
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
        tags: Vec::new(),
        custom_fields: Default::default(),
        picked_up_at: None,
        amount_paid: None,
        created_at: now,
        updated_at: now,
    };
    write(app, &mut tx, org, &ticket, &actor).await?;
    for plugin in &plugins {
        let due_at = now + enrich::LEASE;
        store::insert_enrichment(&mut tx, org, ticket.id, plugin.installation_id, due_at).await?;
    }
    idempotency::note(|| noted::created(&ticket));
    tx.commit().await?;

    let mut budget = Budget::new(app);
    let (trace, enriched) = enrich::run(app, org, ticket.id, plugins, &actor, &mut budget).await;
    let version = enriched.unwrap_or(ticket.version);
    Ok(Created { ticket, version, trace })
}

fn check(new: NewTicket) -> Result<NewTicket, Invalid> {
    Ok(NewTicket {
        customer_name: check_text("customer.name", &new.customer_name, 200)?,
        customer_email: check_email("customer.email", &new.customer_email)?,
        customer_phone: check_optional("customer.phone", new.customer_phone.as_deref(), 64)?,
        device_identifier: check_text("device_identifier", &new.device_identifier, 200)?,
        device_category: check_optional("device_category", new.device_category.as_deref(), 64)?,
        issue_description: check_text("issue_description", &new.issue_description, 10_000)?,
        ..new
    })
}

async fn write(
    app: &App,
    conn: &mut Conn,
    org: OrgId,
    ticket: &Ticket,
    actor: &Actor,
) -> Result<(), sqlx::Error> {
    store::insert(conn, org, ticket).await?;
    let event = NewEvent {
        id: app.clock.new_id(),
        kind: "created",
        status: &ticket.status,
        from_status: None,
        actor: &actor.name,
        notes: None,
        created_at: ticket.created_at,
    };
    store::add_event(conn, org, ticket.id, &event).await?;
    let event = TicketCreated::of(ticket);
    webhooks::store::enqueue(conn, org, app.clock.new_id(), &event, ticket.created_at).await
}
