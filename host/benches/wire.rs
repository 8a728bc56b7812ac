//! The leanest client there is, so that what is measured is the server: one connection, one request at a time.

use anyhow::{Context, ensure};
use repairops::listener::{Server, bind};
use repairops::{App, router};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
        let start = format!(
            "{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n\
             content-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
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
        let mut answer: Vec<u8> = self.received.drain(..head_end + length).collect();
        let body = answer.split_off(head_end);
        ensure!(
            answer.starts_with(b"HTTP/1.1 2"),
            "{method} {path}: {} {}",
            String::from_utf8_lossy(&answer),
            String::from_utf8_lossy(&body)
        );
        Ok(body)
    }

    async fn receive(&mut self) -> anyhow::Result<()> {
        let count = self.stream.read_buf(&mut self.received).await?;
        ensure!(count > 0, "the server hung up");
        Ok(())
    }
}

/// Where the head ends and how long the body is, when the head is there.
fn head(received: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
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
