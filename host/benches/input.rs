//! What the worst input of the allowed size costs: bodies of 1 MiB, URLs of 60 KB, long headers and settings schemas of
//! 60 KB that are refused, each sent through the router with a good key and without rate limits, on SQLite. Each is sent at half its size as well: for twice the
//! size it may take at most 2.5 times as long, and at its whole size less than 20 ms.
//!
//! `cargo bench -p repairops -- input`

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderName, Method, Request, header};
use repairops::config::{Config, DatabaseConfig};
use repairops::keys::create::NewKey;
use repairops::model::ids::OrgId;
use repairops::model::people::Scope;
use repairops::rate_limits::rates::RatesOption;
use repairops::{App, keys, organizations, router};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::component;

const BODY_BYTES: usize = 1 << 20;
const URL_BYTES: usize = 60_000;
const HEADER_BYTES: usize = 64 << 10;
const SCHEMA_BYTES: usize = 60_000;

const ROUNDS: usize = 15;
const RATIO_MAX: f64 = 2.5;
const TIME_MAX: Duration = Duration::from_millis(20);
/// Of what takes less, the ratio tells of the machine's noise.
const TIME_MIN: Duration = Duration::from_millis(1);

pub async fn run() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("input.db").display());
    let database = DatabaseConfig { url, ..DatabaseConfig::default() };
    let mut config = Config { database, ..Config::new(folder.path().join("data")) };
    config.limits.rate_limits = RatesOption::OFF;
    config.limits.trusted_proxies = vec!["10.0.0.0/8".parse()?];
    let world = World::make(&App::start(config).await?).await?;
    println!("| input | bytes | status | n/2 µs | n µs | ratio | |\n|---|---|---|---|---|---|---|");
    let mut failed = Vec::new();
    for input in inputs() {
        let (half, whole) = (input.bytes / 2, input.bytes);
        let (mut times, mut status) = ([Duration::MAX; 2], 0);
        for _ in 0..ROUNDS {
            for (size, time) in [half, whole].into_iter().zip(&mut times) {
                let request = (input.make)(&world, size)?;
                let started = Instant::now();
                status = world.send(request).await?;
                *time = started.elapsed().min(*time);
            }
        }
        let ratio = times[1].as_secs_f64() / times[0].as_secs_f64();
        let is_linear = ratio <= RATIO_MAX || times[1] < TIME_MIN;
        let verdict = match (is_linear, times[1] < TIME_MAX) {
            (true, true) => "",
            (false, _) => "more than linear",
            (true, false) => "too slow",
        };
        let micros = times.map(|time| time.as_micros());
        let (name, bytes) = (input.name, input.bytes);
        println!(
            "| {name} | {bytes} | {status} | {} | {} | {ratio:.2} | {verdict} |",
            micros[0], micros[1]
        );
        if !verdict.is_empty() {
            failed.push(name);
        }
    }
    ensure!(failed.is_empty(), "more than {RATIO_MAX} times or {TIME_MAX:?}: {failed:?}");
    Ok(())
}

type Make = Box<dyn Fn(&World, usize) -> anyhow::Result<Request<Body>>>;

/// One kind of input, and the request of about so many bytes.
struct Input {
    name: &'static str,
    bytes: usize,
    make: Make,
}

/// The body of a change of a ticket.
fn body(name: &'static str, text: impl Fn(usize) -> String + 'static) -> Input {
    let make = move |world: &World, n| world.json(Method::PATCH, &world.ticket, cut(text(n), n)?);
    Input { name, bytes: BODY_BYTES - 64, make: Box::new(make) }
}

/// The query of a list.
fn query(
    name: &'static str,
    path: &'static str,
    text: impl Fn(usize) -> String + 'static,
) -> Input {
    let make = move |world: &World, n| {
        let request = world.request(Method::GET, &format!("{path}?{}", cut(text(n), n)?));
        Ok(request.body(Body::empty())?)
    };
    Input { name, bytes: URL_BYTES, make: Box::new(make) }
}

/// An upload whose settings schema is refused, for its last part or as a whole.
fn schema(name: &'static str, text: impl Fn(usize) -> String + 'static) -> Input {
    let make = move |world: &World, n| {
        let section = "repairops:settings-schema";
        let bytes = component::with_section(&world.component, section, cut(text(n), n)?.as_bytes());
        let request = world.request(Method::POST, "/v1/plugins");
        Ok(request.header(header::CONTENT_TYPE, "application/wasm").body(Body::from(bytes))?)
    };
    Input { name, bytes: SCHEMA_BYTES, make: Box::new(make) }
}

/// A header of a read.
fn header(name: HeaderName, entry: &'static str) -> Input {
    let title = if name == header::IF_NONE_MATCH { "entity tags" } else { "X-Forwarded-For" };
    let make = move |world: &World, n| {
        let request = world.request(Method::GET, &world.ticket).header(&name, list(entry, n));
        Ok(request.body(Body::empty())?)
    };
    Input { name: title, bytes: HEADER_BYTES, make: Box::new(make) }
}

