//! Returns an error of its own, which is neither a decision nor a failure.

use repairops_plugin::prelude::*;

struct GuestError;

impl PreTransition for GuestError {
    type Settings = NoSettings;

    fn check(_: TransitionEvent, _: NoSettings) -> Result<Verdict, PluginError> {
        Err(PluginError::failed("the price list is empty"))
    }
}

repairops_plugin::metadata!();
repairops_plugin::export_pre_transition!(GuestError);
