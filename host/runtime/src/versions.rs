//! The supported WIT versions.

use crate::event::Hook;
use crate::hook::{HookExport, Version};
use crate::{v0_1, v0_2};

/// The package of the interfaces that plugins export and import.
pub(crate) const PACKAGE: &str = "repairops:plugin";

/// Oldest first.
pub(crate) static ALL: [&Version; 2] = [&v0_1::VERSION, &v0_2::VERSION];

/// The hook export with this interface and version.
pub(crate) fn find(interface: &str, version: &str) -> Option<&'static HookExport> {
    let found = ALL.into_iter().find(|known| known.has(version))?;
    found.hooks.iter().find(|export| export.hook.as_str() == interface)
}

/// Whether any hook of that version is known.
pub(crate) fn is_known(version: &str) -> bool {
    ALL.iter().any(|known| known.has(version))
}

/// All versions, for an error message: `0.1.0 and 0.2.0`.
pub(crate) fn known() -> String {
    ALL.map(|version| format!("{}0", version.prefix)).join(" and ")
}

/// The exports of a version, or of the newest, for an error message.
pub(crate) fn known_hooks(version: Option<&str>) -> String {
    let of = |wanted: &str| ALL.iter().find(|known| known.has(wanted));
    let version = version.and_then(of).or(ALL.last());
    let hooks = version.iter().flat_map(|version| version.hooks);
    let exports =
        hooks.filter(|export| Hook::ALL.contains(&export.hook)).map(|export| export.interface);
    exports.collect::<Vec<_>>().join(", ")
}
