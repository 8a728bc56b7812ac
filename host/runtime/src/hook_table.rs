//! Finds and type-checks the hooks that one component exports.

use std::collections::HashMap;

use wasmtime::Result;
use wasmtime::component::{Component, Linker};

use crate::error::CompileError;
use crate::event::{Hook, HookEvent};
use crate::guest::Guest;
use crate::hook::{Callable, Entry};
use crate::versions;

/// The hooks that one component exports, ready to call.
pub(crate) struct HookTable(HashMap<Hook, Entry>);

impl HookTable {
    /// Links the component and checks the types of all its hooks.
    pub(crate) fn new(
        component: &Component,
        linker: &Linker<Guest>,
    ) -> std::result::Result<HookTable, CompileError> {
        let unusable = |reason: String| CompileError::Unusable { reason };
        let pre =
            linker.instantiate_pre(component).map_err(|error| unusable(format!("{error:#}")))?;
        let mut entries = HashMap::new();
        for export in versions::ALL.iter().flat_map(|version| version.hooks) {
            if component.get_export_index(None, export.interface).is_some() {
                let entry = (export.prepare)(pre.clone()).map_err(|error| {
                    unusable(format!(
                        "its export {} does not match the interface: {error:#}",
                        export.hook
                    ))
                })?;
                entries.insert(export.hook, entry);
            }
        }
        Ok(HookTable(entries))
    }

    /// The hooks, in the order of a ticket's life.
    pub(crate) fn hooks(&self) -> Vec<Hook> {
        Hook::ALL.into_iter().filter(|hook| self.0.contains_key(hook)).collect()
    }

    pub(crate) fn get<E: HookEvent>(&self) -> Result<&dyn Callable<E>> {
        let entry = self.0.get(&E::HOOK).and_then(|entry| entry.downcast_ref());
        let found: Option<&Box<dyn Callable<E>>> = entry;
        found
            .map(|callable| &**callable)
            .ok_or_else(|| wasmtime::format_err!("the component does not export {}", E::HOOK))
    }
}
