//! Why the server closed or rejected a connection: counted in the metrics, logged at most once a minute.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::metrics::Metrics;

const LOG_INTERVAL: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The address reached its connection limit.
    AddressFull,
    /// The server is full, and every connection has a request in progress.
    ServerFull,
    /// It had waited longest for its client when another connection needed room.
    Evicted,
    HeadTimeout,
    IdleTimeout,
    /// The client read nothing of its response for too long.
    WriteTimeout,
    /// The client took too long to read the whole response.
    ResponseTimeout,
}

/// Counts and logs closed connections.
pub struct ClosedLog {
    pub metrics: Arc<Metrics>,
    limits: OnceAMinute,
    accept_errors: OnceAMinute,
}

#[derive(Default)]
struct OnceAMinute(Mutex<Option<Instant>>);

impl Closed {
    fn as_str(self) -> &'static str {
        match self {
            Closed::AddressFull => "address_full",
            Closed::ServerFull => "server_full",
            Closed::Evicted => "evicted",
            Closed::HeadTimeout => "head_timeout",
            Closed::IdleTimeout => "idle_timeout",
            Closed::WriteTimeout => "write_timeout",
            Closed::ResponseTimeout => "response_timeout",
        }
    }

    /// Whether a connection limit was reached, which an operator should know.
    fn is_limit(self) -> bool {
        matches!(self, Closed::AddressFull | Closed::ServerFull | Closed::Evicted)
    }
}

impl ClosedLog {
    pub fn new(metrics: Arc<Metrics>) -> ClosedLog {
        ClosedLog { metrics, limits: OnceAMinute::default(), accept_errors: OnceAMinute::default() }
    }

    pub fn note(&self, reason: Closed) {
        self.metrics.count_closed_connection(reason.as_str());
        if reason.is_limit() && self.limits.is_due() {
            let reason = reason.as_str();
            tracing::warn!(
                reason,
                "connections are closed because of a limit; /metrics counts them"
            );
        }
    }

    /// A failure of accept itself, for example when no file descriptor is free.
    pub fn note_accept_error(&self, error: &io::Error) {
        if self.accept_errors.is_due() {
            tracing::error!(%error, "connections cannot be accepted");
        }
    }
}

impl OnceAMinute {
    fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= LOG_INTERVAL);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}
