//! Limits memory and tables of one store, summed over everything in it. A rejected growth is recorded, because the
//! guest only sees a full machine (`memory.grow` returns -1) and its reaction looks like any trap.

use wasmtime::ResourceLimiter;

use crate::engine;
use crate::error::CallError;
use crate::limits::Limits;

/// Core instances of one store.
const INSTANCES_MAX: usize = engine::CORE_INSTANCES_PER_COMPONENT as usize;

/// The limiter of one store.
pub(crate) struct StoreLimits {
    memory: Sum,
    tables: Sum,
}

struct Sum {
    limit: u64,
    /// Never shrinks: WebAssembly releases no memory while an instance lives.
    used: u64,
    /// The requested total that was rejected.
    refused: Option<u64>,
}

impl StoreLimits {
    pub(crate) fn new(limits: &Limits) -> Self {
        StoreLimits {
            memory: Sum::new(limits.memory_bytes),
            tables: Sum::new(limits.table_elements.into()),
        }
    }

    /// The peak of linear memory.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory.used
    }

    pub(crate) fn memory_left(&self) -> u64 {
        self.memory.limit.saturating_sub(self.memory.used)
    }

    /// The rejected growth, if any.
    pub(crate) fn refusal(&self) -> Option<CallError> {
        let memory =
            self.memory.refused.map(|requested| CallError::memory(self.memory.limit, requested));
        memory.or_else(|| {
            self.tables.refused.map(|requested| CallError::table(self.tables.limit, requested))
        })
    }
}

impl Sum {
    fn new(limit: u64) -> Self {
        Sum { limit, used: 0, refused: None }
    }

    /// Whether a memory or table may grow. Growth that its own type forbids is neither counted nor recorded. Growth
    /// that is allowed here and then fails stays counted, which errs on the safe side.
    fn grow(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return false;
        }
        let requested = self.used.saturating_add(desired.saturating_sub(current) as u64);
        if requested > self.limit {
            self.refused = Some(requested);
            return false;
        }
        self.used = requested;
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
