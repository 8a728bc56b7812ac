//! What page one of the ticket list costs, by filter, and what KPIs cost, over organizations of a thousand, 100
//! thousand and a million tickets; on SQLite and (when `REPAIROPS_BENCH_POSTGRES` names an empty database) on PostgreSQL.
//! `REPAIROPS_BENCH_TICKETS=1000,20000` sets other sizes, for a quick look.
//!
//! `cargo bench -p repairops -- lists`

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use repairops::config::{Config, DatabaseConfig};
use repairops::db::{Backend, Conn, Query};
use repairops::keys::create::NewKey;
use repairops::model::ids::OrgId;
use repairops::model::people::Scope;
use repairops::rate_limits::rates::RatesOption;
use repairops::{App, doctor, keys, organizations, router};
use serde_json::Value;
use sqlx::AssertSqlSafe;
use tower::ServiceExt;

const ROUNDS: usize = 200;
const SHOPS: i64 = 5;
const TECHNICIANS: i64 = 50;
/// The oldest ticket is so many days old.
const DAYS: i64 = 1_000;

pub async fn run() -> anyhow::Result<()> {
    let sizes = std::env::var("REPAIROPS_BENCH_TICKETS");
    let sizes = sizes.unwrap_or_else(|_| "1000,100000,1000000".to_owned());
    let sizes = sizes.split(',').map(str::parse).collect::<Result<Vec<i64>, _>>()?;
    let folder = tempfile::tempdir()?;
    let mut databases =
        vec![("SQLite", format!("sqlite:{}", folder.path().join("lists.db").display()))];
    if let Ok(url) = std::env::var("REPAIROPS_BENCH_POSTGRES") {
        databases.push(("PostgreSQL", url));
    }
    for (name, url) in databases {
        let database = DatabaseConfig { url, ..DatabaseConfig::default() };
        let mut config = Config { database, ..Config::new(folder.path().join("data")) };
        config.limits.rate_limits = RatesOption::OFF;
        let app = App::start(config).await?;
        let mut worlds = Vec::new();
        for size in &sizes {
            let started = Instant::now();
            worlds.push(World::make(&app, *size).await?);
            eprintln!("{name}: {size} tickets in {:.0?}", started.elapsed());
        }
        let problems = doctor::examine(&app.db, &app.secrets).await?;
        ensure!(problems.is_empty(), "the doctor found {problems:?}");
        measure(name, &sizes, &worlds).await?;
    }
    Ok(())
}

/// All sizes take turns, so that a noisy machine is noisy for all.
async fn measure(database: &str, sizes: &[i64], worlds: &[World]) -> anyhow::Result<()> {
    let mut heads = Vec::new();
    for size in sizes {
        heads.push(format!("{size}: p50 µs | p99 µs"));
    }
    println!("\n| {database} | {} |\n|---|{}", heads.join(" | "), "---|---|".repeat(sizes.len()));
    for index in 0..worlds[0].queries.len() {
        let mut times = vec![Vec::new(); worlds.len()];
        for round in 0..ROUNDS + 5 {
            for (world, times) in worlds.iter().zip(&mut times) {
                let started = Instant::now();
                world.get(&world.queries[index].1).await?;
                if round >= 5 {
                    times.push(started.elapsed());
                }
            }
        }
        let cells = times.iter_mut().map(|times| {
            times.sort_unstable();
            let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
            let micros = |time: Duration| time.as_secs_f64() * 1e6;
            format!("{:.0} | {:.0}", micros(at(0.5)), micros(at(0.99)))
        });
        println!("| {} | {} |", worlds[0].queries[index].0, cells.collect::<Vec<_>>().join(" | "));
    }
    Ok(())
}

/// An organization with so many tickets, and what is asked of it.
struct World {
    router: Router,
    key: String,
    queries: Vec<(&'static str, String)>,
}

impl World {
    async fn make(app: &App, tickets: i64) -> anyhow::Result<World> {
        let org: OrgId = app.clock.new_id();
        let mut tx = app.db.begin().await?;
        organizations::store::insert(&mut tx, org, "Bench", "enterprise", app.clock.now()).await?;
        tx.commit().await?;
        let new = NewKey::new("bench", Scope::Read);
        let key = keys::create::create(&app.db, &app.clock, org, new).await?.text;
        let mut tx = app.db.begin().await?;
        fill(&mut tx, org, tickets, app.clock.now().timestamp()).await?;
        tx.commit().await?;
        let mut world = World { router: router(app.clone()), key, queries: Vec::new() };
        world.queries = world.questions(app, tickets).await?;
        Ok(world)
    }

