//! A server in this process and organizations to ask it, for benches.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use repairops::config::{Config, DatabaseConfig};
use repairops::keys::create::NewKey;
use repairops::model::ids::OrgId;
use repairops::model::people::Scope;
use repairops::rate_limits::rates::RatesOption;
use repairops::{App, journal, keys, organizations, router};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub struct World {
    app: App,
    router: Router,
    component: Vec<u8>,
}

/// An organization with one shop.
#[derive(Clone)]
pub struct Shop {
    key: String,
    id: String,
}

/// A load that ends when this is dropped.
pub struct Load(Arc<AtomicBool>);

impl Drop for Load {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The value at `share` of the sorted times, in microseconds.
pub fn percentile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6
}

/// The middle of some figures.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

pub fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}

/// Clients whose transitions never end well.
pub struct Loops {
    ended: Arc<AtomicBool>,
    clients: Vec<tokio::task::JoinHandle<usize>>,
}

impl Loops {
    /// Ends them; answers how many calls were stopped.
    pub async fn end(self) -> usize {
        self.ended.store(true, Ordering::Relaxed);
        let mut stopped = 0;
        for client in self.clients {
            stopped += client.await.unwrap_or(0);
        }
        stopped
    }
}

impl World {
    /// The same server with other components to upload.
    pub fn with_component(&self, component: Vec<u8>) -> World {
        World { app: self.app.clone(), router: self.router.clone(), component }
    }

    /// So many clients that try to move a ticket, over and over, past a plugin that loops.
    pub async fn loop_forever(&self, shop: &Shop, clients: usize) -> anyhow::Result<Loops> {
        let ended = Arc::new(AtomicBool::new(false));
        let ticket = self.make_ticket(shop).await?;
        let client = |_| {
            let (world, shop, ticket, ended) =
                (self.with_component(Vec::new()), shop.clone(), ticket.clone(), ended.clone());
            tokio::spawn(async move {
                let mut stopped = 0;
                while !ended.load(Ordering::Relaxed) {
                    stopped +=
                        usize::from(world.transition(&shop, &ticket, "TRIAGE").await.is_err());
                }
                stopped
            })
        };
        let clients = (0..clients).map(client).collect();
        // Until all of them are in the queue: what is measured is a load that lasts, not its first moment.
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(Loops { ended, clients })
    }

    pub async fn start(database: &str, folder: &Path, component: &[u8]) -> anyhow::Result<World> {
        World::start_with(database, folder, component, |_| ()).await
    }

    pub async fn start_without_journal(
        database: &str,
        folder: &Path,
        component: &[u8],
    ) -> anyhow::Result<World> {
        World::start_with(database, folder, component, |config| {
            config.journal.journal_inputs_max = 0;
        })
        .await
    }

    async fn start_with(
        database: &str,
        folder: &Path,
        component: &[u8],
        change: impl FnOnce(&mut Config),
    ) -> anyhow::Result<World> {
        let database = DatabaseConfig { url: database.to_owned(), ..DatabaseConfig::default() };
        let mut config = Config { database, ..Config::new(folder.join("data")) };
        config.compile.compiler = Some(env!("CARGO_BIN_EXE_repairops").into());
        // What a load beside it costs is what is measured, not when the budget is used up.
        config.request_budget_ms = 10_000;
        config.request_wall_ms = 60_000;
        config.limits.rate_limits = RatesOption::OFF;
        change(&mut config);
        let app = App::start(config).await?;
        // As a server does; it ends with the process.
        tokio::spawn(journal::write::run_until(app.clone(), CancellationToken::new()));
        Ok(World { router: router(app.clone()), app, component: component.to_vec() })
    }

    /// A new organization with `installations` of qc-gate.
    pub async fn make_shop(&self, installations: usize) -> anyhow::Result<Shop> {
        self.make_shop_with(installations, json!({})).await
    }

    /// The same with limits of the installations.
    pub async fn make_shop_with(
        &self,
        installations: usize,
        limits: Value,
    ) -> anyhow::Result<Shop> {
        let org: OrgId = self.app.clock.new_id();
        let mut tx = self.app.db.begin().await?;
        organizations::store::insert(&mut tx, org, "Bench", "enterprise", self.app.clock.now())
            .await?;
        tx.commit().await?;
        let key = keys::create::create(
            &self.app.db,
            &self.app.clock,
            org,
            NewKey::new("bench", Scope::Admin),
        )
        .await?
        .text;
        let mut shop = Shop { key, id: String::new() };
        let made = self.send(&shop, Method::POST, "/v1/shops", json!({ "name": "Bench" })).await?;
        shop.id = text(&made, "id")?;
        if installations > 0 {
            for number in 0..installations {
                let plugin = self.upload(&shop, numbered(&self.component, number)).await?;
                let body = json!({ "plugin_id": plugin["id"], "limits": limits });
                self.send(&shop, Method::POST, "/v1/installations", body).await?;
            }
        }
        Ok(shop)
    }

