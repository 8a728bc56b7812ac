//! Calls `exit` with success.

use repairops_plugin::prelude::*;

struct Exit;

impl PreTransition for Exit {
    type Settings = NoSettings;

    fn check(_: TransitionEvent, _: NoSettings) -> Result<Verdict, PluginError> {
        std::process::exit(0)
    }
}

repairops_plugin::metadata!();
repairops_plugin::export_pre_transition!(Exit);
