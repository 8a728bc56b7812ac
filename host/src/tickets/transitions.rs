//! Lists the statuses that a ticket may enter next, for a key, and what prevents each.
//!
//! Invariant: no plugin runs; those that would run are named.

pub mod http;

use crate::app::App;
use crate::auth::Caller;
use crate::model::event::Hook;
use crate::model::ids::{InstallationId, TicketId};
use crate::model::people::Scope;
use crate::model::stock::{Plan, ShortLine};
use crate::model::ticket::TicketContext;
use crate::model::workflow::{self, Status, StockRule};
use crate::tickets::change::stock;
use crate::tickets::context;
use crate::tickets::draft::Draft;
use crate::tickets::outcome::ChangeError;

pub struct Transitions {
    pub ticket_id: TicketId,
    pub version: i64,
    pub current: Status,
    pub terminal: bool,
    pub next: Vec<Next>,
}

/// One edge of the workflow.
pub struct Next {
    pub to: Status,
    /// What prevents the transition now.
    pub reasons: Vec<Reason>,
    /// Problems that do not prevent it.
    pub warnings: Vec<Reason>,
    /// The plugins that would run, in this order.
    pub plugins: Vec<NextPlugin>,
}

pub enum Reason {
    Scope { required: Scope, scope: Scope },
    InsufficientStock { lines: Vec<ShortLine>, plugins_may_find_more: bool },
}

#[derive(Clone)]
pub struct NextPlugin {
    pub plugin: String,
    pub installation_id: InstallationId,
    pub hook: Hook,
}

pub async fn transitions(
    app: &App,
    caller: &Caller,
    id: TicketId,
) -> Result<Transitions, ChangeError> {
    let mut conn = app.db.read().await?;
    let loaded = context::load_with_items(&mut conn, caller.org, id).await?;
    let (before, items) = loaded.ok_or(ChangeError::NotFound)?;
    drop(conn); // reading the plugins may need a connection
    let ticket = &before.ticket;
    let rule = workflow::DEFAULT.find(ticket.status.as_str());
    let gates = plugins_of(app, caller, &before, Hook::PreTransition).await?;
    let planners = plugins_of(app, caller, &before, Hook::ReserveInventory).await?;
    let mut next = Vec::new();
    for name in rule.map_or(&[][..], |rule| rule.next) {
        let to = Status((*name).to_owned());
        let draft = Draft::transition(&app.clock, (&before, &items), &to)?;
        next.push(examine(caller, &before, &draft, to, &gates, &planners));
    }
    Ok(Transitions {
        ticket_id: id,
        version: ticket.version,
        current: ticket.status.clone(),
        terminal: rule.is_none_or(|rule| rule.terminal),
        next,
    })
}

async fn plugins_of(
    app: &App,
    caller: &Caller,
    before: &TicketContext,
    hook: Hook,
) -> Result<Vec<NextPlugin>, sqlx::Error> {
    let shop = before.ticket.shop_id;
    let actives =
        app.active.for_hook(&app.db, caller.org, caller.plugins_revision, hook, shop).await?;
    Ok(actives
        .iter()
        .map(|active| NextPlugin {
            plugin: active.plugin.clone(),
            installation_id: active.installation_id,
            hook,
        })
        .collect())
}

fn examine(
    caller: &Caller,
    before: &TicketContext,
    draft: &Draft,
    to: Status,
    gates: &[NextPlugin],
    planners: &[NextPlugin],
) -> Next {
    let shortages = stock::shortages(before, draft);
    let mut next = Next { to, reasons: Vec::new(), warnings: Vec::new(), plugins: gates.to_vec() };
    if caller.scope < Scope::Write {
        next.reasons.push(Reason::Scope { required: Scope::Write, scope: caller.scope });
    }
    if shortages.is_empty() {
        return next;
    }
    next.plugins.extend_from_slice(planners);
    let plan = Plan::built_in(before.ticket.shop_id, &shortages, &draft.items);
    let lines = stock::still_short(draft, &shortages, &plan);
    if !lines.is_empty() {
        let rule = workflow::DEFAULT.stock(&next.to);
        let is_required = matches!(rule, StockRule::Require | StockRule::Consume);
        let plugins_may_find_more = !planners.is_empty();
        let found = Reason::InsufficientStock { lines, plugins_may_find_more };
        // A plugin may use stock that the built-in plan does not consider.
        if is_required && !plugins_may_find_more {
            next.reasons.push(found);
        } else {
            next.warnings.push(found);
        }
    }
    next
}
