//! What a plugin may import, one file each. Inspection, permissions and linking all follow from `all()`.

mod clock;
mod log;
mod settings;
mod types;
mod wasi;

use wasmtime::Result;
use wasmtime::component::Linker;

use crate::guest::Guest;
use crate::hook::is_patch_of;

/// What an import allows a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// Something that the shop's owner should know.
    Granted,
    /// Nothing: there is no data and no device behind it.
    Inert,
    /// Nothing, and it is not worth a line: only types.
    Types,
}

/// One interface that a plugin may import.
pub(crate) struct Import {
    /// Without its version: `repairops:plugin/log`.
    pub(crate) name: &'static str,
    /// How its versions begin: `0.1.`; a later patch version only adds.
    version: &'static str,
    pub(crate) permission: Permission,
    link: fn(&mut Linker<Guest>) -> Result<()>,
}

/// Every import that there is. A component that needs another cannot be loaded.
pub(crate) fn all() -> impl Iterator<Item = &'static Import> {
    [types::IMPORTS, log::IMPORTS, settings::IMPORTS, wasi::IMPORTS].into_iter().flatten()
}

/// The import of this full name, `repairops:plugin/log@0.1.0`.
pub(crate) fn find(full_name: &str) -> Option<&'static Import> {
    let (name, version) = full_name.rsplit_once('@')?;
    all().find(|import| import.name == name && is_patch_of(import.version, version))
}

/// Adds all of them.
pub(crate) fn link(linker: &mut Linker<Guest>) -> Result<()> {
    all().try_for_each(|import| (import.link)(linker))
}

/// The imports of our own package that allow something, and WASI, for an error that says what there is.
pub(crate) fn known() -> String {
    let ours = all().filter(|import| import.permission != Permission::Inert);
    let ours = ours.map(|import| format!("{}@{}0", import.name, import.version));
    let ours = ours.collect::<Vec<_>>().join(", ");
    format!("{ours}, and of WASI 0.2 cli, clocks, filesystem, io, random and sockets")
}