    pub async fn make_ticket(&self, shop: &Shop) -> anyhow::Result<String> {
        let body = json!({
            "shop_id": shop.id,
            "customer": { "name": "John Doe", "email": "john@example.com" },
            "device_identifier": "iPhone 14 Pro",
            "issue_description": "Cracked screen",
        });
        text(&self.send(shop, Method::POST, "/v1/tickets", body).await?, "id")
    }

    pub async fn transition(
        &self,
        shop: &Shop,
        ticket: &str,
        status: &str,
    ) -> anyhow::Result<Value> {
        let path = format!("/v1/tickets/{ticket}/transition");
        self.send(shop, Method::POST, &path, json!({ "new_status": status })).await
    }

    /// Two clients that make tickets and move them, one request after the other.
    pub fn load(&self, shop: &Shop) -> Load {
        let ended = Arc::new(AtomicBool::new(false));
        for _ in 0..2 {
            let world =
                World { app: self.app.clone(), router: self.router.clone(), component: Vec::new() };
            let (shop, ended) = (shop.clone(), ended.clone());
            tokio::spawn(async move {
                while !ended.load(Ordering::Relaxed) {
                    let Ok(ticket) = world.make_ticket(&shop).await else { return };
                    for status in ["TRIAGE", "DIAGNOSTICS", "WAITING_APPROVAL", "APPROVED"] {
                        let _ = world.transition(&shop, &ticket, status).await;
                    }
                }
            });
        }
        Load(ended)
    }

    /// One client that makes a ticket and moves it, with a pause between requests.
    pub fn paced_load(&self, shop: &Shop, pause: Duration) -> Load {
        let ended = Arc::new(AtomicBool::new(false));
        let (world, shop, until) = (self.with_component(Vec::new()), shop.clone(), ended.clone());
        tokio::spawn(async move {
            while !until.load(Ordering::Relaxed) {
                let Ok(ticket) = world.make_ticket(&shop).await else { return };
                for status in ["TRIAGE", "DIAGNOSTICS", "WAITING_APPROVAL", "APPROVED"] {
                    tokio::time::sleep(pause).await;
                    let _ = world.transition(&shop, &ticket, status).await;
                }
            }
        });
        Load(ended)
    }

    /// From upload to `ready`: for bytes that nobody compiled before, and for known ones.
    pub async fn upload_times(&self, component: &[u8]) -> anyhow::Result<(Duration, Duration)> {
        let shop = self.make_shop(0).await?;
        let mut new = component.to_vec();
        // A custom section of one byte makes it another component with the same code.
        let name = format!("bench-{}", self.app.clock.now().timestamp_micros());
        new.extend([0, name.len() as u8 + 1, name.len() as u8]);
        new.extend(name.as_bytes());
        let started = Instant::now();
        self.upload(&shop, new.clone()).await?;
        let cold = started.elapsed();
        let other = self.make_shop(0).await?;
        let started = Instant::now();
        self.upload(&other, new).await?;
        Ok((cold, started.elapsed()))
    }

    async fn upload(&self, shop: &Shop, component: Vec<u8>) -> anyhow::Result<Value> {
        let request = Request::post("/v1/plugins").header("content-type", "application/wasm");
        let plugin = self.answer(shop, request, Body::from(component)).await?;
        ensure!(plugin["state"] == "ready", "the component is not ready: {plugin}");
        Ok(plugin)
    }

    pub async fn send(
        &self,
        shop: &Shop,
        method: Method,
        path: &str,
        body: Value,
    ) -> anyhow::Result<Value> {
        let request =
            Request::builder().method(method).uri(path).header("content-type", "application/json");
        self.answer(shop, request, Body::from(body.to_string())).await
    }

    async fn answer(
        &self,
        shop: &Shop,
        request: axum::http::request::Builder,
        body: Body,
    ) -> anyhow::Result<Value> {
        let request = request.header("authorization", format!("Bearer {}", shop.key)).body(body)?;
        let response = self.router.clone().oneshot(request).await?;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 1 << 20).await?;
        ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&bytes));
        Ok(serde_json::from_slice(&bytes)?)
    }
}

fn text(value: &Value, field: &str) -> anyhow::Result<String> {
    value[field].as_str().map(str::to_owned).with_context(|| format!("no {field} in {value}"))
}

/// The component with a distinct plugin name, such as `qc-ga07`: a name can be installed only once for a shop and hook.
fn numbered(component: &[u8], number: usize) -> Vec<u8> {
    const NAME: &[u8] = b"repairops:nameqc-gate";
    let mut renamed = component.to_vec();
    if let Some(at) = renamed.windows(NAME.len()).position(|part| part == NAME) {
        let end = at + NAME.len();
        renamed[end - 2..end].copy_from_slice(format!("{:02}", number % 100).as_bytes());
    }
    renamed
}
