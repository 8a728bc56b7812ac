//! `settings`: returns the installation's settings with the schema's defaults filled in.

use wasmtime::component::HasSelf;

use super::{Import, Permission};
use crate::guest::Guest;
use crate::v0_1::bindings::settings as v0_1;
use crate::v0_2::bindings::settings as v0_2;

const NAME: &str = "repairops:plugin/settings";

pub(super) const IMPORTS: &[Import] = &[
    Import {
        name: NAME,
        version: "0.1.",
        permission: Permission::Granted,
        link: |linker| v0_1::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest),
    },
    Import {
        name: NAME,
        version: "0.2.",
        permission: Permission::Granted,
        link: |linker| v0_2::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest),
    },
];

impl v0_1::Host for Guest {
    fn get(&mut self) -> String {
        self.settings.clone()
    }
}

impl v0_2::Host for Guest {
    fn get(&mut self) -> String {
        self.settings.clone()
    }
}
