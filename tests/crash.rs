//! A server that is killed or shut down under load: every acknowledged write survives whole, and unfinished
//! post-create work is done later.
//!
//! `REPAIROPS_CRASH_ROUNDS` sets how often each server is killed; 3 by default, 50 for the full run.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use repairops::tickets::enrich_due;
use serde_json::{Value, json};

use crate::support::builders::ticket_body;
use crate::support::components::node_folder;
use crate::support::{TestApp, both_databases};

const CLIENTS: usize = 4;
const WAY: [&str; 4] = ["TRIAGE", "DIAGNOSTICS", "WAITING_APPROVAL", "APPROVED"];

both_databases!(a_killed_server_loses_nothing, a_server_that_is_asked_to_end_ends_in_order);

/// A ticket, and the statuses whose transitions were acknowledged.
type Acknowledged = Vec<(String, Vec<&'static str>)>;

async fn a_killed_server_loses_nothing(t: &TestApp) {
    t.install("intake-triage", json!({ "prices": [{ "price": 89 }] })).await;
    t.install("qc-gate", json!({})).await;
    let rounds = std::env::var("REPAIROPS_CRASH_ROUNDS").map_or(Ok(3), |text| text.parse());
    let mut acknowledged = Acknowledged::new();
    let rounds = rounds.expect("REPAIROPS_CRASH_ROUNDS is a number");
    for round in 0..rounds {
        let mut server = Server::start(t);
        let load = Load::start(t, &server);
        load.is_under_way().await;
        // Another moment each time; killing is about real time, which no clock of ours moves.
        tokio::time::sleep(Duration::from_millis(round * 41 % 240)).await;
        server.child.kill().expect("the server is killed"); // SIGKILL
        server.child.wait().expect("the server is gone");
        acknowledged.extend(load.end().await);
    }
    assert!(acknowledged.len() as u64 > rounds, "there was no load: {acknowledged:?}");
    expect_all_there(t, &acknowledged).await;
    expect_enriched(t).await;
}

async fn a_server_that_is_asked_to_end_ends_in_order(t: &TestApp) {
    t.install("intake-triage", json!({ "prices": [{ "price": 89 }] })).await;
    let server = Server::start(t);
    let load = Load::start(t, &server);
    load.is_under_way().await;
    server.end().await;
    let acknowledged = load.end().await;
    expect_all_there(t, &acknowledged).await;
    assert_eq!(unfinished(t).await, 0, "what was begun was finished before the end");
}

async fn expect_all_there(t: &TestApp, acknowledged: &Acknowledged) {
    for (id, statuses) in acknowledged {
        let ticket = t.ticket(id).await;
        let timeline: Vec<&str> = ticket["timeline"]
            .as_array()
            .expect("a timeline")
            .iter()
            .filter_map(|entry| entry["status"].as_str())
            .collect();
        for status in statuses {
            assert!(timeline.contains(status), "{id} lost {status}: {ticket:#}");
        }
    }
}

/// After the leases of the dead have run out, whoever comes next completes what they left.
async fn expect_enriched(t: &TestApp) {
    t.app.clock.advance(Duration::from_secs(60));
    while enrich_due::run_due(&t.app).await.expect("the due work is done") > 0 {}
    assert_eq!(unfinished(t).await, 0);
    let list = t.get("/v1/tickets?limit=500").await.ok();
    for row in list["data"].as_array().expect("tickets") {
        let ticket = t.ticket(row["id"].as_str().expect("an id")).await;
        assert_eq!(ticket["enrichment"], "done", "{ticket:#}");
        assert_eq!(ticket["diagnostics"]["estimated_cost"], 89.0, "{ticket:#}");
    }
}

async fn unfinished(t: &TestApp) -> i64 {
    let mut conn = t.connection().await;
    let row: (i64,) = repairops::fetch_one!(
        conn,
        (i64,),
        "select count(*) from enrichments where org_id = $1 and state <> 'done'",
        t.org
    )
    .expect("a count");
    row.0
}

/// `repairops serve` as a process of its own, on the test's database.
pub struct Server {
    pub child: Child,
    pub base: String,
}

impl Server {
    pub fn start(t: &TestApp) -> Server {
        Server::start_with(t, "off")
    }

    pub fn start_with(t: &TestApp, rate_limits: &str) -> Server {
        Server::start_by(Command::new(env!("CARGO_BIN_EXE_repairops")), t, rate_limits)
    }

    /// `command` runs the program with the arguments that it gets.
    pub fn start_by(mut command: Command, t: &TestApp, rate_limits: &str) -> Server {
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--rate-limits", rate_limits])
            .args(["--webhook-allow", "127.0.0.0/8"])
            .args(["--database", t.database_url()])
            .arg("--data")
            .arg(node_folder())
            .env("RUST_LOG", "repairops::cli=info")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let log = BufReader::new(child.stderr.take().expect("a log"));
        let mut lines = log.lines().map_while(Result::ok);
        let address = lines
            .find_map(|line| Some(line.split_once("address=")?.1.trim().to_owned()))
            .expect("the server says where it listens");
        // Its log has to be read, or it would wait for room in the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, base: format!("http://{address}") }
    }
}

impl Server {
    /// Asks it to end, and waits until it has, without an error.
    pub async fn end(mut self) {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().expect("kill runs");
        assert!(asked.success());
        let ended = tokio::task::spawn_blocking(move || self.child.wait()).await.expect("no panic");
        assert!(ended.expect("an end").success(), "it ends without an error");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Clients that make tickets and move them until the server is gone.
struct Load {
    ended: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<tokio::task::JoinHandle<Acknowledged>>,
}

impl Load {
    fn start(t: &TestApp, server: &Server) -> Load {
        let (ended, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let asker = Asker {
            http: reqwest::Client::builder().no_proxy().build().expect("a client"),
            base: server.base.clone(),
            authorization: t.admin.authorization().to_owned(),
        };
        let client = |_| {
            let (asker, ended, answered) = (asker.clone(), ended.clone(), answered.clone());
            let body = ticket_body(&t.shop, json!({}));
            tokio::spawn(async move {
                let mut acknowledged = Acknowledged::new();
                while !ended.load(Ordering::Relaxed) {
                    let Some(ticket) = asker.post("/v1/tickets", &body).await else { break };
                    answered.fetch_add(1, Ordering::Relaxed);
                    let id = ticket["id"].as_str().expect("an id").to_owned();
                    let mut statuses = Vec::new();
                    for status in WAY {
                        let path = format!("/v1/tickets/{id}/transition");
                        let moved = asker.post(&path, &json!({ "new_status": status })).await;
                        if moved.is_none() {
                            break;
                        }
                        statuses.push(status);
                    }
                    acknowledged.push((id, statuses));
                }
                acknowledged
            })
        };
        Load { clients: (0..CLIENTS).map(client).collect(), ended, answered }
    }

    /// Waits until some tickets were made.
    async fn is_under_way(&self) {
        for _ in 0..3_000 {
            if self.answered.load(Ordering::Relaxed) > CLIENTS as u64 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the server answers nobody");
    }

    async fn end(self) -> Acknowledged {
        self.ended.store(true, Ordering::Relaxed);
        let mut acknowledged = Acknowledged::new();
        for client in self.clients {
            acknowledged.extend(client.await.expect("a client does not panic"));
        }
        acknowledged
    }
}

#[derive(Clone)]
struct Asker {
    http: reqwest::Client,
    base: String,
    authorization: String,
}

impl Asker {
    /// The answer, if there was one. An answer that is an error is an error of the server's.
    async fn post(&self, path: &str, body: &Value) -> Option<Value> {
        let request = self.http.post(format!("{}{path}", self.base)).json(body);
        let response = request.header("authorization", &self.authorization).send().await.ok()?;
        let status = response.status();
        let body: Value = response.json().await.ok()?;
        assert!(status.is_success(), "{path}: {status}: {body}");
        Some(body)
    }
}
