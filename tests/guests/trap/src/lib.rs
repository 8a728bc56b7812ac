//! Panics. The message goes to stderr, that is to the plugin's log; what the host sees is a trap.

use repairops_plugin::prelude::*;

struct Trap;

impl PreTransition for Trap {
    type Settings = NoSettings;

    fn check(_: TransitionEvent, _: NoSettings) -> Result<Verdict, PluginError> {
        panic!("the price list has a hole");
    }
}

repairops_plugin::metadata!();
repairops_plugin::export_pre_transition!(Trap);
