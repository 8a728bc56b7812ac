//! The event of a hook for a ticket as it is now, for trying a plugin.
//!
//! Invariant: nothing is written, and no plugin runs.

use serde_json::Value;

use crate::app::App;
use crate::auth::Caller;
use crate::model::event::{self, Hook};
use crate::model::ids::TicketId;
use crate::model::invalid::Invalid;
use crate::model::ticket::TicketContext;
use crate::model::workflow::{self, Status};
use crate::tickets::change::stock;
use crate::tickets::draft::Draft;
use crate::tickets::outcome::ChangeError;
use crate::tickets::{context, event as events};
use crate::users;

/// The event as JSON. `to` is the status of a transition; by default the first one that the workflow allows next.
pub async fn event(
    app: &App,
    caller: &Caller,
    id: TicketId,
    hook: Hook,
    to: Option<Status>,
) -> Result<Value, ChangeError> {
    let mut conn = app.db.read().await?;
    let loaded = context::load_with_items(&mut conn, caller.org, id).await?;
    let (mut before, items) = loaded.ok_or_else(|| {
        Invalid::new("ticket_id", id, "ticket_id is not a ticket of this organization")
    })?;
    before.extras = Some(context::extras(&mut conn, caller.org, &before.ticket).await?);
    let actor = users::actor::find(&mut conn, caller, None).await??;
    drop(conn);
    let now = app.clock.now();
    let json = match hook {
        Hook::PreCreate => {
            let (draft, customer) = (draft_of(&before), customer_of(&before));
            serde_json::to_value(events::draft(draft, customer, &actor, &before.shop, now))
        }
        Hook::PreUpdate => serde_json::to_value(events::update(
            (&before, &before),
            Vec::new(),
            None,
            &actor,
            &items,
            now,
        )),
        Hook::PreTransition | Hook::ReserveInventory => {
            let to = to.map_or_else(|| first_next(&before), Ok)?;
            let from = before.ticket.status.clone();
            let draft = Draft::transition(&app.clock, (&before, &items), &to)?;
            if hook == Hook::PreTransition {
                let statuses = (from.as_str(), to.as_str());
                let after = &draft.after;
                serde_json::to_value(events::transition(after, statuses, None, &actor, &items, now))
            } else {
                let shortages = draft.after.shortages();
                let stock = stock::candidates(app, caller, &draft, &[], &shortages).await?;
                let (after, named) = (&draft.after, &draft.items);
                serde_json::to_value(events::reservation(
                    after, &shortages, &stock, named, &actor, now,
                ))
            }
        }
        Hook::PostCreate => serde_json::to_value(events::creation(&before, &actor, now)),
        Hook::SettingsCheck => Ok(Value::Null),
    };
    json.map_err(|error| ChangeError::Database(sqlx::Error::Encode(error.into())))
}

fn first_next(before: &TicketContext) -> Result<Status, Invalid> {
    let status = &before.ticket.status;
    let rule = workflow::DEFAULT.find(status.as_str());
    let next = rule.and_then(|rule| rule.next.first());
    next.map(|name| Status((*name).to_owned())).ok_or_else(|| {
        let message = format!("a ticket with the status {status} has no next status to try");
        Invalid::new("ticket_id", before.ticket.id, message)
    })
}

fn draft_of(before: &TicketContext) -> event::Draft {
    let ticket = &before.ticket;
    event::Draft {
        status: workflow::DEFAULT.initial().0,
        device: event::Device {
            identifier: ticket.device_identifier.clone(),
            category: ticket.device_category.clone(),
            description: ticket.device_description.clone(),
        },
        issue: event::Issue {
            description: ticket.issue_description.clone(),
            category: ticket.issue_category.clone(),
            severity: ticket.issue_severity.clone(),
        },
        tags: ticket.tags.clone(),
        custom_fields: events::custom_fields(&ticket.custom_fields),
    }
}

fn customer_of(before: &TicketContext) -> event::DraftCustomer {
    let customer = &before.customer;
    event::DraftCustomer {
        known: Some(customer.id.to_string()),
        name: customer.name.clone(),
        email: customer.email.text().map(str::to_owned),
        phone: customer.phone.clone(),
    }
}
