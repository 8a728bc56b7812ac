//! Sends one request to a receiver and describes the outcome.
//!
//! Invariants: the request ends within the timeout; only the beginning of the response is read; redirects are not
//! followed; no proxy is used; only addresses that `address` allows are connected to. Literal addresses are checked
//! here, resolved ones by the client's resolver.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use chrono::DateTime;
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Response, StatusCode, Url, header};

use super::address::{self, Refused};
use crate::config::WebhookConfig;
use crate::model::excerpt;

/// The maximum size of the stored excerpt of a response body.
const EXCERPT_MAX_BYTES: usize = 4096;

/// How long to wait for the beginning of a response body after the status.
const EXCERPT_WAIT: Duration = Duration::from_secs(2);

/// The longest wait that a receiver may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);

const USER_AGENT: &str = concat!("RepairOps-Webhooks/", env!("CARGO_PKG_VERSION"));

/// A request to send.
pub struct Request<'a> {
    pub url: &'a str,
    pub id: String,
    pub timestamp: i64,
    pub signatures: String,
    pub body: String,
}

/// The outcome of a request.
#[derive(Debug)]
pub struct Outcome {
    pub status: Option<u16>,
    pub body_excerpt: Option<String>,
    /// `None` if the receiver accepted it.
    pub failure: Option<Failure>,
    /// How long the receiver asked to wait, at most a day.
    pub retry_after: Option<Duration>,
    pub duration: Duration,
}

#[derive(Debug)]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The receiver answered 410 and wants no more requests.
    Gone,
    /// A status other than 2xx.
    Status,
    Timeout,
    /// The address must not be connected to.
    Refused,
    /// The connection failed or broke.
    Unreachable,
}

impl FailureKind {
    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::Gone => "gone",
            FailureKind::Status => "status",
            FailureKind::Timeout => "timeout",
            FailureKind::Refused => "refused",
            FailureKind::Unreachable => "unreachable",
        }
    }
}

pub struct Sender {
    /// Created at first use, because reading the system's certificates takes long.
    client: OnceLock<Client>,
    allowed: Arc<[IpNet]>,
    timeout: Duration,
}

impl Sender {
    pub fn new(config: &WebhookConfig) -> Sender {
        Sender {
            client: OnceLock::new(),
            allowed: config.webhook_allow.clone().into(),
            timeout: config.timeout(),
        }
    }

    pub fn prepare(&self) {
        self.client();
    }

    pub async fn send(&self, request: Request<'_>) -> Outcome {
        let started = Instant::now();
        let answered = match tokio::time::timeout(self.timeout, self.ask(request)).await {
            Ok(Ok(response)) => {
                let left = self.timeout.saturating_sub(started.elapsed());
                Ok(Answer::read(response, left.min(EXCERPT_WAIT)).await)
            }
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(self.timed_out()),
        };
        let duration = started.elapsed();
        match answered {
            Ok(answer) => Outcome {
                status: Some(answer.status.as_u16()),
                failure: answer.failure(),
                retry_after: answer.retry_after,
                body_excerpt: Some(answer.excerpt),
                duration,
            },
            Err(failure) => {
                let (status, body_excerpt, retry_after) = (None, None, None);
                Outcome { status, body_excerpt, failure: Some(failure), retry_after, duration }
            }
        }
    }

    async fn ask(&self, request: Request<'_>) -> Result<Response, Failure> {
        let url = Url::parse(request.url).map_err(|error| Failure {
            kind: FailureKind::Unreachable,
            message: format!("the URL cannot be read: {error}"),
        })?;
        // The resolver below does not see hosts that are literal addresses.
        if let Some(literal) = literal_address(&url) {
            address::check(literal, &self.allowed).map_err(refused)?;
        }
        self.client()
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", request.id)
            .header("webhook-timestamp", request.timestamp)
            .header("webhook-signature", request.signatures)
            .body(request.body)
            .send()
            .await
            .map_err(|error| self.failure(error))
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let build = |builder: ClientBuilder| {
                let resolver = PublicAddresses { allowed: self.allowed.clone() };
                builder
                    .user_agent(USER_AGENT)
                    .redirect(Policy::none())
                    .no_proxy()
                    .http1_only()
                    .referer(false)
                    .pool_max_idle_per_host(4)
                    .pool_idle_timeout(Duration::from_secs(20))
                    .dns_resolver(Arc::new(resolver))
                    .build()
            };
            build(Client::builder()).unwrap_or_else(|error| {
                // A machine without any certificates can still deliver to http://.
                tracing::error!(
                    error = ?error,
                    "no root certificates were found on this system, so webhooks to https:// will fail; install them \
                     (Debian: ca-certificates) or set SSL_CERT_FILE to a file with them"
                );
                build(Client::builder().tls_certs_only(Vec::<Certificate>::new())).unwrap_or_default()
            })
        })
    }

    fn timed_out(&self) -> Failure {
        Failure {
            kind: FailureKind::Timeout,
            message: format!("the receiver did not answer within {:?}", self.timeout),
        }
    }

    fn failure(&self, error: reqwest::Error) -> Failure {
        if error.is_timeout() {
            return self.timed_out();
        }
        // The URL may contain a secret of the receiver.
        let error = error.without_url();
        let mut cause: &(dyn Error + 'static) = &error;
        while let Some(inner) = cause.source() {
            if let Some(address) = inner.downcast_ref::<Refused>() {
                return refused(address.clone());
            }
            cause = inner;
        }
        let what = if error.is_connect() { "connecting failed" } else { "the request failed" };
        Failure { kind: FailureKind::Unreachable, message: format!("{what}: {cause}") }
    }
}

