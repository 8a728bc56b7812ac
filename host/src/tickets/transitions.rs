//! Lists the statuses that a ticket may enter next, for a key, and what plugins and stock would say to each now.
//!
//! Invariant: an edge is judged by the same code as a transition, and nothing is written.

pub mod http;

use crate::app::App;
use crate::auth::Caller;
use crate::model::event::Hook;
use crate::model::ids::{InstallationId, TicketId};
use crate::model::people::Scope;
use crate::model::run::Purpose;
use crate::model::stock::ShortLine;
use crate::model::workflow::{self, Status};
use crate::plugins::hooks::{self, Budget, Failed, Judgement, PluginRun, PluginViolation, Warning};
use crate::tickets::change::{self, Possible, stock};
use crate::tickets::context;
use crate::tickets::draft::Draft;
use crate::tickets::outcome::ChangeError;
use crate::users;

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
    pub warnings: Vec<NextWarning>,
    /// The plugins that are asked, in this order.
    pub plugins: Vec<NextPlugin>,
    /// What they said.
    pub runs: Vec<PluginRun>,
}

pub enum Reason {
    Scope { required: Scope, scope: Scope },
    Rejected { violations: Vec<PluginViolation> },
    PluginFailed { failure: Box<Failed>, message: String },
    InsufficientStock { lines: Vec<ShortLine> },
}

pub enum NextWarning {
    Plugin(Warning),
    /// The lines that stock covers only in part.
    Stock(Vec<ShortLine>),
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
    let (mut before, items) = loaded.ok_or(ChangeError::NotFound)?;
    let actor = users::actor::find(&mut conn, caller, None).await??;
    drop(conn); // reading the plugins may need a connection
    let rule = workflow::DEFAULT.find(before.ticket.status.as_str());
    let (mut edges, mut questions, mut budgets) = (Vec::new(), Vec::new(), Vec::new());
    for name in rule.map_or(&[][..], |rule| rule.next) {
        let draft = Draft::transition(&app.clock, (&before, &items), &Status((*name).to_owned()))?;
        let (actor, notes) = (actor.clone(), None);
        let mut possible = Possible { before: before.clone(), draft, actor, notes };
        questions.push(change::question(app, caller, &mut possible).await?);
        // Payments are read once for all edges.
        before.extras.clone_from(&possible.before.extras);
        budgets.push(Budget::for_purpose(app, Purpose::Preview));
        edges.push(possible);
    }
    let gates: Vec<Vec<NextPlugin>> = questions
        .iter()
        .map(|question| {
            let asked = question.transition.as_ref().map(|(plugins, _)| &plugins.enforced[..]);
            asked
                .unwrap_or_default()
                .iter()
                .map(|active| NextPlugin {
                    plugin: active.plugin.clone(),
                    installation_id: active.installation_id,
                    hook: Hook::PreTransition,
                })
                .collect()
        })
        .collect();
    let judgements = hooks::pre_changes(app, caller.org, questions, &mut budgets).await;
    let mut next = Vec::with_capacity(edges.len());
    let judged = edges.into_iter().zip(gates).zip(judgements).zip(&mut budgets);
    for (((possible, plugins), judgement), budget) in judged {
        next.push(examine(app, caller, &possible, plugins, judgement, budget).await?);
    }
    Ok(Transitions {
        ticket_id: id,
        version: before.ticket.version,
        current: before.ticket.status,
        terminal: rule.is_none_or(|rule| rule.terminal),
        next,
    })
}

async fn examine(
    app: &App,
    caller: &Caller,
    possible: &Possible,
    plugins: Vec<NextPlugin>,
    judgement: Judgement,
    budget: &mut Budget,
) -> Result<Next, ChangeError> {
    let mut next = Next {
        to: possible.draft.after.ticket.status.clone(),
        reasons: Vec::new(),
        warnings: Vec::new(),
        plugins,
        runs: Vec::new(),
    };
    if caller.scope < Scope::Write {
        next.reasons.push(Reason::Scope { required: Scope::Write, scope: caller.scope });
    }
    match change::conclude(app, caller, possible, judgement, budget).await {
        Ok((trace, planned)) => {
            next.runs = trace.ran;
            next.warnings = trace.warnings.into_iter().map(NextWarning::Plugin).collect();
            let shortages = stock::shortages(&possible.before, &possible.draft);
            let lines = stock::still_short(&possible.draft, &shortages, &planned.hold);
            if !lines.is_empty() {
                next.warnings.push(NextWarning::Stock(lines));
            }
        }
        Err(ChangeError::Rejected { violations, ran }) => {
            next.runs = ran;
            next.reasons.push(Reason::Rejected { violations });
        }
        Err(ChangeError::PluginFailed { failure, ran }) => {
            let message = failure.error.message.clone();
            next.runs = ran;
            next.reasons.push(Reason::PluginFailed { failure, message });
        }
        Err(ChangeError::InsufficientStock { lines, ran }) => {
            next.runs = ran;
            next.reasons.push(Reason::InsufficientStock { lines });
        }
        Err(error) => return Err(error),
    }
    let planners = next.runs.iter().filter(|run| run.hook == Hook::ReserveInventory);
    let planners: Vec<NextPlugin> = planners
        .map(|run| NextPlugin {
            plugin: run.plugin.clone(),
            installation_id: run.installation_id,
            hook: run.hook,
        })
        .collect();
    next.plugins.extend(planners);
    Ok(next)
}
