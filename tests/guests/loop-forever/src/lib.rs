//! Loops forever: the limit on fuel, or the deadline, must stop it.

use repairops_plugin::prelude::*;
use std::hint::black_box;

struct LoopForever;

impl PreTransition for LoopForever {
    type Settings = NoSettings;

    fn check(_: TransitionEvent, _: NoSettings) -> Result<Verdict, PluginError> {
        let mut rounds = 0_u64;
        while black_box(true) {
            rounds = black_box(rounds.wrapping_add(1));
        }
        Ok(Verdict::Allow)
    }
}

repairops_plugin::metadata!();
repairops_plugin::export_pre_transition!(LoopForever);
