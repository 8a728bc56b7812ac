//! Recurses forever: the stack overflows long before the fuel is used up.

use repairops_plugin::prelude::*;
use std::hint::black_box;

struct Recursion;

impl PreTransition for Recursion {
    type Settings = NoSettings;

    fn check(_: TransitionEvent, _: NoSettings) -> Result<Verdict, PluginError> {
        Ok(Verdict::warn("DEPTH", deeper(0).to_string()))
    }
}

fn deeper(depth: u64) -> u64 {
    if black_box(true) { 1 + black_box(deeper(black_box(depth + 1))) } else { depth }
}

repairops_plugin::metadata!();
repairops_plugin::export_pre_transition!(Recursion);
