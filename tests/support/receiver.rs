//! A webhook receiver on a real socket: it records requests and sends the given responses.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A recorded request.
#[derive(Clone, Debug)]
pub struct Received {
    pub headers: HeaderMap,
    pub body: String,
}

#[derive(Clone, Debug)]
pub enum Answer {
    Status(u16),
    Text(u16, String),
    Redirect(u16, String),
    /// A status with `Retry-After`.
    RetryAfter(u16, String),
    /// Sends no response.
    Hang,
    /// Sends 204, after a delay.
    After(Duration),
}

pub struct Receiver {
    pub url: String,
    inner: Arc<Inner>,
}

struct Inner {
    answer: Mutex<Answer>,
    received: Mutex<Vec<Received>>,
    present: AtomicUsize,
    present_max: AtomicUsize,
}

impl Receiver {
    /// Sends 204.
    pub async fn start() -> Receiver {
        let inner = Arc::new(Inner {
            answer: Mutex::new(Answer::Status(204)),
            received: Mutex::default(),
            present: AtomicUsize::new(0),
            present_max: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hooks", listener.local_addr().expect("an address"));
        let service = Router::new().fallback(take).with_state(inner.clone());
        #[allow(clippy::disallowed_methods)] // Not a server of this program.
        tokio::spawn(async move { axum::serve(listener, service).await });
        Receiver { url, inner }
    }

    pub fn answers(&self, answer: Answer) {
        *self.inner.answer.lock().expect("the answer") = answer;
    }

    pub fn received(&self) -> Vec<Received> {
        self.inner.received.lock().expect("the requests").clone()
    }

    pub fn ids(&self) -> Vec<String> {
        self.received().iter().map(Received::id).collect()
    }

    /// The names of the received events.
    pub fn events(&self) -> Vec<String> {
        let name = |request: Received| request.json()["event"].as_str().expect("a name").to_owned();
        self.received().into_iter().map(name).collect()
    }

    /// The only request.
    #[track_caller]
    pub fn one(&self) -> Received {
        let mut received = self.received();
        assert_eq!(received.len(), 1, "{received:#?}");
        received.remove(0)
    }

    /// Deletes the recorded requests.
    pub fn clear(&self) {
        self.inner.received.lock().expect("the requests").clear();
    }

    /// The maximum number of concurrent requests so far.
    pub fn most_at_once(&self) -> usize {
        self.inner.present_max.load(Ordering::SeqCst)
    }

    /// Waits until this number of requests has been received.
    pub async fn has_received(&self, count: usize) {
        for _ in 0..3_000 {
            if self.inner.received.lock().expect("the requests").len() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not {count} requests: {:#?}", self.events());
    }

    pub fn port(&self) -> u16 {
        let port = self.url.trim_end_matches("/hooks").rsplit(':').next();
        port.and_then(|port| port.parse().ok()).expect("a port")
    }
}

async fn take(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let present = inner.present.fetch_add(1, Ordering::SeqCst) + 1;
    inner.present_max.fetch_max(present, Ordering::SeqCst);
    let body = String::from_utf8(body.to_vec()).expect("text");
    inner.received.lock().expect("the requests").push(Received { headers, body });
    let answer = inner.answer.lock().expect("the answer").clone();
    let response = match answer {
        Answer::Status(status) => code(status).into_response(),
        Answer::Text(status, text) => (code(status), text).into_response(),
        Answer::Redirect(status, to) => (code(status), [("location", to)]).into_response(),
        Answer::RetryAfter(status, wait) => (code(status), [("retry-after", wait)]).into_response(),
        Answer::Hang => std::future::pending().await,
        Answer::After(time) => {
            tokio::time::sleep(time).await;
            StatusCode::NO_CONTENT.into_response()
        }
    };
    inner.present.fetch_sub(1, Ordering::SeqCst);
    response
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("a status")
}

impl Received {
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {self:#?}"));
        value.to_str().expect("text")
    }

    pub fn id(&self) -> String {
        self.header("webhook-id").to_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// The number of its signatures that were made with the secret, as the Standard Webhooks specification defines
    /// them.
    pub fn signatures_by(&self, secret: &str) -> usize {
        let key = secret.strip_prefix("whsec_").expect("a secret");
        let key = STANDARD.decode(key).expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
        let signed = [self.header("webhook-id"), self.header("webhook-timestamp"), &self.body];
        mac.update(signed.join(".").as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').filter(|one| *one == expected).count()
    }
}

/// Accepts connections, reads the beginning of a request and passes the socket on: for responses that no HTTP server
/// sends. Returns the URL.
pub async fn odd<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hooks", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut begun = [0; 1024];
            if socket.read(&mut begun).await.is_ok() {
                tokio::spawn(answer(socket));
            }
        }
    });
    url
}

/// Sends a status and a body that never ends; counts the bytes that it could write.
pub async fn endless(status: &'static str) -> (String, Arc<AtomicUsize>) {
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let url = odd(move |mut socket| {
        let count = count.clone();
        async move {
            let head = format!("HTTP/1.1 {status}\r\ncontent-type: text/plain\r\n\r\n");
            let mut block = head.into_bytes();
            while socket.write_all(&block).await.is_ok() {
                count.fetch_add(block.len(), Ordering::SeqCst);
                block = vec![b'x'; 64 * 1024];
            }
        }
    });
    (url.await, written)
}
