//! `log`: writes lines into the call's log, up to `log_bytes`.

use wasmtime::component::HasSelf;

use super::{Import, Permission};
use crate::guest::Guest;
use crate::guest::log::{Level, lock};
use crate::v0_1::bindings::log as v0_1;
use crate::v0_2::bindings::log as v0_2;

const NAME: &str = "repairops:plugin/log";

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

macro_rules! implement {
    ($version:ident) => {
        impl $version::Host for Guest {
            fn write(&mut self, level: $version::Level, message: String) {
                let level = match level {
                    $version::Level::Trace => Level::Trace,
                    $version::Level::Debug => Level::Debug,
                    $version::Level::Info => Level::Info,
                    $version::Level::Warn => Level::Warn,
                    $version::Level::Error => Level::Error,
                };
                lock(&self.log).line(level, &message);
            }
        }
    };
}
implement!(v0_1);
implement!(v0_2);