fn inputs() -> Vec<Input> {
    let field = |name: &'static str| move |value: String| format!("{{\"{name}\":{value}}}");
    let array = |entry: &'static str| move |n| format!("[{}]", list(entry, n));
    let nested = |open: &str, close: &str| format!("{}0{}", open.repeat(120), close.repeat(120));
    let (lists, objects) = (nested("[", "]"), nested("{\"a\":", "}"));
    vec![
        body("a long key, a list of zeros", |n| {
            format!("{{\"{}\":[{}]}}", "k".repeat(n / 2), list("0", n / 2))
        }),
        body("a long key, a list of zeros, at last a NUL", |n| {
            format!("{{\"{}\":[{},\"\\u0000\"]}}", "k".repeat(n / 2), list("0", n / 2))
        }),
        body("a list of zeros", move |n| field("a")(array("0")(n))),
        body("a list of 1.0 for lines", move |n| field("parts")(array("1.0")(n))),
        body("lines with quantity 1.0", move |n| {
            field("parts")(array(r#"{"name":"a","quantity":1.0}"#)(n))
        }),
        body("keys, all different", |n| format!("{{{}}}", keys("k", n))),
        body("keys, alike for 200 letters", |n| format!("{{{}}}", keys(&"k".repeat(200), n))),
        body("one key, repeated", |n| format!("{{{}}}", list("\"notes\":0", n))),
        body("lists, 120 deep", move |n| field("a")(format!("[{}]", list(&lists, n)))),
        body("objects, 120 deep", move |n| field("a")(format!("[{}]", list(&objects, n)))),
        body("long keys, 120 deep, then a NUL", |n| {
            let key = format!("{{\"{}\":", "k".repeat(n / 125));
            format!("{}\"\\u0000\"{}", key.repeat(120), "}".repeat(120))
        }),
        body("small objects", move |n| field("a")(array(r#"{"a":0}"#)(n))),
        body("a text with a NUL at its end", move |n| {
            field("notes")(format!("\"{}\\u0000\"", "x".repeat(n)))
        }),
        body("a text where a number belongs", move |n| {
            field("labor_hours")(format!("\"{}\"", "\\u200b".repeat(n / 6)))
        }),
        body("a text that is too long", move |n| field("notes")(format!("\"{}\"", "x".repeat(n)))),
        body("blanks", move |n| field("notes")(format!("\"{}\"", " ".repeat(n)))),
        body("an unknown field", |n| format!("{{\"{}\":0}}", "k".repeat(n))),
        body("a number of many digits", move |n| field("labor_hours")("7".repeat(n))),
        body("a number of many decimals", move |n| {
            field("labor_hours")(format!("0.{}1", "0".repeat(n)))
        }),
        body("names of parts", move |n| {
            field("diagnostics")(field("recommended_parts")(array("\"a\"")(n)))
        }),
        Input {
            name: "events of a webhook",
            bytes: BODY_BYTES - 64,
            make: Box::new(move |world, n| {
                let text = field("events")(array("\"ticket.created\"")(n));
                world.json(Method::PATCH, &world.webhook, text)
            }),
        },
        Input {
            name: "shops of an installation",
            bytes: BODY_BYTES - 128,
            make: Box::new(|world, n| {
                let shops = list(&format!("\"{}\"", world.shop), n);
                let text = format!("{{\"plugin_id\":\"{}\",\"shop_ids\":[{shops}]}}", world.shop);
                world.json(Method::POST, "/v1/installations", text)
            }),
        },
        query("parameters of one letter", "/v1/tickets", |n| "a&".repeat(n / 2)),
        query("parameters, all different", "/v1/tickets", |n| {
            (0..n / 7).map(|number| format!("{number:05x}=&")).collect()
        }),
        query("parameters, percent-encoded", "/v1/tickets", |n| {
            (0..n / 13).map(|number| format!("%6B{number:05x}=%61&")).collect()
        }),
        query("a long value", "/v1/tickets", |n| format!("status={}", "%61".repeat(n / 3 - 8))),
        query("metrics", "/v1/kpis", |n| {
            format!("start_date=2024-01-01&end_date=2026-12-31&metrics={}", list("revenue", n))
        }),
        schema("definitions that double", |n| {
            let definition = |number| {
                let next = number + 1;
                format!(
                    r##""{number:03}":{{"allOf":[{{"$ref":"#/$defs/{next:03}"}},{{"$ref":"#/$defs/{next:03}"}}]}}"##
                )
            };
            let count = n / (definition(0).len() + 2);
            let defs: Vec<String> = (0..count).map(definition).collect();
            format!(r#"{{"$defs":{{{},"{count:03}":{{}}}}}}"#, defs.join(","))
        }),
        schema("a long name above many subschemas", |n| {
            let parts = list(r#"{"type":"string"}"#, n / 2);
            format!(r#"{{"properties":{{"{}":{{"anyOf":[{parts},7]}}}}}}"#, "k".repeat(n / 2))
        }),
        schema("patterns", |n| {
            format!(r#"{{"anyOf":[{},{{"pattern":"("}}]}}"#, list(r#"{"pattern":"^[a-z]{9}$"}"#, n))
        }),
        schema("defaults", |n| {
            let default = |number| format!(r#""{number:05}":{{"default":{{"a":0}}}}"#);
            let count = n / (default(0).len() + 2);
            let all: Vec<String> = (0..count).map(default).collect();
            format!(r#"{{"properties":{{{},"z":{{"type":"text"}}}}}}"#, all.join(","))
        }),
        header(header::IF_NONE_MATCH, "\"7\""),
        header(HeaderName::from_static("x-forwarded-for"), "10.0.0.7"),
    ]
}

/// `entry,entry,…` of about so many bytes.
fn list(entry: &str, bytes: usize) -> String {
    let mut text = format!("{entry},").repeat((bytes / (entry.len() + 1)).max(1));
    text.pop();
    text
}

/// `"k00000":0,…`, no two alike.
fn keys(start: &str, bytes: usize) -> String {
    let count = bytes / (start.len() + "\"00000\":0,".len());
    let keys: Vec<String> = (0..count).map(|number| format!("\"{start}{number:05x}\":0")).collect();
    keys.join(",")
}

/// Inputs are to be of the size that they say.
fn cut(text: String, bytes: usize) -> anyhow::Result<String> {
    ensure!(
        text.len() <= bytes + 200 && text.len() * 10 >= bytes * 8,
        "{} of {bytes} bytes",
        text.len()
    );
    Ok(text)
}

const COMPONENT: &str = r#"(component
    (@custom "repairops:name" "bench") (@custom "repairops:version" "1.0.0")
    (instance $hook)
    (export "repairops:plugin/pre-transition@0.1.0" (instance $hook)))"#;

/// A server in this process, and what there is to send to.
struct World {
    router: Router,
    key: String,
    shop: String,
    ticket: String,
    webhook: String,
    /// What makes a plugin but for the schema.
    component: Vec<u8>,
}

impl World {
    async fn make(app: &App) -> anyhow::Result<World> {
        let org: OrgId = app.clock.new_id();
        let mut tx = app.db.begin().await?;
        organizations::store::insert(&mut tx, org, "Bench", "enterprise", app.clock.now()).await?;
        tx.commit().await?;
        let new = NewKey::new("bench", Scope::Admin);
        let key = keys::create::create(&app.db, &app.clock, org, new).await?.text;
        let (shop, ticket, webhook) = (String::new(), String::new(), String::new());
        let component = wat::parse_str(COMPONENT)?;
        let mut world =
            World { router: router(app.clone()), key, shop, ticket, webhook, component };
        world.shop = world.create("/v1/shops", json!({ "name": "Bench" })).await?;
        let ticket = json!({
            "shop_id": world.shop,
            "customer": { "name": "John Doe", "email": "john@example.com" },
            "device_identifier": "iPhone 14 Pro",
            "issue_description": "Cracked screen",
        });
        world.ticket = format!("/v1/tickets/{}", world.create("/v1/tickets", ticket).await?);
        let webhook = json!({ "url": "https://shop.example/hooks", "events": ["ticket.updated"] });
        world.webhook = format!("/v1/webhooks/{}", world.create("/v1/webhooks", webhook).await?);
        Ok(world)
    }

    async fn create(&self, path: &str, body: Value) -> anyhow::Result<String> {
        let response =
            self.router.clone().oneshot(self.json(Method::POST, path, body.to_string())?).await?;
        let made: Value = serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await?)?;
        Ok(made["id"].as_str().with_context(|| format!("{path}: {made}"))?.to_owned())
    }

    fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .extension(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 1234))))
    }

    fn json(&self, method: Method, path: &str, text: String) -> anyhow::Result<Request<Body>> {
        let request = self.request(method, path).header(header::CONTENT_TYPE, "application/json");
        Ok(request.body(Body::from(text))?)
    }

    /// Answers the status. What is measured has to get as far as the input is read.
    async fn send(&self, request: Request<Body>) -> anyhow::Result<u16> {
        let response = self.router.clone().oneshot(request).await?;
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), 1 << 20).await?;
        let text = String::from_utf8_lossy(&bytes);
        ensure!(matches!(status, 200 | 304 | 400), "{status}: {text}");
        ensure!(status != 400 || bytes.len() < 16_000, "an error of {} bytes", bytes.len());
        Ok(status)
    }
}
