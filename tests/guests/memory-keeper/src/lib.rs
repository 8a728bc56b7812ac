//! Counts its calls in a static, to carry state from one call, or one shop, to the next. Each call must see a new
//! instance.

use repairops_plugin::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};

static CALLS: AtomicU32 = AtomicU32::new(0);

struct MemoryKeeper;

impl PreTransition for MemoryKeeper {
    type Settings = NoSettings;

    fn check(_: TransitionEvent, _: NoSettings) -> Result<Verdict, PluginError> {
        let before = CALLS.fetch_add(1, Ordering::Relaxed);
        Ok(Verdict::deny("CALLS", format!("{before} calls before this one")))
    }
}

repairops_plugin::metadata!();
repairops_plugin::export_pre_transition!(MemoryKeeper);
