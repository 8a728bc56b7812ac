//! Two hooks in one component: it allows every transition and tags every new ticket.

use repairops_plugin::prelude::*;

struct TwoHooks;

impl PreTransition for TwoHooks {
    type Settings = NoSettings;

    fn check(_: TransitionEvent, _: NoSettings) -> Result<Verdict, PluginError> {
        Ok(Verdict::Allow)
    }
}

impl PostCreate for TwoHooks {
    type Settings = NoSettings;

    fn enrich(_: CreationEvent, _: NoSettings) -> Result<Patch, PluginError> {
        Ok(Patch { tags: vec!["two-hooks".into()], ..Patch::default() })
    }
}

repairops_plugin::metadata!();
repairops_plugin::export_pre_transition!(TwoHooks);
repairops_plugin::export_post_create!(TwoHooks);
