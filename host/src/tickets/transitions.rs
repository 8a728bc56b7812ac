//! What a ticket's status may become next, for a key, and what stands against it.
//!
//! Plugins are named, not asked: what they would say may cost time and depend on notes that nobody wrote yet.

pub mod http;

use crate::app::App;
use crate::auth::Caller;
use crate::model::event::Hook;
use crate::model::ids::{InstallationId, TicketId};
use crate::model::people::Scope;
use crate::model::stock::{Plan, ShortLine};
use crate::model::ticket::Detail;
use crate::model::workflow::{self, Status, StockRule};
use crate::tickets::change::stock;
use crate::tickets::detail;
use crate::tickets::draft::{Change, draft};
use crate::tickets::outcome::ChangeError;

pub struct Transitions {
    pub ticket_id: TicketId,
    pub version: i64,
    pub current: Status,
    pub terminal: bool,
    pub next: Vec<Next>,
}

/// One edge.
pub struct Next {
    pub to: Status,
    /// What would refuse it now.
    pub reasons: Vec<Reason>,
    /// What would not stop it.
    pub warnings: Vec<Reason>,
    /// Who would be asked, in that order.
    pub plugins: Vec<Asked>,
}

pub enum Reason {
    Scope { required: Scope, scope: Scope },
    InsufficientStock { lines: Vec<ShortLine>, plugins_may_find_more: bool },
}

#[derive(Clone)]
pub struct Asked {
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
    let before = detail::load(&mut conn, caller.org, id).await?.ok_or(ChangeError::NotFound)?;
    drop(conn); // the list of plugins may need one
    let ticket = &before.ticket;
    let rule = workflow::DEFAULT.find(ticket.status.as_str());
    let gates = asked(app, caller, &before, Hook::PreTransition).await?;
    let planners = asked(app, caller, &before, Hook::ReserveInventory).await?;
    let mut next = Vec::new();
    for name in rule.map_or(&[][..], |rule| rule.next) {
        let to = Status((*name).to_owned());
        next.push(examine(app, caller, &before, to, &gates, &planners).await?);
    }
    Ok(Transitions {
        ticket_id: id,
        version: ticket.version,
        current: ticket.status.clone(),
        terminal: rule.is_none_or(|rule| rule.terminal),
        next,
    })
}

async fn asked(
    app: &App,
    caller: &Caller,
    before: &Detail,
    hook: Hook,
) -> Result<Vec<Asked>, sqlx::Error> {
    let shop = before.ticket.shop_id;
    let actives =
        app.active.for_hook(&app.db, caller.org, caller.plugins_revision, hook, shop).await?;
    Ok(actives
        .iter()
        .map(|active| Asked {
            plugin: active.plugin.clone(),
            installation_id: active.installation_id,
            hook,
        })
        .collect())
}

async fn examine(
    app: &App,
    caller: &Caller,
    before: &Detail,
    to: Status,
    gates: &[Asked],
    planners: &[Asked],
) -> Result<Next, ChangeError> {
    let change = Change { status: Some(to.clone()), ..Change::default() };
    let mut conn = app.db.read().await?;
    let draft = draft(&mut conn, &app.clock, caller.org, before, &change).await?;
    let needs = stock::needs(&mut conn, caller.org, before, &draft).await?;
    drop(conn);
    let mut next = Next { to, reasons: Vec::new(), warnings: Vec::new(), plugins: gates.to_vec() };
    if caller.scope < Scope::Write {
        next.reasons.push(Reason::Scope { required: Scope::Write, scope: caller.scope });
    }
    if needs.shortages.is_empty() {
        return Ok(next);
    }
    next.plugins.extend_from_slice(planners);
    let plan = Plan::built_in(before.ticket.shop_id, &needs.shortages, &needs.named);
    let lines = stock::still_short(&draft, &needs.shortages, &plan);
    if !lines.is_empty() {
        let rule = workflow::DEFAULT.stock(&next.to);
        let is_required = matches!(rule, StockRule::Require | StockRule::Consume);
        let plugins_may_find_more = !planners.is_empty();
        let found = Reason::InsufficientStock { lines, plugins_may_find_more };
        // A plugin may take from where the built-in plan does not look.
        if is_required && !plugins_may_find_more {
            next.reasons.push(found);
        } else {
            next.warnings.push(found);
        }
    }
    Ok(next)
}
