//! What a plugin may import: `log` and `settings` (the traits are in `bindings.rs`), and WASI 0.2, empty.

mod clock;
pub(super) mod log;
pub(super) mod wasi;

use wasmtime::component::Linker;

pub(super) use self::clock::SleptTooLong;
use super::bindings;
use super::instance::Guest;

/// Adds everything a plugin may import; what is not here, a component cannot be loaded with.
pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    bindings::link(linker)?;
    wasi::link(linker)
}
