//! The supported WIT versions.

use crate::hook::{HookExport, Version};
use crate::v0_1;

/// The package of the interfaces that plugins export and import.
pub(crate) const PACKAGE: &str = "repairops:plugin";

/// Oldest first.
pub(crate) static ALL: [&Version; 1] = [&v0_1::VERSION];

/// The hook export with this interface and version.
pub(crate) fn find(interface: &str, version: &str) -> Option<&'static HookExport> {
    let found = ALL.into_iter().find(|known| known.has(version))?;
    found.hooks.iter().find(|export| export.hook.as_str() == interface)
}

/// All exports, for an error message.
pub(crate) fn known_hooks() -> String {
    let exports = ALL.iter().flat_map(|version| version.hooks).map(|export| export.interface);
    exports.collect::<Vec<_>>().join(", ")
}
