//! Runs every example of the API's reference unchanged: with the real `curl` and Python's `requests`, over a real
//! socket, replacing only the base URL, the key and the ids. The response is compared with the documented one.

mod conventions;
mod customers;
mod documented;
mod inventory;
mod kpis;
mod playground;
mod tickets;
mod world;

use std::process::Command;

use repairops::App;
use serde_json::Value;

use crate::support::app::serve;
use crate::support::tools;
use crate::support::{TestApp, python};
use documented::assert_documented;
use world::World;

/// The base URL of the reference.
const BASE: &str = "https://api.repairops.io/v1";

/// For the last line of the Python examples: the same as JSON, and the status.
const PRINT: &str =
    "import json; print(json.dumps({\"status\": response.status_code, \"body\": response.json()}))";

/// A server on a socket, and what stands for the reference's words there.
struct Server {
    base: String,
    key: String,
}

/// What a client got.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Server {
    async fn start(t: &TestApp) -> Server {
        Self::of(t.app.clone(), t.writer.authorization()).await
    }

    async fn of(app: App, authorization: &str) -> Server {
        let base = format!("{}/v1", serve(&app).await);
        let key = authorization.trim_start_matches("Bearer ").to_owned();
        Server { base, key }
    }

    /// Runs a curl command as it stands in the reference, in a shell.
    async fn curl(&self, command: &str, ids: &[(&str, &str)]) -> Answer {
        let command =
            self.filled(command, ids).replacen("curl ", "curl --silent --show-error --include ", 1);
        let mut shell = Command::new("sh");
        shell.args(["-c", &command]).env("NO_PROXY", "127.0.0.1");
        parse_answer(&tools::run(shell).await.ok())
    }

    /// Runs a Python script as it stands in the reference; it prints the body of the response.
    async fn python(&self, script: &str, ids: &[(&str, &str)]) -> Answer {
        // What is printed is Python's notation; the status is what is not printed.
        let script = self.filled(script, ids);
        let script = script.replace("print(response.json())", PRINT);
        let said = python::run(&script, &[], &[]).await.json();
        let status = said["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        Answer {
            status: status.expect("a status"),
            headers: Vec::new(),
            body: said["body"].clone(),
        }
    }

    /// Runs what the reference gives as a request: a line `GET /tickets?…`, and perhaps the options of curl after it.
    async fn request(&self, request: &str, ids: &[(&str, &str)]) -> Answer {
        let (method, rest) = request.split_once(' ').expect("a method");
        let (target, options) = rest
            .split_once(" -H")
            .map_or((rest, String::new()), |(target, options)| (target, format!(" -H{options}")));
        let target: String = target.split_whitespace().collect();
        let command = format!(
            "curl -X {method} \"{BASE}{target}\" -H \"Authorization: Bearer YOUR_API_KEY\"{options}"
        );
        self.curl(&command, ids).await
    }

    fn filled(&self, text: &str, ids: &[(&str, &str)]) -> String {
        let text = text.replace(BASE, &self.base).replace("YOUR_API_KEY", &self.key);
        ids.iter().fold(text, |text, (word, id)| text.replace(word, id))
    }
}

impl Answer {
    /// The body of an answer that has this status and conforms to the documented one; `except` are the places whose
    /// values need not be the sample's.
    #[track_caller]
    fn documented(self, status: u16, sample: Value, except: &[&str]) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        assert_documented(&self.body, &sample, except);
        self.body
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What `curl --include` prints.
fn parse_answer(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let mut lines = head.lines();
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let body =
        if body.is_empty() { Value::Null } else { serde_json::from_str(body).expect("JSON") };
    Answer { status, headers, body }
}
