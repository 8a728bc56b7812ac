//! The leanest client there is, so that what is measured is the server: one connection, one request at a time.

use anyhow::{Context, ensure};
use repairops::listener::{Server, bind};
use repairops::{App, router};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub key: &'a str,
    pub idempotency_key: Option<&'a str>,
    /// The content type.
    pub kind: &'a str,
    pub body: &'a [u8],
}

pub struct Reply {
    pub status: u16,
    /// Whether it has `Retry-After`.
    pub is_temporary: bool,
    /// Whether the server hangs up after it.
    pub closes: bool,
    pub head: Vec<u8>,
    pub body: Vec<u8>,
}

pub struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
}

/// Serves the API as `repairops serve` does, on a port of its own; returns its address.
pub async fn serve(app: &App) -> anyhow::Result<String> {
    let listener = bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(Server::new(app, listener, router(app.clone())).run(std::future::pending()));
    Ok(address)
}

impl Wire {
    pub async fn connect(address: &str) -> anyhow::Result<Wire> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Wire { stream, received: Vec::new() })
    }

    /// The body of a success; anything else is an error. Of a GET nothing is parsed.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        key: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.send_bytes(method, path, key, "application/json", body.as_bytes()).await
    }

    /// The same with a body of any kind.
    pub async fn send_bytes(
        &mut self,
        method: &str,
        path: &str,
        key: &str,
        kind: &str,
        body: &[u8],
    ) -> anyhow::Result<Value> {
        let answer = self.exchange(method, path, key, kind, body).await?;
        if method == "GET" { Ok(Value::Null) } else { Ok(serde_json::from_slice(&answer)?) }
    }

    /// Sends a request; returns the body of a success as it is.
    pub async fn exchange(
        &mut self,
        method: &str,
        path: &str,
        key: &str,
        kind: &str,
        body: &[u8],
    ) -> anyhow::Result<Vec<u8>> {
        let request = Request { method, path, key, idempotency_key: None, kind, body };
        let reply = self.request(&request).await?;
        ensure!(
            (200..300).contains(&reply.status),
            "{method} {path}: {} {}",
            String::from_utf8_lossy(&reply.head),
            String::from_utf8_lossy(&reply.body)
        );
        Ok(reply.body)
    }

    /// Sends a request; returns the response, whatever its status.
    pub async fn request(&mut self, request: &Request<'_>) -> anyhow::Result<Reply> {
        let Request { method, path, key, kind, body, .. } = request;
        let mut start = format!(
            "{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n\
             content-type: {kind}\r\ncontent-length: {}\r\n",
            body.len()
        );
        if let Some(key) = request.idempotency_key {
            start.push_str(&format!("idempotency-key: {key}\r\n"));
        }
        start.push_str("\r\n");
        self.stream.write_all(&[start.as_bytes(), body].concat()).await?;
        let (head_end, length) = loop {
            if let Some(found) = head(&self.received)? {
                break found;
            }
            self.receive().await?;
        };
        while self.received.len() < head_end + length {
            self.receive().await?;
        }
        let mut head: Vec<u8> = self.received.drain(..head_end + length).collect();
        let body = head.split_off(head_end);
        let text = String::from_utf8_lossy(&head);
        let status = text.get(9..12).and_then(|status| status.parse().ok()).context("no status")?;
        let has = |line: &str| text.lines().any(|have| have.starts_with(line));
        let (is_temporary, closes) = (has("retry-after: "), has("connection: close"));
        Ok(Reply { status, is_temporary, closes, head, body })
    }

    async fn receive(&mut self) -> anyhow::Result<()> {
        let count = self.stream.read_buf(&mut self.received).await?;
        ensure!(count > 0, "the server hung up");
        Ok(())
    }
}

/// Where the head ends and how long the body is, when the head is there.
pub fn head(received: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&received[..end])?;
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .context("an answer without content-length")?;
    Ok(Some((end + 4, length.parse()?)))
}
