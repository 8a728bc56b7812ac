//! Decides what a change of a ticket does to stock: which lines need some, where it comes from, what is released.
//!
//! Invariant: nothing is written here; the write checks the plan again.

use std::collections::{HashMap, HashSet};

use crate::app::App;
use crate::auth::Caller;
use crate::inventory;
use crate::inventory::reserve::StockChange;
use crate::model::event::Hook;
use crate::model::people::Actor;
use crate::model::stock::{Item, Plan, Reservation, ShortLine, Shortage};
use crate::model::ticket::TicketContext;
use crate::model::workflow::{self, StockRule};
use crate::plugins::hooks::{self, Budget, Trace};
use crate::tickets::draft::Draft;
use crate::tickets::outcome::{ChangeError, stop_if_failed};
use crate::tickets::{context, event, parts};

/// The maximum number of items in a plugin's event.
const CANDIDATES_MAX: usize = 500;

/// The short lines for which this change tries to hold stock.
pub fn shortages(before: &TicketContext, draft: &Draft) -> Vec<Shortage> {
    if tries_stock(before, draft) { draft.after.shortages() } else { Vec::new() }
}

/// Stock is tried on entering a status that holds stock, and when parts change in or after one.
fn tries_stock(before: &TicketContext, draft: &Draft) -> bool {
    let rule = workflow::DEFAULT.stock(&draft.after.ticket.status);
    let entered = draft.from.is_some()
        && matches!(rule, StockRule::Hold | StockRule::Require | StockRule::Consume);
    let changed = draft.parts_changed
        && matches!(
            workflow::DEFAULT.stock(&before.ticket.status),
            StockRule::Hold | StockRule::Require | StockRule::Rework
        )
        && rule != StockRule::Release;
    entered || changed
}

/// Plans the change of stock. Returns an error if the new status requires stock and a line stays short.
#[allow(clippy::too_many_arguments)]
pub async fn plan(
    app: &App,
    caller: &Caller,
    before: &TicketContext,
    draft: &Draft,
    actor: &Actor,
    shortages: &[Shortage],
    budget: &mut Budget,
    trace: &mut Trace,
) -> Result<StockChange, ChangeError> {
    let rule = workflow::DEFAULT.stock(&draft.after.ticket.status);
    // Asked for every status, because consumed pieces stay on their lines in each.
    let of_lines = parts::released(before, &draft.after.parts)?;
    let release = match rule {
        StockRule::Release => parts::held(before).map(|row| (row.clone(), row.quantity)).collect(),
        _ => of_lines,
    };
    let hold = if shortages.is_empty() {
        Plan::default()
    } else {
        find_plan(app, caller, draft, &release, actor, shortages, budget, trace).await?
    };
    let enters = draft.from.is_some();
    if enters && matches!(rule, StockRule::Require | StockRule::Consume) {
        let lines = still_short(draft, shortages, &hold);
        if !lines.is_empty() {
            return Err(ChangeError::InsufficientStock {
                lines,
                ran: std::mem::take(&mut trace.ran),
            });
        }
    }
    let consumes = enters && rule == StockRule::Consume;
    let consume = if consumes { kept_holds(before, &release) } else { Vec::new() };
    Ok(StockChange { release, hold, consume, consumes })
}

/// The first plugin that returns a plan decides, else the built-in plan. What is released first is there for all lines.
#[allow(clippy::too_many_arguments)]
async fn find_plan(
    app: &App,
    caller: &Caller,
    draft: &Draft,
    release: &[(Reservation, i64)],
    actor: &Actor,
    shortages: &[Shortage],
    budget: &mut Budget,
    trace: &mut Trace,
) -> Result<Plan, ChangeError> {
    let shop = draft.after.ticket.shop_id;
    let mut items = draft.items.clone();
    give_back(&mut items, release);
    let built_in = || Plan::built_in(shop, shortages, &items);
    let plugins = app
        .active
        .for_hook(&app.db, caller.org, caller.plugins_revision, Hook::ReserveInventory, shop)
        .await?;
    if plugins.is_empty() {
        return Ok(built_in());
    }
    let see_payments = plugins.see_payments();
    let stock = candidates(app, caller, draft, release, shortages).await?;
    let mut after = draft.after.clone();
    if after.extras.is_none() && see_payments {
        let mut conn = app.db.read().await?;
        after.extras = Some(context::extras(&mut conn, caller.org, &after.ticket).await?);
    }
    let event = event::reservation(&after, shortages, &stock, &items, actor, app.clock.now());
    let proposal =
        hooks::reserve_inventory(app, caller.org, plugins, event, (shortages, &stock), budget)
            .await;
    let proposed = stop_if_failed(proposal.trace)?;
    trace.ran.extend(proposed.ran);
    trace.warnings.extend(proposed.warnings);
    Ok(proposal.plan.unwrap_or_else(built_in))
}

/// The items as they are once the reservations are released.
fn give_back(items: &mut [Item], release: &[(Reservation, i64)]) {
    let mut of_item: HashMap<_, i64> = HashMap::new();
    for (row, quantity) in release {
        *of_item.entry(row.item_id).or_default() += quantity;
    }
    for item in items {
        item.reserved -= of_item.get(&item.id).copied().unwrap_or_default();
    }
}

/// The stock of all shops that could serve the shortages, the ticket's own shop first.
pub async fn candidates(
    app: &App,
    caller: &Caller,
    draft: &Draft,
    release: &[(Reservation, i64)],
    shortages: &[Shortage],
) -> Result<Vec<Item>, ChangeError> {
    let shop = draft.after.ticket.shop_id;
    let mut conn = app.db.read().await?;
    let short: HashSet<_> = shortages.iter().map(|shortage| shortage.item_id).collect();
    let named: Vec<&Item> = draft.items.iter().filter(|item| short.contains(&item.id)).collect();
    let limit = CANDIDATES_MAX as i64;
    let released: Vec<_> = release.iter().map(|(row, _)| row.item_id).collect();
    let mut stock =
        inventory::store::candidates(&mut conn, caller.org, shop, &named, &released, limit).await?;
    give_back(&mut stock, release);
    stock.sort_by_key(|item| (item.shop_id != shop, item.id));
    Ok(stock)
}

/// The lines that a plan leaves short.
pub fn still_short(draft: &Draft, shortages: &[Shortage], plan: &Plan) -> Vec<ShortLine> {
    let planned = plan.by_part();
    let parts: HashMap<_, _> = draft.after.parts.iter().map(|part| (part.id, part)).collect();
    let short = |line: &Shortage| {
        let missing = line.missing - planned.get(&line.part_id).copied().unwrap_or_default();
        let part = parts.get(&line.part_id)?;
        (missing > 0).then(|| ShortLine {
            part_id: line.part_id,
            inventory_id: line.item_id,
            name: part.name.clone(),
            sku: part.sku.clone(),
            missing,
        })
    };
    shortages.iter().filter_map(short).collect()
}

/// The held reservations that are not released. The rest of a partly released one is not among them.
fn kept_holds(before: &TicketContext, release: &[(Reservation, i64)]) -> Vec<Reservation> {
    let released: HashSet<_> = release.iter().map(|(row, _)| row.id).collect();
    parts::held(before).filter(|row| !released.contains(&row.id)).cloned().collect()
}
