//! All benches in one binary, so that the router is linked once: `cargo bench -p repairops -- NAME`.
//!
//! Without a name it lists them and ends, so that `cargo bench` and `cargo test --benches` stay cheap.

mod api;
mod attack;
mod call;
mod component;
mod faults;
mod input;
mod limits;
mod lists;
mod live;
mod neighbor;
mod same_event;
mod samples;
mod soak;
mod transition;
mod versions;
mod wire;
mod world;

use clap::{CommandFactory, Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "bench",
    bin_name = "cargo bench -p repairops --",
    about = "Measures one thing; REPAIROPS_BENCH_POSTGRES names a PostgreSQL database to measure too",
    subcommand_value_name = "NAME",
    subcommand_help_heading = "Benches",
    disable_help_subcommand = true
)]
struct Options {
    #[command(subcommand)]
    bench: Option<Bench>,
    /// What `cargo bench` adds.
    #[arg(long = "bench", global = true, hide = true)]
    is_from_cargo: bool,
}

#[derive(Subcommand)]
enum Bench {
    /// The API beside bare handlers: list, get, create, transition
    Api(api::Options),
    /// What one party can do to another: connections, half requests, worst inputs
    Attack(attack::Options),
    /// One call of a plugin: native, warm, fresh, on a guest thread
    Call(call::Options),
    /// Two nodes on PostgreSQL while it stops, dies, turns read-only, fails over, falls silent; fails when a write is lost
    Faults(faults::Options),
    /// The worst input of the allowed size; fails when it costs too much
    Input,
    /// Rate limits and Idempotency-Keys
    Limits,
    /// Lists and KPIs over a thousand, 100 thousand and a million tickets
    Lists,
    /// A plugin that loops for ever beside one that behaves
    Neighbor,
    /// A healthy organization beside hostile ones, for ten minutes; fails when it notices them
    Soak(soak::Options),
    /// Plugins in a transition: none, 1, 3 and 10, alone and beside a load
    Transition(transition::Options),
    /// The sample plugins as built for an older version of the WIT, and as they are now
    Versions(versions::Options),
}

fn main() -> anyhow::Result<()> {
    let Some(bench) = Options::parse().bench else {
        Options::command().print_help()?;
        return Ok(());
    };
    match bench {
        Bench::Attack(options) => attack::run(&options),
        Bench::Soak(options) => soak::run(&options),
        Bench::Faults(options) => block_on(faults::run(options)),
        Bench::Call(options) => call::run(&options),
        Bench::Versions(options) => versions::run(&options),
        Bench::Api(options) => block_on(api::run(options)),
        Bench::Input => block_on(input::run()),
        Bench::Limits => block_on(limits::run()),
        Bench::Lists => block_on(lists::run()),
        Bench::Neighbor => block_on(neighbor::run()),
        Bench::Transition(options) => block_on(transition::run(options)),
    }
}

/// On a runtime like the server's.
fn block_on(bench: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(bench)
}
