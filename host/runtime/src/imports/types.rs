//! `types`: the records that the other interfaces share. It has no functions.

use wasmtime::component::HasSelf;

use super::{Import, Permission};
use crate::guest::Guest;
use crate::v0_1::bindings::types as v0_1;

pub(super) const IMPORTS: &[Import] = &[Import {
    name: "repairops:plugin/types",
    version: "0.1.",
    permission: Permission::Types,
    link: |linker| v0_1::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest),
}];

impl v0_1::Host for Guest {}