    async fn questions(
        &self,
        app: &App,
        tickets: i64,
    ) -> anyhow::Result<Vec<(&'static str, String)>> {
        let ago = |days: i64| {
            (app.clock.now() - chrono::Duration::days(days)).format("%Y-%m-%dT%H:%M:%SZ")
        };
        let list = |query: String| format!("/v1/tickets?{query}");
        let (shop, user, customer) = (id_text(1, 1), id_text(2, 7), id_text(3, 5));
        let deep = self.cursor(&list(format!("limit=1&offset={}", tickets / 2))).await?;
        let today = app.clock.now().date_naive();
        let first = today - chrono::Days::new(DAYS as u64);
        Ok(vec![
            ("page one", list(String::new())),
            ("status", list("status=IN_REPAIR".to_owned())),
            ("the status that most have", list("status=CLOSED".to_owned())),
            ("shop", list(format!("shop_id={shop}"))),
            ("shop and status", list(format!("shop_id={shop}&status=IN_REPAIR"))),
            ("assigned_to", list(format!("assigned_to={user}"))),
            ("30 days", list(format!("created_after={}&created_before={}", ago(60), ago(30)))),
            ("all but 30 days", list(format!("created_before={}", ago(30)))),
            ("customer", list(format!("customer_id={customer}"))),
            ("sort=-updated_at", list("sort=-updated_at".to_owned())),
            ("a cursor in the middle", list(format!("cursor={deep}"))),
            ("customers", "/v1/customers".to_owned()),
            ("customers of a shop", format!("/v1/customers?shop_id={shop}")),
            ("KPIs, 30 days", "/v1/kpis".to_owned()),
            ("KPIs, 1,000 days", format!("/v1/kpis?start_date={first}&end_date={today}")),
            (
                "KPIs of a shop, 1,000 days",
                format!("/v1/kpis?shop_id={shop}&start_date={first}&end_date={today}"),
            ),
        ])
    }

    async fn cursor(&self, path: &str) -> anyhow::Result<String> {
        let page: Value = serde_json::from_slice(&self.get(path).await?)?;
        Ok(page["pagination"]["next_cursor"].as_str().context("no cursor")?.to_owned())
    }

    async fn get(&self, path: &str) -> anyhow::Result<axum::body::Bytes> {
        let request = Request::get(path).header("authorization", format!("Bearer {}", self.key));
        let response = self.router.clone().oneshot(request.body(Body::empty())?).await?;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 1 << 24).await?;
        ensure!(status.is_success(), "{path}: {status}: {}", String::from_utf8_lossy(&bytes));
        Ok(bytes)
    }
}

/// The id of the n-th shop (1), user (2), customer (3), ticket (4) or part (5).
fn id_text(kind: i64, n: i64) -> String {
    format!("{kind:08x}-0000-7000-8000-{n:012x}")
}

