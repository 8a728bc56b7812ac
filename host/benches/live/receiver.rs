//! Receivers of webhooks: one that answers at once and notes when each event arrived, one that never answers, and one
//! that always fails.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::samples::Samples;
use crate::wire::head;

/// What was acknowledged to the client, and what has arrived. An event is known by its ticket and its new status.
#[derive(Clone, Default)]
pub struct Inbox(Arc<Mutex<Events>>);

#[derive(Default)]
struct Events {
    expected: HashMap<String, Instant>,
    /// Arrived before the client had its response.
    early: HashMap<String, Instant>,
    samples: Samples,
}

impl Inbox {
    fn events(&self) -> MutexGuard<'_, Events> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client has its response now, so the event is on its way.
    pub fn expect(&self, ticket: &str, status: &str) {
        let mut events = self.events();
        let name = format!("{ticket} {status}");
        match events.early.remove(&name) {
            Some(_) => events.samples.times.push(Duration::ZERO),
            None => drop(events.expected.insert(name, Instant::now())),
        }
    }

    fn arrived(&self, body: &Value) {
        let data = &body["data"];
        let status = if body["event"] == "ticket.created" { "" } else { str(&data["to_status"]) };
        let name = format!("{} {status}", str(&data["ticket_id"]));
        let mut events = self.events();
        match events.expected.remove(&name) {
            Some(since) => events.samples.times.push(since.elapsed()),
            None => drop(events.early.insert(name, Instant::now())),
        }
    }

    /// Waits for what is still to arrive, for so long at most. Returns the times so far and begins anew.
    pub async fn settle(&self, limit: Duration) -> Samples {
        let started = Instant::now();
        while !self.events().expected.is_empty() && started.elapsed() < limit {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let mut events = std::mem::take(&mut *self.events());
        for name in events.expected.keys() {
            events.samples.fail(format!("the event {name} did not arrive"));
        }
        events.samples
    }
}

fn str(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Returns the URL of a receiver that answers 200 at once.
pub async fn answering(inbox: Inbox) -> anyhow::Result<String> {
    receive(move |stream| {
        let inbox = inbox.clone();
        async move {
            let _ = answer(stream, &inbox).await;
        }
    })
    .await
}

async fn answer(mut stream: TcpStream, inbox: &Inbox) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::new();
    while stream.read_buf(&mut received).await? > 0 {
        while let Some((head_end, length)) = head(&received)? {
            if received.len() < head_end + length {
                break;
            }
            let body = serde_json::from_slice(&received[head_end..head_end + length])?;
            inbox.arrived(&body);
            received.drain(..head_end + length);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
        }
    }
    Ok(())
}

/// Returns the URL of a receiver that takes requests and never answers.
pub async fn hanging() -> anyhow::Result<String> {
    receive(|mut stream| async move {
        let mut some = [0; 4096];
        while stream.read(&mut some).await.is_ok_and(|count| count > 0) {}
    })
    .await
}

/// Returns the URL of a receiver that answers 500 at once.
pub async fn failing() -> anyhow::Result<String> {
    receive(|mut stream| async move {
        let mut some = [0; 4096];
        let _ = stream.read(&mut some).await;
        let refusal = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let _ = stream.write_all(refusal).await;
    })
    .await
}

async fn receive<F, Done>(serve: F) -> anyhow::Result<String>
where
    F: Fn(TcpStream) -> Done + Send + 'static,
    Done: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(serve(stream))),
                // For want of a file, for example.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    });
    Ok(url)
}
