//! Memory and tables of one store, summed over everything in it. A refusal is remembered: to the guest it looks like
//! a full machine (`memory.grow` returns -1), and what it does then looks like any trap.

use wasmtime::ResourceLimiter;

use crate::engine;
use crate::error::CallError;
use crate::limits::Limits;

/// How many core instances one store may hold.
const INSTANCES_MAX: usize = engine::CORE_INSTANCES_PER_COMPONENT as usize;

/// The limiter of one store.
pub(crate) struct StoreLimits {
    memory: Sum,
    tables: Sum,
}

struct Sum {
    limit: u64,
    /// Never shrinks: WebAssembly gives nothing back while an instance lives.
    used: u64,
    /// The total that was asked for when it was refused.
    refused: Option<u64>,
}

impl StoreLimits {
    pub(crate) fn new(limits: &Limits) -> Self {
        StoreLimits {
            memory: Sum::new(limits.memory_bytes),
            tables: Sum::new(limits.table_elements.into()),
        }
    }

    /// The most linear memory that was in use at a time.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory.used
    }

    /// What was refused, when something was.
    pub(crate) fn refusal(&self) -> Option<CallError> {
        let memory = self.memory.refused.map(|asked| CallError::memory(self.memory.limit, asked));
        memory
            .or_else(|| self.tables.refused.map(|asked| CallError::table(self.tables.limit, asked)))
    }
}

impl Sum {
    fn new(limit: u64) -> Self {
        Sum { limit, used: 0, refused: None }
    }

    /// May one memory or table grow? What its own type forbids is no limit of ours, so it is neither counted nor
    /// remembered. A growth that is allowed here and then fails stays counted: that errs on the safe side.
    fn grow(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return false;
        }
        let asked = self.used.saturating_add(desired.saturating_sub(current) as u64);
        if asked > self.limit {
            self.refused = Some(asked);
            return false;
        }
        self.used = asked;
        true
    }
}

impl ResourceLimiter for StoreLimits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.memory.grow(current, desired, max))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.tables.grow(current, desired, max))
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn memories(&self) -> usize {
        engine::MEMORIES_PER_COMPONENT as usize
    }

    fn tables(&self) -> usize {
        engine::TABLES_PER_COMPONENT as usize
    }
}
