//! Runs `post-create`: the plugins run in order, and each sees the patches of those before it.

use std::collections::HashMap;
use std::sync::Arc;

use super::answered::Outcome;
use super::budget::Budget;
use super::chain::Chain;
use super::monitor::monitor;
use super::trace::Trace;
use crate::app::App;
use crate::model::event::{CreationEvent, Hook, Patch};
use crate::model::ids::{InstallationId, OrgId};
use crate::plugins::active::{Active, HookPlugins};
use crate::runtime::CallError;

/// Fields of which each plugin adds its own, so that none takes away another's.
const ADDED_TO: [&str; 2] = ["tags", "internal_note"];

/// A plugin that returned no patch.
#[derive(Clone, Debug)]
pub struct FailedWork {
    pub active: Arc<Active>,
    pub error: String,
    /// Not counted as an attempt, since the plugin is not to blame.
    pub is_nodes_fault: bool,
}

/// The patches of the plugins for a new ticket.
#[derive(Debug, Default)]
pub struct Enrichment {
    pub trace: Trace,
    pub patches: Vec<(Arc<Active>, Patch)>,
    pub failures: Vec<FailedWork>,
}

impl Enrichment {
    pub fn installations(&self) -> Vec<InstallationId> {
        let patched = self.patches.iter().map(|(active, _)| active);
        let failed = self.failures.iter().map(|failed| &failed.active);
        patched.chain(failed).map(|active| active.installation_id).collect()
    }

    /// Turns each patch for which there is a reason into a failure of its plugin.
    pub fn refuse(&mut self, budget: &mut Budget, reason: impl Fn(&Patch) -> Option<String>) {
        let (mut kept, mut refused) = (Vec::new(), Vec::new());
        for (active, patch) in std::mem::take(&mut self.patches) {
            match reason(&patch) {
                None => kept.push((active, patch)),
                Some(error) => refused.push((active, error)),
            }
        }
        self.patches = kept;
        for (active, error) in refused {
            if let Some((run, failure)) = self.trace.mark_bad_output(active.installation_id, &error)
            {
                budget.mark_bad_output(run, &failure);
            }
            self.failures.push(FailedWork { active, error, is_nodes_fault: false });
        }
    }

    /// The result of each plugin by itself, in their order, without a trace.
    pub fn apart(&self) -> Vec<Enrichment> {
        let patched = self
            .patches
            .iter()
            .map(|patch| Enrichment { patches: vec![patch.clone()], ..Enrichment::default() });
        let failed = self
            .failures
            .iter()
            .map(|failed| Enrichment { failures: vec![failed.clone()], ..Enrichment::default() });
        patched.chain(failed).collect()
    }
}

impl Outcome for Patch {
    fn outcome(&self) -> &'static str {
        if self.fields().is_empty() { "unchanged" } else { "enriched" }
    }
}

pub async fn post_create(
    app: &App,
    org: OrgId,
    plugins: HookPlugins,
    event: CreationEvent,
    budget: &mut Budget,
) -> Enrichment {
    monitor(app, org, plugins.monitored, &event, budget, Ok::<Patch, CallError>);
    let answers = Chain::new(app, org, plugins.enforced, budget.purpose)
        .run(budget, event, |patch: Patch, event, _| {
            if patch != Patch::default() {
                Arc::make_mut(event).ticket.apply(&patch);
            }
            Ok(patch)
        })
        .await;
    let mut enrichment = Enrichment::default();
    let mut set_by: HashMap<String, String> = HashMap::new();
    for answered in answers {
        let set = answered.result.as_ref().map(Patch::fields).unwrap_or_default();
        for field in set.iter().filter(|field| !ADDED_TO.contains(&field.as_str())) {
            let plugin = &answered.active.plugin;
            if let Some(earlier) = set_by.insert(field.clone(), plugin.clone()) {
                enrichment.trace.warn_of_field(plugin, &earlier, field);
            }
        }
        enrichment.trace.add(Hook::PostCreate, &answered).set = set;
        match answered.result {
            Ok(patch) => enrichment.patches.push((answered.active, patch)),
            Err(failure) => enrichment.failures.push(FailedWork {
                active: answered.active,
                error: failure.view.message,
                is_nodes_fault: failure.is_nodes_fault,
            }),
        }
    }
    enrichment
}
