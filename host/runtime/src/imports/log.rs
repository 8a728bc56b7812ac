//! `log`: writes lines into the call's log, up to `log_bytes`.

use wasmtime::component::HasSelf;

use super::{Import, Permission};
use crate::guest::Guest;
use crate::guest::log::{Level, lock};
use crate::v0_1::bindings::log as v0_1;

pub(super) const IMPORTS: &[Import] = &[Import {
    name: "repairops:plugin/log",
    version: "0.1.",
    permission: Permission::Granted,
    link: |linker| v0_1::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest),
}];

impl v0_1::Host for Guest {
    fn write(&mut self, level: v0_1::Level, message: String) {
        let level = match level {
            v0_1::Level::Trace => Level::Trace,
            v0_1::Level::Debug => Level::Debug,
            v0_1::Level::Info => Level::Info,
            v0_1::Level::Warn => Level::Warn,
            v0_1::Level::Error => Level::Error,
        };
        lock(&self.log).line(level, &message);
    }
}
