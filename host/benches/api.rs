//! The API beside bare handlers: requests a second and p99 of list, get, create and transition, over real sockets.
//!
//! Two sets of bare axum handlers stand beside it, on the same pools:
//! - `fair` answers the same bodies from the same rows, looks the key up, and writes the same rows, with SQL written by
//!   hand for it (`api/fair.rs`); the bench fails when it does not answer or write the same;
//! - `lean` reads and writes only what anyone would (`api/lean.rs`): no key, no counters, few columns.
//!
//! Without scopes, request ids, metrics, plugins, idempotency and checks of what clients send, both of them. On SQLite,
//! and on PostgreSQL when `REPAIROPS_BENCH_POSTGRES` names a database. All sides take turns in short rounds of one run;
//! a ratio is the median of the ratios of the rounds.
//!
//! `cargo bench -p repairops -- api`, with `--only transition` for one operation

mod check;
mod fair;
mod lean;
mod load;

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use repairops::App;
use repairops::config::{Config, DatabaseConfig};
use tokio::net::TcpListener;

use crate::world::{median, percentile};
use load::Operation;

#[derive(clap::Args)]
pub struct Options {
    /// Only this operation
    #[arg(long)]
    only: Option<Operation>,
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// How long each side's turn in a round is
    #[arg(long, default_value_t = 300)]
    round_ms: u64,
    #[arg(long, default_value_t = 8)]
    connections: usize,
}

#[derive(Clone, Copy)]
pub enum Side {
    Api,
    Fair,
    Lean,
}

const SIDES: [Side; 3] = [Side::Api, Side::Fair, Side::Lean];

/// What became of one side's turns.
#[derive(Default)]
struct Measured {
    times: Vec<Duration>,
    /// Requests a second, by round.
    rates: Vec<f64>,
}

pub async fn run(options: Options) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut databases =
        vec![("SQLite", format!("sqlite:{}", folder.path().join("a.db").display()))];
    if let Ok(url) = std::env::var("REPAIROPS_BENCH_POSTGRES") {
        databases.push(("PostgreSQL", url));
    }
    for (name, url) in databases {
        let mut config = Config {
            database: DatabaseConfig { url, ..DatabaseConfig::default() },
            ..Config::new(folder.path().join(name))
        };
        config.limits.rate_limits = "off".parse().map_err(anyhow::Error::msg)?;
        measure(name, App::start(config).await?, &options).await?;
    }
    Ok(())
}

async fn measure(database: &str, app: App, options: &Options) -> anyhow::Result<()> {
    let bench = Arc::new(load::prepare(app, options.connections).await?);
    check::all_answer_alike(&bench).await?;
    println!(
        "\n| {database} | API requests/s | fair requests/s | lean requests/s | API to fair | API to lean \
         | API p50 µs | fair p50 µs | lean p50 µs | API p99 µs | fair p99 µs | lean p99 µs |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for operation in Operation::ALL {
        if options.only.is_some_and(|only| only != operation) {
            continue;
        }
        let mut sides: [Measured; 3] = Default::default();
        let turn = Duration::from_millis(options.round_ms);
        for number in 0..options.rounds + 1 {
            for index in 0..SIDES.len() {
                // Another side begins each round.
                let place = (index + number) % SIDES.len();
                let times = load::turn(&bench, operation, SIDES[place], turn).await?;
                // The first round warms up.
                if number > 0 {
                    let rate = times.len() as f64 / turn.as_secs_f64();
                    sides[place].rates.push(rate);
                    sides[place].times.extend(times);
                }
            }
        }
        print(operation, sides);
    }
    Ok(())
}

fn print(operation: Operation, mut sides: [Measured; 3]) {
    let rates = sides.each_ref().map(|side| median(side.rates.iter().copied()));
    let ratio = |other: &Measured| {
        median(sides[0].rates.iter().zip(&other.rates).map(|(api, other)| api / other))
    };
    let (to_fair, to_lean) = (ratio(&sides[1]), ratio(&sides[2]));
    let p50 = sides.each_mut().map(|side| percentile(&mut side.times, 0.5));
    let p99 = sides.each_mut().map(|side| percentile(&mut side.times, 0.99));
    println!(
        "| {} | {:.0} | {:.0} | {:.0} | {to_fair:.2} | {to_lean:.2} \
         | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |",
        operation.name(),
        rates[0],
        rates[1],
        rates[2],
        p50[0],
        p50[1],
        p50[2],
        p99[0],
        p99[1],
        p99[2]
    );
}

/// Serves bare handlers on a port of their own; returns its address.
async fn serve(router: axum::Router) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    #[allow(clippy::disallowed_methods)] // What others would write.
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// An error of a bare handler.
struct Failed(String);

impl<E: std::fmt::Debug> From<E> for Failed {
    fn from(error: E) -> Self {
        Failed(format!("{error:?}"))
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0).into_response()
    }
}