/// Fills the organization by few large statements, the counters by those of the migration that made them.
async fn fill(conn: &mut Conn, org: OrgId, tickets: i64, now: i64) -> anyhow::Result<()> {
    let postgres = conn.is_postgres();
    let org = if postgres { format!("'{org}'::uuid") } else { format!("x'{}'", org.0.simple()) };
    let id = |kind: i64, n: &str| {
        if postgres {
            format!("('{kind:08x}-0000-7000-8000-' || lpad(to_hex({n}), 12, '0'))::uuid")
        } else {
            format!("unhex('{kind:08x}000070008000' || printf('%012x', {n}))")
        }
    };
    let time = |seconds: &str| {
        if postgres {
            format!("to_timestamp({seconds})")
        } else {
            format!("strftime('%Y-%m-%dT%H:%M:%S+00:00', {seconds}, 'unixepoch')")
        }
    };
    let numbers = |count: i64| {
        if postgres {
            format!("generate_series(1::bigint, {count}) as numbers (i)")
        } else {
            format!("(with recursive numbers (i) as (select 1 union all select i + 1 from numbers where i < {count})
                      select i from numbers) numbers")
        }
    };
    let day = |column: &str| {
        if postgres {
            format!("({column} at time zone 'UTC')::date")
        } else {
            format!("substr({column}, 1, 10)")
        }
    };
    let json = if postgres { "'[]'::jsonb, '[]'::jsonb, '{}'::jsonb" } else { "'[]', '[]', '{}'" };
    let customers = (tickets / 4).max(1);
    let step = |n: &str| format!("({now} - ({tickets} - {n}) * {DAYS} * 86400 / {tickets})");
    let status = "case when i % 20 = 0 then 'IN_REPAIR' when i % 20 = 1 then 'INTAKE' when i % 20 = 2 then 'VOIDED'
                  else 'CLOSED' end";
    let triggers = disable_triggers(conn).await?;
    let statements = [
        format!("insert into shops (org_id, id, name, time_zone, created_at)
                 select {org}, {}, 'Shop', 'UTC', {} from {}", id(1, "i"), time(&now.to_string()), numbers(SHOPS)),
        format!("insert into users (org_id, id, name, email, email_key, role, hourly_cost, created_at)
                 select {org}, {}, 'Tech', 'tech' || i, 'tech' || i, 'technician', 2500, {} from {}",
                id(2, "i"), time(&now.to_string()), numbers(TECHNICIANS)),
        format!("insert into customers (org_id, id, name, name_key, email, email_key, created_at)
                 select {org}, {}, 'Jane ' || i, 'jane ' || i, 'c' || i, 'c' || i, {} from {}",
                id(3, "i"), time(&step("i * 4")), numbers(customers)),
        format!("insert into tickets (org_id, id, number, version, shop_id, customer_id, status, device_identifier,
                     issue_description, assigned_to, labor_hours, labor_rate, recommended_parts, tags, custom_fields,
                     picked_up_at, created_at, updated_at)
                 select {org}, {}, i, 1, {}, {}, {status}, 'iPhone 14 Pro', 'Cracked screen', {}, 150, 6500, {json},
                     case when i % 20 > 2 then {} end, {created}, {created} from {}",
                id(4, "i"), id(1, &format!("i % {SHOPS} + 1")), id(3, &format!("i % {customers} + 1")),
                id(2, &format!("i % {TECHNICIANS} + 1")), time(&format!("({} + 3600)", step("i"))), numbers(tickets),
                created = time(&step("i"))),
        format!("insert into ticket_parts (org_id, id, ticket_id, position, name, quantity, unit_cost, cost_basis)
                 select {org}, {}, {}, 0, 'Screen', 1, 16000, 8000 from {}", id(5, "i"), id(4, "i"), numbers(tickets)),
        format!("insert into ticket_figures (org_id, ticket_id, shop_id, day, hourly_cost, labor, parts, turnaround_ms,
                     labor_costed, labor_cost, parts_costed, parts_cost, reviewed, passed)
                 select org_id, id, shop_id, {}, 2500, 9750, 16000, 3600000, 9750, 3750, 16000, 8000, 1, 1
                 from tickets where org_id = {org} and picked_up_at is not null", day("picked_up_at")),
        format!("insert into kpi_days (org_id, shop_id, day, tickets, labor, parts, turnaround_ms, labor_costed,
                     labor_cost, parts_costed, parts_cost, reviewed, passed, scores, score_sum)
                 select org_id, shop_id, day, count(*), sum(labor), sum(parts), sum(turnaround_ms), sum(labor_costed),
                     sum(labor_cost), sum(parts_costed), sum(parts_cost), sum(reviewed), sum(passed), 0, 0
                 from ticket_figures where org_id = {org} group by org_id, shop_id, day"),
        "delete from counters".to_owned(),
        "delete from customer_shops".to_owned(),
        counting(postgres)?.to_owned(),
        triggers,
    ];
    for statement in statements {
        execute(conn, statement).await?;
    }
    if postgres {
        execute(conn, "analyze".to_owned()).await?;
    }
    Ok(())
}

/// What the migration does with the rows that it finds.
fn counting(postgres: bool) -> anyhow::Result<&'static str> {
    let (text, end) = if postgres {
        (
            include_str!("../../migrations/postgres/0005_counters.sql"),
            "create function counter_slot",
        )
    } else {
        (
            include_str!("../../migrations/sqlite/0005_counters.sql"),
            "create trigger tickets_count_new",
        )
    };
    let start = text.find("-- What is there already.").context("no start")?;
    let length = text[start..].find(end).context("no end")?;
    Ok(&text[start..start + length])
}

/// A million rows would be counted one by one. The answer is the text that switches them on again.
async fn disable_triggers(conn: &mut Conn) -> anyhow::Result<String> {
    const COUNTED: [&str; 3] = ["tickets", "customers", "customer_shops"];
    if conn.is_postgres() {
        for table in COUNTED {
            execute(conn, format!("alter table {table} disable trigger user")).await?;
        }
        return Ok(COUNTED
            .map(|table| format!("alter table {table} enable trigger user;"))
            .join("\n"));
    }
    let sql = "select name, sql from sqlite_master where type = 'trigger'".to_owned();
    let triggers: Vec<(String, String)> = Query { sql, values: Vec::new() }.fetch_all(conn).await?;
    for (name, _) in &triggers {
        execute(conn, format!("drop trigger {name}")).await?;
    }
    Ok(triggers.into_iter().map(|(_, sql)| format!("{sql};")).collect::<Vec<_>>().join("\n"))
}

async fn execute(conn: &mut Conn, sql: String) -> anyhow::Result<()> {
    let text = sql.clone();
    let done = match conn.backend()? {
        Backend::Sqlite(conn) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await.map(drop),
        Backend::Postgres(conn) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await.map(drop),
    };
    done.with_context(|| format!("running {text}"))
}
