//! `limits`: says what the call may still use.

use wasmtime::component::Linker;
use wasmtime::{Result, StoreContextMut};

use super::{Import, Permission};
use crate::guest::Guest;
use crate::v0_2::bindings::limits as v0_2;

pub(super) const IMPORTS: &[Import] = &[Import {
    name: "repairops:plugin/limits",
    version: "0.2.",
    permission: Permission::Granted,
    link,
}];

/// Not through the generated trait, which does not see the store, where the fuel is.
fn link(linker: &mut Linker<Guest>) -> Result<()> {
    linker.instance("repairops:plugin/limits@0.2.0")?.func_wrap(
        "remaining",
        |store: StoreContextMut<'_, Guest>, (): ()| {
            let fuel = store.get_fuel()?;
            Ok((remaining(store.data(), fuel),))
        },
    )
}

fn remaining(guest: &Guest, fuel: u64) -> v0_2::Left {
    v0_2::Left {
        fuel,
        time_ms: guest.time.left_ms(),
        memory_bytes: guest.limits.memory_left(),
        log_bytes: guest.log_left(),
        host_calls: guest.host_calls_left,
    }
}
