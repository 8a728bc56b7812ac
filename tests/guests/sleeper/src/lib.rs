//! Sleeps for an hour inside a host call, where neither fuel nor epochs reach it.

use repairops_plugin::prelude::*;
use std::time::Duration;

struct Sleeper;

impl PreTransition for Sleeper {
    type Settings = NoSettings;

    fn check(_: TransitionEvent, _: NoSettings) -> Result<Verdict, PluginError> {
        std::thread::sleep(Duration::from_secs(3600));
        Ok(Verdict::Allow)
    }
}

repairops_plugin::metadata!();
repairops_plugin::export_pre_transition!(Sleeper);
