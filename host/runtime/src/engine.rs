//! Configures the one engine: the WebAssembly features of guests, how they are interrupted, and their memory pool.
//!
//! Invariant: settings that change artifacts or fuel figures are part of `key`, so changing one recompiles.

use std::hash::{Hash, Hasher};
use std::num::NonZeroUsize;

use anyhow::Context;
use sha2::{Digest, Sha256};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

use crate::limits::Limits;

/// Stores beyond those of the guest threads: warm instances of benches, calls outside of the pool.
const STORES_SPARE: u32 = 4;

/// What one component may contain. Rust needs 3 core instances, 1 memory and 2 tables; JavaScript a little more.
pub(super) const CORE_INSTANCES_PER_COMPONENT: u32 = 24;
pub(super) const MEMORIES_PER_COMPONENT: u32 = 4;
pub(super) const TABLES_PER_COMPONENT: u32 = 8;

const MEMORY_KEEP_RESIDENT_BYTES: usize = 2 << 20;
const TABLE_KEEP_RESIDENT_BYTES: usize = 64 << 10;

/// Stack of a guest. Guest threads have more, for the host's part of a call.
const WASM_STACK_BYTES: usize = 512 << 10;

const BACKTRACE_FRAMES_MAX: usize = 30;

/// Creates the engine for `guest_threads` concurrent calls.
pub(super) fn new(guest_threads: usize) -> anyhow::Result<Engine> {
    let stores = u32::try_from(guest_threads)?
        .checked_add(STORES_SPARE)
        .context("too many guest threads")?;
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(stores)));
    start(&config)
}

/// Creates an engine that compiles the same artifacts and reserves no memory for instances.
pub(super) fn for_compiling() -> anyhow::Result<Engine> {
    start(&config())
}

fn start(config: &Config) -> anyhow::Result<Engine> {
    Engine::new(config)
        .map_err(anyhow::Error::from)
        .context("the WebAssembly engine cannot be set up")
}

fn config() -> Config {
    let mut config = Config::new();
    config
        // Bulk memory and table operations are charged by size, which is wasmtime's default.
        .consume_fuel(true)
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .cranelift_opt_level(OptLevel::Speed)
        .max_wasm_stack(WASM_STACK_BYTES)
        .wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES_MAX))
        .native_unwind_info(false)
        .wasm_memory64(false)
        .shared_memory(false)
        // No threads, garbage collection or component async: these features are not compiled in either.
        .concurrency_support(false)
        .gc_support(false);
    config
}

fn pool(stores: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(stores)
        .total_core_instances(stores.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .total_memories(stores.saturating_mul(MEMORIES_PER_COMPONENT))
        .total_tables(stores.saturating_mul(TABLES_PER_COMPONENT))
        .total_stacks(0)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_tables_per_module(TABLES_PER_COMPONENT)
        .max_memory_size(Limits::CEILING.memory_bytes as usize)
        .table_elements(Limits::CEILING.table_elements as usize)
        .linear_memory_keep_resident(MEMORY_KEEP_RESIDENT_BYTES)
        .table_keep_resident(TABLE_KEEP_RESIDENT_BYTES)
        // Needs Linux 6.7; otherwise wasmtime resets the pages itself, which is slower.
        .pagemap_scan(Enabled::Auto);
    pool
}

/// A key of everything that decides whether an artifact fits this engine: 16 hex digits.
pub(super) fn key(engine: &Engine) -> String {
    struct Hashed(Sha256);
    impl Hasher for Hashed {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut hashed = Hashed(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hashed);
    hex::encode(&hashed.0.finalize()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_engine_compiles_fits_the_other() {
        assert_eq!(key(&for_compiling().unwrap()), key(&new(3).unwrap()));
    }
}
