//! How much one call of a plugin may use: an installation has its own, under the configuration's ceilings.

use serde::{Deserialize, Serialize};

const KIB: u32 = 1 << 10;
const MIB: u32 = 1 << 20;

/// The limits of one call. Every figure is a maximum that is still allowed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Units of fuel: about one a WebAssembly instruction, and one a byte of a bulk copy. Repeatable, unlike time.
    pub fuel: u64,
    /// Milliseconds of wall-clock time, and also of the time that a plugin pretends to sleep.
    pub deadline_ms: u32,
    /// Bytes of linear memory, all memories of the instance together.
    pub memory_bytes: u64,
    /// Elements of all tables of the instance together.
    pub table_elements: u32,
    /// Bytes of the event that is handed in, as the host estimates them.
    pub input_bytes: u32,
    /// Bytes of the answer that is taken out.
    pub output_bytes: u32,
    /// Bytes of log, standard output and standard error together. More is dropped and counted.
    pub log_bytes: u32,
    /// Calls of imports, those of WASI included.
    pub host_calls: u32,
}

impl Limits {
    /// What an installation may ask for at most, unless the configuration says otherwise.
    pub const CEILING: Limits = Limits {
        fuel: 1_000_000_000,
        deadline_ms: 1_000,
        memory_bytes: 128 * MIB as u64,
        table_elements: 100_000,
        input_bytes: 8 * MIB,
        output_bytes: MIB,
        log_bytes: 64 * KIB,
        host_calls: 100_000,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            fuel: 10_000_000,
            deadline_ms: 50,
            memory_bytes: 32 * MIB as u64,
            table_elements: 10_000,
            input_bytes: MIB,
            output_bytes: 64 * KIB,
            log_bytes: 8 * KIB,
            host_calls: 10_000,
        }
    }
}
