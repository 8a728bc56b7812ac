//! Asks monitored plugins after the request was decided without them, on the threads of the background.
//!
//! Invariant: nothing waits for them, nothing of what they return is applied, and a full queue leaves them out.

use std::sync::Arc;

use super::answered::Outcome;
use super::budget::Budget;
use super::chain::Chain;
use crate::app::App;
use crate::model::event::HookEvent;
use crate::model::ids::OrgId;
use crate::model::run::Purpose;
use crate::plugins::active::Active;
use crate::runtime::CallError;

/// Queues the calls until the budget is finished.
pub(super) fn monitor<E, T, F>(
    app: &App,
    org: OrgId,
    actives: Vec<Arc<Active>>,
    event: &E,
    budget: &mut Budget,
    check: F,
) where
    E: HookEvent,
    T: Outcome + Send + 'static,
    F: Fn(E::Answer) -> Result<T, CallError> + Clone + Send + 'static,
{
    if actives.is_empty() || budget.purpose != Purpose::Enforce {
        return;
    }
    let (app, event) = (app.clone(), event.clone());
    budget.monitor(Box::new(move || {
        tokio::spawn(async move {
            // Each by itself: one that is slow takes no other's time.
            for active in actives {
                let mut own = Budget::for_purpose(&app, Purpose::Monitor);
                let check = check.clone();
                let answers = Chain::new(&app, org, vec![active], Purpose::Monitor)
                    .run(&mut own, event.clone(), move |answer, _, _| check(answer))
                    .await;
                let skipped = answers.iter().filter(|answered| answered.outcome() == "busy");
                for _ in skipped {
                    app.metrics.count_monitor_skip();
                }
                own.finish().await;
            }
        });
    }));
}
