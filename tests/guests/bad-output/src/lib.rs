//! Denies without a reason, which the WIT defines as an invalid answer.

use repairops_plugin::prelude::*;

struct BadOutput;

impl PreTransition for BadOutput {
    type Settings = NoSettings;

    fn check(_: TransitionEvent, _: NoSettings) -> Result<Verdict, PluginError> {
        Ok(Verdict::Deny(Vec::new()))
    }
}

repairops_plugin::metadata!();
repairops_plugin::export_pre_transition!(BadOutput);
