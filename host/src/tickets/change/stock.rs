//! What a change means for stock: which lines need some, where it comes from, what goes back.

use std::collections::{HashMap, HashSet};

use crate::app::App;
use crate::auth::Caller;
use crate::db::Conn;
use crate::inventory;
use crate::inventory::reserve::StockChange;
use crate::model::distinct::each_once;
use crate::model::event::Hook;
use crate::model::ids::OrgId;
use crate::model::people::Actor;
use crate::model::stock::{Item, Plan, ShortLine, Shortage};
use crate::model::ticket::Detail;
use crate::model::workflow::{self, StockRule};
use crate::plugins::hooks::{self, Budget, Trace};
use crate::tickets::draft::Draft;
use crate::tickets::event;
use crate::tickets::outcome::{ChangeError, stop_if_failed};
use crate::tickets::parts;

/// The most items that a plugin is shown.
const CANDIDATES_MAX: usize = 500;

/// What is needed, and the items that the part lines name.
pub struct Needs {
    pub shortages: Vec<Shortage>,
    pub named: Vec<Item>,
}

pub async fn needs(
    conn: &mut Conn,
    org: OrgId,
    before: &Detail,
    draft: &Draft,
) -> Result<Needs, ChangeError> {
    let ids = draft.after.parts.iter().filter_map(|part| part.inventory_id).collect();
    let named = inventory::store::get_all(conn, org, &each_once(ids)).await?;
    let shortages = if tries_stock(before, draft) { draft.after.shortages() } else { Vec::new() };
    Ok(Needs { shortages, named })
}

/// Missing holds are tried on entering a status that needs stock, and when parts change in or after one.
fn tries_stock(before: &Detail, draft: &Draft) -> bool {
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

/// Decides what moves. Entering a status that requires stock fails when a line stays short.
#[allow(clippy::too_many_arguments)]
pub async fn plan(
    app: &App,
    caller: &Caller,
    before: &Detail,
    draft: &Draft,
    actor: &Actor,
    needs: &Needs,
    budget: &mut Budget,
    trace: &mut Trace,
) -> Result<StockChange, ChangeError> {
    let rule = workflow::DEFAULT.stock(&draft.after.ticket.status);
    let release = match rule {
        StockRule::Release => parts::held(before).map(|row| (row.clone(), row.quantity)).collect(),
        _ => parts::released(before, &draft.after.parts)?,
    };
    let hold = if needs.shortages.is_empty() {
        Plan::default()
    } else {
        find_plan(app, caller, draft, actor, needs, budget, trace).await?
    };
    let enters = draft.from.is_some();
    if enters && matches!(rule, StockRule::Require | StockRule::Consume) {
        let lines = still_short(draft, &needs.shortages, &hold);
        if !lines.is_empty() {
            return Err(ChangeError::InsufficientStock {
                lines,
                ran: std::mem::take(&mut trace.ran),
            });
        }
    }
    let consumes = enters && rule == StockRule::Consume;
    let consume = if consumes { kept_holds(before, &release) } else { Vec::new() };
    Ok(StockChange { release, hold, consume, consume_new_holds: consumes })
}

/// The first plugin that returns a plan decides, else the built-in plan.
async fn find_plan(
    app: &App,
    caller: &Caller,
    draft: &Draft,
    actor: &Actor,
    needs: &Needs,
    budget: &mut Budget,
    trace: &mut Trace,
) -> Result<Plan, ChangeError> {
    let shop = draft.after.ticket.shop_id;
    let built_in = || Plan::built_in(shop, &needs.shortages, &needs.named);
    let plugins = app
        .active
        .for_hook(&app.db, caller.org, caller.plugins_revision, Hook::ReserveInventory, shop)
        .await?;
    if plugins.is_empty() {
        return Ok(built_in());
    }
    let stock = candidates(app, caller, draft, needs).await?;
    let event = event::reservation(
        &draft.after,
        &needs.shortages,
        &stock,
        &needs.named,
        actor,
        app.clock.now(),
    );
    let proposal = hooks::reserve_inventory(
        app,
        caller.org,
        plugins,
        event,
        (&needs.shortages, &stock),
        budget,
    )
    .await;
    let proposed = stop_if_failed(proposal.trace)?;
    trace.ran.extend(proposed.ran);
    trace.warnings.extend(proposed.warnings);
    Ok(proposal.plan.unwrap_or_else(built_in))
}

/// The stock of all shops that could serve the shortages, the ticket's own shop first.
async fn candidates(
    app: &App,
    caller: &Caller,
    draft: &Draft,
    needs: &Needs,
) -> Result<Vec<Item>, ChangeError> {
    let shop = draft.after.ticket.shop_id;
    let mut conn = app.db.read().await?;
    let short: HashSet<_> = needs.shortages.iter().map(|shortage| shortage.item_id).collect();
    let named: Vec<&Item> = needs.named.iter().filter(|item| short.contains(&item.id)).collect();
    let limit = CANDIDATES_MAX as i64;
    let mut stock =
        inventory::store::candidates(&mut conn, caller.org, shop, &named, limit).await?;
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

/// What is held and does not go back. A row that is released in part is replaced by a new one, which a
/// change that both shrinks a line and consumes it never needs to know: parts and QC_REVIEW come apart.
fn kept_holds(
    before: &Detail,
    release: &[(crate::model::stock::Reservation, i64)],
) -> Vec<crate::model::stock::Reservation> {
    let gone: HashSet<_> = release.iter().map(|(row, _)| row.id).collect();
    parts::held(before).filter(|row| !gone.contains(&row.id)).cloned().collect()
}
