//! `repairops demo`: sets up the whole system from a checkout: sample plugins built from source, a database with a
//! sample history, a server. With `--check` it runs a test scenario over real HTTP and reports each step.

mod built;
mod history;
mod story;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use ipnet::IpNet;
use tempfile::TempDir;

use crate::app::App;
use crate::cli::log;
use crate::config::{Config, DatabaseConfig, LimitConfig, MetricsListen};
use crate::db;
use crate::keys::create::{NewKey, create};
use crate::listener::{bind, open_files};
use crate::model::people::Scope;
use crate::rate_limits::rates::{Rates, RatesOption};
use crate::shutdown::Signals;
use crate::toolchain::{self, build_components, ensure_wasm_target};
use built::{Built, Keys, LOOPING};
use history::World;

const SAMPLES: [&str; 3] = ["qc-gate", "intake-triage", "nearest-stock"];

#[derive(Args)]
pub struct Demo {
    /// The address to listen on.
    #[arg(long, env = "REPAIROPS_LISTEN", default_value = "127.0.0.1:8080")]
    listen: String,

    /// The database in which the demo creates its organization; a new SQLite file by default.
    #[arg(long, env = "REPAIROPS_DATABASE")]
    database: Option<String>,

    /// Requests an hour of one key, as of `repairops serve`; by default 100 times as many.
    #[arg(long, env = "REPAIROPS_RATE_LIMITS")]
    rate_limits: Option<RatesOption>,

    /// Run the scenario over HTTP, report each step, and exit.
    #[arg(long)]
    check: bool,
}

/// The demo raises the limits: ten admin requests an hour are too few for trying things out.
const RATES: RatesOption = RatesOption(Some(Rates {
    read: 100_000,
    write: 10_000,
    admin: 1_000,
    plugins: 10_000,
    stock: 10_000,
}));

impl Demo {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let say_more = log::start_quietly("error");
        // The scenario needs no fixed port, so it can run beside a demo that serves. Bound first: a port in use
        // should fail before minutes of building.
        let listen = if self.check { "127.0.0.1:0" } else { self.listen.as_str() };
        let listener = bind(listen).await.with_context(|| {
            format!("listening on {listen}; choose another address with --listen")
        })?;
        let mut signals = Signals::listen().context("listening for signals")?;
        let folder = tempfile::tempdir().context("creating a folder for the demo")?;
        open_files::raise_limit();
        let config = self.config(&folder);
        let _lock = db::lock(&config.database.url)?;
        let prepared = tokio::select! {
            prepared = prepare(config) => prepared?,
            () = signals.next() => {
                toolchain::end_builds();
                return Ok(ExitCode::SUCCESS);
            }
        };
        let Prepared { app, world, keys, components } = prepared;
        let base = format!("http://{}", listener.local_addr()?);
        if self.check {
            tokio::spawn(super::serve::serve(app.clone(), listener, Duration::ZERO, signals));
            return story::play(&base, (&app.db, &app.secrets), &world, &keys, &components).await;
        }
        introduce(&base, &world, &keys);
        // What plugins do and say, which the docs send people here for.
        say_more("warn,repairops::plugin=info");
        super::serve::serve(app, listener, Duration::ZERO, signals).await?;
        Ok(ExitCode::SUCCESS)
    }

    fn config(&self, folder: &TempDir) -> Config {
        let fresh = || format!("sqlite:{}", folder.path().join("demo.db").display());
        let url = self.database.clone().unwrap_or_else(fresh);
        let mut config = Config {
            database: DatabaseConfig { url, ..DatabaseConfig::default() },
            metrics_listen: MetricsListen::Public,
            limits: LimitConfig {
                rate_limits: self.rate_limits.unwrap_or(RATES),
                ..LimitConfig::default()
            },
            ..Config::new(folder.path().join("data"))
        };
        // Receivers in the demo usually run on the same machine.
        config.webhooks.webhook_allow = vec![
            IpNet::new_assert(Ipv4Addr::new(127, 0, 0, 0).into(), 8),
            IpNet::new_assert(Ipv6Addr::LOCALHOST.into(), 128),
        ];
        config
    }
}

