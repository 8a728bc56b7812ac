//! Allocates memory until it fails, and then aborts, which looks like any trap. It touches one byte of each page, so
//! that memory runs out long before fuel does.

use repairops_plugin::prelude::*;
use std::hint::black_box;

struct MemoryBomb;

impl PreTransition for MemoryBomb {
    type Settings = NoSettings;

    fn check(_: TransitionEvent, _: NoSettings) -> Result<Verdict, PluginError> {
        let mut hoard = Vec::new();
        while black_box(true) {
            let mut block = Vec::<u8>::with_capacity(1 << 20);
            for page in block.spare_capacity_mut().chunks_mut(4096) {
                page[0].write(black_box(1));
            }
            hoard.push(block);
        }
        Ok(Verdict::warn("HOARD", format!("{} MiB", hoard.len())))
    }
}

repairops_plugin::metadata!();
repairops_plugin::export_pre_transition!(MemoryBomb);
