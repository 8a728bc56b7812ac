//! Logs a megabyte in 1,024 lines of 1 KiB, and then allows.

use repairops_plugin::prelude::*;

struct LogFlood;

impl PreTransition for LogFlood {
    type Settings = NoSettings;

    fn check(_: TransitionEvent, _: NoSettings) -> Result<Verdict, PluginError> {
        let line = "x".repeat(1024);
        for _ in 0..1024 {
            log::write(log::Level::Info, &line);
        }
        Ok(Verdict::Allow)
    }
}

repairops_plugin::metadata!();
repairops_plugin::export_pre_transition!(LogFlood);