fn refused(address: Refused) -> Failure {
    Failure { kind: FailureKind::Refused, message: address.to_string() }
}

struct Answer {
    status: StatusCode,
    location: Option<String>,
    retry_after: Option<Duration>,
    excerpt: String,
}

impl Answer {
    /// Waits a limited time for the beginning of the body; the status has already decided the outcome.
    async fn read(response: Response, wait: Duration) -> Answer {
        let location = response.headers().get(header::LOCATION);
        let retry_after = response.headers().get(header::RETRY_AFTER);
        Answer {
            status: response.status(),
            location: location.map(|value| clean(&value.as_bytes()[..value.len().min(256)])),
            retry_after: retry_after.and_then(|value| read_retry_after(value.to_str().ok()?)),
            excerpt: read_excerpt(response, wait).await,
        }
    }

    fn failure(&self) -> Option<Failure> {
        if self.status.is_success() {
            return None;
        }
        if self.status == StatusCode::GONE {
            let message = "the receiver answered 410 Gone".to_owned();
            return Some(Failure { kind: FailureKind::Gone, message });
        }
        let mut message = format!("the receiver answered HTTP {}", self.status);
        if self.status.is_redirection() {
            message.push_str("; redirects are not followed");
            if let Some(location) = &self.location {
                message.push_str(&format!(" (the response redirects to {location})"));
            }
        }
        Some(Failure { kind: FailureKind::Status, message })
    }
}

/// Seconds, or a date of HTTP; at most a day, which is the longest delay of the schedule.
fn read_retry_after(text: &str) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date: SystemTime = DateTime::parse_from_rfc2822(text).ok()?.into();
            date.duration_since(SystemTime::now()).unwrap_or_default()
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// Reads the beginning of the body. The rest is not read, which closes the connection.
async fn read_excerpt(mut response: Response, wait: Duration) -> String {
    let mut read = Vec::new();
    let reading = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            read.extend_from_slice(&chunk[..chunk.len().min(EXCERPT_MAX_BYTES - read.len())]);
            if read.len() == EXCERPT_MAX_BYTES {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(wait, reading).await;
    clean(&read)
}

fn clean(bytes: &[u8]) -> String {
    excerpt::storable(String::from_utf8_lossy(bytes), EXCERPT_MAX_BYTES)
}

fn literal_address(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Resolves names and removes the addresses that must not be connected to.
struct PublicAddresses {
    allowed: Arc<[IpNet]>,
}

impl Resolve for PublicAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.allowed.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (mut good, mut refused) = (Vec::<SocketAddr>::new(), None);
            for address in found {
                match address::check(address.ip(), &allowed) {
                    Ok(()) => good.push(address),
                    Err(error) => refused = Some(error),
                }
            }
            match refused {
                Some(refused) if good.is_empty() => Err(refused.into()),
                _ => Ok(Box::new(good.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_asks_for_seconds_or_a_date() {
        assert_eq!(read_retry_after(" 120 "), Some(Duration::from_secs(120)));
        assert_eq!(read_retry_after("9999999"), Some(RETRY_AFTER_MAX));
        assert_eq!(read_retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        let later = read_retry_after("Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(later, Some(RETRY_AFTER_MAX));
        for text in ["", "soon", "-1", "1.5"] {
            assert_eq!(read_retry_after(text), None, "{text}");
        }
    }
}