/// What the demo serves.
struct Prepared {
    app: App,
    world: World,
    keys: Keys,
    components: Vec<Built>,
}

async fn prepare(config: Config) -> anyhow::Result<Prepared> {
    let components = tokio::task::spawn_blocking(build).await??;
    say("Creating a database with two shops, their people, stock and some weeks of tickets …");
    let app = App::start(config).await?;
    let world = history::make(&app, &components).await.context("creating the demo's history")?;
    let keys = make_keys(&app, &world).await?;
    Ok(Prepared { app, world, keys, components })
}

/// Builds the sample plugins, and the one that loops, from the checkout of this program.
fn build() -> anyhow::Result<Vec<Built>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    ensure!(
        root.join("plugins").is_dir(),
        "the demo builds the sample plugins from their sources, and {} does not exist; run it from a checkout",
        root.join("plugins").display()
    );
    let mut progress = |line: &str| say(line);
    let target = ensure_wasm_target(&mut progress)?;
    say("Building the sample plugins …");
    let packages: Vec<&str> = SAMPLES.into_iter().chain([LOOPING]).collect();
    let read = |package: String, path: PathBuf| {
        let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(Built { name: package, bytes })
    };
    let components = build_components(&target, &root, &packages, &mut progress)?;
    components.into_iter().map(|component| read(component.package, component.path)).collect()
}

async fn make_keys(app: &App, world: &World) -> anyhow::Result<Keys> {
    let make = async |scope, name| {
        let made = create(&app.db, &app.clock, world.org, NewKey::new(name, scope)).await?;
        anyhow::Ok(made.text)
    };
    Ok(Keys {
        read: make(Scope::Read, "Demo dashboard").await?,
        write: make(Scope::Write, "Demo front desk").await?,
        admin: make(Scope::Admin, "Demo owner").await?,
    })
}

fn say(line: &str) {
    eprintln!("{line}");
}

fn introduce(base: &str, world: &World, keys: &Keys) {
    println!(
        r#"
RepairOps is serving on {base} (Ctrl-C ends it).
Its shops are Downtown ($SHOP) and Riverside ({riverside}); {base}/docs has the whole API.
The demo allows a key 100 times the usual requests an hour (read 1,000, write 100, admin 10).

    export RO={base}/v1
    export READ={read}
    export WRITE={write}
    export ADMIN={admin}
    export SHOP={downtown}
    export TECHNICIAN={technician}

What is being repaired, and which plugins take part:

    curl -s "$RO/tickets?status=IN_REPAIR&limit=5" -H "Authorization: Bearer $READ"
    curl -s "$RO/plugins" -H "Authorization: Bearer $READ"
    curl -s "$RO/installations" -H "Authorization: Bearer $READ"

A new ticket; intake-triage reads its text in the same request:

    curl -s "$RO/tickets" -H "Authorization: Bearer $WRITE" -H "Content-Type: application/json" -d '{{
      "shop_id": "'"$SHOP"'",
      "customer": {{"name": "Jane Smith", "email": "jane@example.com"}},
      "device_identifier": "MacBook Pro 16\"",
      "issue_description": "Spilled coffee on it, does not turn on. All my photos are on it!",
      "device_category": "laptop"}}'

A ticket that is in repair and not ready; qc-gate says why it cannot go on:

    curl -s "$RO/tickets/{unready}/transition" -H "Authorization: Bearer $WRITE" \
      -H "Content-Type: application/json" -d '{{"new_status": "QC_REVIEW"}}'

Switch the gate off, and try again:

    curl -s -X PATCH "$RO/installations/{gate}" -H "Authorization: Bearer $ADMIN" \
      -H "Content-Type: application/json" -d '{{"hooks": {{"pre-transition": {{"mode": "off"}}}}}}'
"#,
        downtown = world.downtown,
        riverside = world.riverside,
        technician = world.technicians[0].0,
        unready = world.unready,
        gate = world.gate,
        read = keys.read,
        write = keys.write,
        admin = keys.admin,
    );
}
