//! What a plugin may import, one file each. Inspection, permissions and linking all follow from `all()`.

mod clock;
mod limits;
mod log;
mod settings;
mod time;
mod types;
mod wasi;

use wasmtime::Result;
use wasmtime::component::Linker;

use crate::guest::Guest;
use crate::hook::is_patch_of;

/// The permission that an import needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// Access that the shop's owner should know of.
    Granted,
    /// No access: there is no data and no device behind it.
    Inert,
    /// Types only; not listed.
    Types,
}

/// One interface that a plugin may import.
pub(crate) struct Import {
    /// The name without its version: `repairops:plugin/log`.
    pub(crate) name: &'static str,
    /// The prefix of its versions: `0.1.`; a later patch version only adds.
    version: &'static str,
    pub(crate) permission: Permission,
    link: fn(&mut Linker<Guest>) -> Result<()>,
}

/// All supported imports. A component with any other import is rejected.
pub(crate) fn all() -> impl Iterator<Item = &'static Import> {
    [types::IMPORTS, log::IMPORTS, settings::IMPORTS, limits::IMPORTS, time::IMPORTS, wasi::IMPORTS]
        .into_iter()
        .flatten()
}

/// Finds an import by its full name, `repairops:plugin/log@0.1.0`.
pub(crate) fn find(full_name: &str) -> Option<&'static Import> {
    let (name, version) = full_name.rsplit_once('@')?;
    all().find(|import| import.name == name && is_patch_of(import.version, version))
}

/// Links all of them.
pub(crate) fn link(linker: &mut Linker<Guest>) -> Result<()> {
    all().try_for_each(|import| (import.link)(linker))
}

/// The imports of our own package that need a permission, and WASI, for an error message.
pub(crate) fn known() -> String {
    let ours = all().filter(|import| import.permission != Permission::Inert);
    let ours = ours.map(|import| format!("{}@{}0", import.name, import.version));
    let ours = ours.collect::<Vec<_>>().join(", ");
    format!("{ours}, and of WASI 0.2 cli, clocks, filesystem, io, random and sockets")
}
