//! Denies with 50 reasons of 100 KB: 5 MB in all.

use repairops_plugin::prelude::*;

struct HugeOutput;

impl PreTransition for HugeOutput {
    type Settings = NoSettings;

    fn check(_: TransitionEvent, _: NoSettings) -> Result<Verdict, PluginError> {
        let reason = Violation::new("HUGE", "x".repeat(100_000));
        Ok(Verdict::Deny(vec![reason; 50]))
    }
}

repairops_plugin::metadata!();
repairops_plugin::export_pre_transition!(HugeOutput);
