//! The versions of the WIT that can be loaded.

use crate::hook::{HookExport, Version};
use crate::v0_1;

/// The package whose interfaces plugins export and import.
pub(crate) const PACKAGE: &str = "repairops:plugin";

/// Oldest first.
pub(crate) static ALL: [&Version; 1] = [&v0_1::VERSION];

/// The hook that an export of this interface and version is.
pub(crate) fn find(interface: &str, version: &str) -> Option<&'static HookExport> {
    let found = ALL.into_iter().find(|known| known.has(version))?;
    found.hooks.iter().find(|export| export.hook.as_str() == interface)
}

/// All exports, for an error that says what there is.
pub(crate) fn known_hooks() -> String {
    let exports = ALL.iter().flat_map(|version| version.hooks).map(|export| export.interface);
    exports.collect::<Vec<_>>().join(", ")
}
