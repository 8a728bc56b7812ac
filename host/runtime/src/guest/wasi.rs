//! The WASI 0.2 state of one call: no files, environment, arguments or sockets; the call's clock, random numbers from
//! its seed, output into its log.
//!
//! Invariant: a guest reads nothing through WASI that is not part of the call.

use std::time::Duration;

use sha2::{Digest, Sha256};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::random::Deterministic;

use super::clock::{FixedClock, VirtualClock};
use super::log::{LogStream, SharedLog, Stream};
use super::record::Record;

const RANDOM_BYTES_MAX: u64 = 64 << 10;
const RANDOM_STREAM_BYTES: usize = 1 << 10;

/// Open handles of a guest.
const HANDLES_MAX: usize = 1_000;

/// The WASI of one call.
pub(crate) struct Wasi {
    pub(crate) ctx: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) clock: VirtualClock,
}

impl Wasi {
    pub(crate) fn new(record: &Record, log: &SharedLog) -> Self {
        let now_ms = record.now.timestamp_millis().try_into().unwrap_or(0);
        let stream = |stream| LogStream { log: log.clone(), stream };
        let ctx = WasiCtx::builder()
            .stdout(stream(Stream::Output))
            .stderr(stream(Stream::Error))
            .wall_clock(FixedClock(Duration::from_millis(now_ms)))
            .secure_random(random_bytes(record.seed, "secure"))
            .insecure_random(random_bytes(record.seed, "insecure"))
            .insecure_random_seed(u128::from(record.seed))
            .max_random_size(RANDOM_BYTES_MAX)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES_MAX);
        Wasi {
            ctx,
            table,
            clock: VirtualClock::new(Duration::from_millis(record.sleep_max_ms.into())),
        }
    }
}

/// Random numbers from the seed: SHA-256 of seed, purpose and counter; they repeat after a kilobyte.
fn random_bytes(seed: u64, purpose: &str) -> Deterministic {
    let mut bytes = Vec::with_capacity(RANDOM_STREAM_BYTES);
    for counter in 0u32.. {
        if bytes.len() >= RANDOM_STREAM_BYTES {
            break;
        }
        let block = Sha256::new()
            .chain_update(seed.to_le_bytes())
            .chain_update(purpose)
            .chain_update(counter.to_le_bytes());
        bytes.extend_from_slice(&block.finalize());
    }
    Deterministic::new(bytes)
}
