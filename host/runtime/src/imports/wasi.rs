//! WASI 0.2 as guests get it: everything that a standard library imports, and nothing behind it. No files, environment,
//! arguments or sockets; the clock is the call's; random numbers follow from its seed; output goes into its log. It is
//! made when a guest first asks for it, as most never do.
//!
//! The synchronous functions of `wasmtime-wasi` block on a tokio runtime, so guests never run on a tokio worker.

use std::time::Duration;

use sha2::{Digest, Sha256};
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, io, random, sockets, sync};
use wasmtime_wasi::random::{Deterministic, WasiRandom, WasiRandomView};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::instance::{Guest, Record};
use super::clock::{self, FixedClock, Time, VirtualClock};
use super::log::{LogStream, SharedLog, Stream};

/// The interfaces that are linked, by the name without version.
pub(crate) const INTERFACES: [&str; 27] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

const RANDOM_BYTES_MAX: u64 = 64 << 10;
const RANDOM_STREAM_BYTES: usize = 1 << 10;

/// Handles that a guest may have open at the same time.
const HANDLES_MAX: usize = 1_000;

/// The WASI of one call.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    clock: VirtualClock,
}

impl Wasi {
    fn new(record: &Record, log: &SharedLog) -> Self {
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
            clock: VirtualClock::new(Duration::from_millis(record.deadline_ms.into())),
        }
    }
}

impl Guest {
    fn wasi(&mut self) -> &mut Wasi {
        let Guest { wasi, record, log, .. } = self;
        wasi.get_or_insert_with(|| Box::new(Wasi::new(record, log)))
    }

    pub(super) fn time(&mut self) -> Time<'_> {
        let wasi = self.wasi();
        Time { clock: &mut wasi.clock, table: &mut wasi.table }
    }

    fn table(&mut self) -> &mut ResourceTable {
        &mut self.wasi().table
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi();
        WasiCtxView { ctx: &mut wasi.ctx, table: &mut wasi.table }
    }
}

/// Random numbers that follow from the seed: SHA-256 of seed, purpose and counter; they repeat after a kilobyte.
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

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// Adds all of WASI 0.2 that `wasmtime-wasi` has, with the clock and `poll` of `clock.rs` in place of its own.
pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let l = linker;
    clock::link(l)?;
    io::error::add_to_linker::<Guest, HasTable>(l, Guest::table)?;
    sync::io::streams::add_to_linker::<Guest, HasTable>(l, Guest::table)?;
    clocks::wall_clock::add_to_linker::<Guest, WasiClocks>(l, Guest::clocks)?;
    random::random::add_to_linker::<Guest, WasiRandom>(l, Guest::random)?;
    random::insecure::add_to_linker::<Guest, WasiRandom>(l, Guest::random)?;
    random::insecure_seed::add_to_linker::<Guest, WasiRandom>(l, Guest::random)?;
    cli::exit::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::environment::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::stdin::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::stdout::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::stderr::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_input::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_output::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_stdin::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_stdout::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_stderr::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    filesystem::preopens::add_to_linker::<Guest, WasiFilesystem>(l, Guest::filesystem)?;
    sync::filesystem::types::add_to_linker::<Guest, WasiFilesystem>(l, Guest::filesystem)?;
    sockets::instance_network::add_to_linker::<Guest, WasiSockets>(l, Guest::sockets)?;
    sockets::network::add_to_linker::<Guest, WasiSockets>(l, &Default::default(), Guest::sockets)?;
    sockets::ip_name_lookup::add_to_linker::<Guest, WasiSockets>(l, Guest::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<Guest, WasiSockets>(l, Guest::sockets)?;
    sync::sockets::tcp::add_to_linker::<Guest, WasiSockets>(l, Guest::sockets)?;
    sync::sockets::udp_create_socket::add_to_linker::<Guest, WasiSockets>(l, Guest::sockets)?;
    sync::sockets::udp::add_to_linker::<Guest, WasiSockets>(l, Guest::sockets)
}
