//! Links WASI 0.2: everything that a standard library imports, without any real resource behind it (`guest/wasi.rs`).
//! The state is created on first use, because most guests never need it.
//!
//! Invariant: guests never run on a tokio worker, because the synchronous functions of `wasmtime-wasi` block.

use wasmtime::Result;
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, io, random, sockets, sync};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};
use wasmtime_wasi::{WasiCtxView, WasiView};

use super::{Import, Permission, clock};
use crate::guest::Guest;

type Link = fn(&mut Linker<Guest>) -> Result<()>;

const fn inert(name: &'static str, link: Link) -> Import {
    Import { name, version: "0.2.", permission: Permission::Inert, link }
}

/// Every linked interface.
pub(super) const IMPORTS: &[Import] = &[
    inert("wasi:cli/environment", |l| cli::environment::add_to_linker::<_, WasiCli>(l, Guest::cli)),
    inert("wasi:cli/exit", |l| cli::exit::add_to_linker::<_, WasiCli>(l, Guest::cli)),
    inert("wasi:cli/stderr", |l| cli::stderr::add_to_linker::<_, WasiCli>(l, Guest::cli)),
    inert("wasi:cli/stdin", |l| cli::stdin::add_to_linker::<_, WasiCli>(l, Guest::cli)),
    inert("wasi:cli/stdout", |l| cli::stdout::add_to_linker::<_, WasiCli>(l, Guest::cli)),
    inert("wasi:cli/terminal-input", |l| {
        cli::terminal_input::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    inert("wasi:cli/terminal-output", |l| {
        cli::terminal_output::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    inert("wasi:cli/terminal-stderr", |l| {
        cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    inert("wasi:cli/terminal-stdin", |l| {
        cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    inert("wasi:cli/terminal-stdout", |l| {
        cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, Guest::cli)
    }),
    inert("wasi:clocks/monotonic-clock", clock::link_monotonic_clock),
    inert("wasi:clocks/wall-clock", |l| {
        clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, Guest::clocks)
    }),
    inert("wasi:filesystem/preopens", |l| {
        filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, Guest::filesystem)
    }),
    inert("wasi:filesystem/types", |l| {
        sync::filesystem::types::add_to_linker::<_, WasiFilesystem>(l, Guest::filesystem)
    }),
    inert("wasi:io/error", |l| io::error::add_to_linker::<_, HasTable>(l, Guest::table)),
    inert("wasi:io/poll", clock::link_poll),
    inert("wasi:io/streams", |l| sync::io::streams::add_to_linker::<_, HasTable>(l, Guest::table)),
    inert("wasi:random/insecure", |l| {
        random::insecure::add_to_linker::<_, WasiRandom>(l, Guest::random)
    }),
    inert("wasi:random/insecure-seed", |l| {
        random::insecure_seed::add_to_linker::<_, WasiRandom>(l, Guest::random)
    }),
    inert("wasi:random/random", |l| {
        random::random::add_to_linker::<_, WasiRandom>(l, Guest::random)
    }),
    inert("wasi:sockets/instance-network", |l| {
        sockets::instance_network::add_to_linker::<_, WasiSockets>(l, Guest::sockets)
    }),
    inert("wasi:sockets/ip-name-lookup", |l| {
        sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(l, Guest::sockets)
    }),
    inert("wasi:sockets/network", |l| {
        sockets::network::add_to_linker::<_, WasiSockets>(l, &Default::default(), Guest::sockets)
    }),
    inert("wasi:sockets/tcp", |l| {
        sync::sockets::tcp::add_to_linker::<_, WasiSockets>(l, Guest::sockets)
    }),
    inert("wasi:sockets/tcp-create-socket", |l| {
        sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(l, Guest::sockets)
    }),
    inert("wasi:sockets/udp", |l| {
        sync::sockets::udp::add_to_linker::<_, WasiSockets>(l, Guest::sockets)
    }),
    inert("wasi:sockets/udp-create-socket", |l| {
        sync::sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(l, Guest::sockets)
    }),
];

impl Guest {
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

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}
