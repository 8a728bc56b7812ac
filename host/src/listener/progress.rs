//! The progress of one connection and its deadline.
//!
//! Invariant: whatever the client still has to do, there is a timeout for it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::closed::Closed;
use super::connections::Place;
use crate::config::ConnectionConfig;

/// How long a closing connection may stay open for the client to read its response.
const LINGER: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub struct Timeouts {
    head: Duration,
    idle: Duration,
    write: Duration,
    /// Timeout of a whole response.
    response: Duration,
}

pub struct Progress {
    place: Place,
    timeouts: Timeouts,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    since: Instant,
    /// Since when the client has read nothing although data is pending.
    blocked_since: Option<Instant>,
    is_body_sent: bool,
    /// The request body was not read to its end.
    has_unread_body: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A new connection, or one with a part of the next head.
    Head,
    /// Idle between two requests.
    Idle,
    /// A request in progress, within the timeouts of [`crate::timeouts`].
    Request,
    Response,
    /// The last response is being sent.
    Closing,
}

impl Timeouts {
    pub fn new(config: &ConnectionConfig) -> Timeouts {
        Timeouts {
            head: Duration::from_millis(config.head_timeout_ms),
            idle: Duration::from_millis(config.idle_timeout_ms),
            write: Duration::from_millis(config.write_timeout_ms),
            response: Duration::from_millis(config.request_timeout_ms),
        }
    }
}

impl Progress {
    pub fn new(place: Place, timeouts: Timeouts) -> Progress {
        let state = State {
            phase: Phase::Head,
            since: Instant::now(),
            blocked_since: None,
            is_body_sent: false,
            has_unread_body: false,
        };
        Progress { place, timeouts, state: Mutex::new(state) }
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    /// When the connection times out, and why; no reason if it had ended anyway.
    pub fn deadline(&self) -> Option<(Instant, Option<Closed>)> {
        let timeouts = &self.timeouts;
        let state = self.lock();
        let phase = match state.phase {
            Phase::Head => Some((state.since + timeouts.head, Some(Closed::HeadTimeout))),
            Phase::Idle => Some((state.since + timeouts.idle, Some(Closed::IdleTimeout))),
            Phase::Request => None,
            Phase::Response => {
                Some((state.since + timeouts.response, Some(Closed::ResponseTimeout)))
            }
            Phase::Closing => Some((state.since + LINGER, None)),
        };
        let blocked =
            state.blocked_since.map(|since| (since + timeouts.write, Some(Closed::WriteTimeout)));
        phase.into_iter().chain(blocked).min_by_key(|(at, _)| *at)
    }

    /// Records received bytes. The first bytes of a head start its timeout. A head that begins while the previous
    /// response is being sent is not noticed, and has the idle timeout.
    pub fn received(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Idle {
            state.enter(Phase::Head);
        }
    }

    /// Records a complete head.
    pub fn begin_request(&self, has_body: bool) {
        let mut state = self.lock();
        state.enter(Phase::Request);
        state.is_body_sent = false;
        state.has_unread_body = has_body;
        drop(state);
        self.place.resume();
    }

    pub fn end_request_body(&self) {
        self.lock().has_unread_body = false;
    }

    /// The request has a body that was not read to its end.
    pub fn has_unread_body(&self) -> bool {
        self.lock().has_unread_body
    }

    pub fn begin_response(&self) {
        self.lock().enter(Phase::Response);
    }

    /// The whole response is buffered.
    pub fn end_response_body(&self) {
        self.lock().is_body_sent = true;
    }

    /// All buffered data was passed to the operating system.
    pub fn flushed(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Response && state.is_body_sent {
            state.enter(Phase::Idle);
            drop(state);
            self.place.wait_for_client();
        }
    }

    /// The operating system's buffer is full until the client reads.
    pub fn write_blocked(&self) {
        let mut state = self.lock();
        if state.blocked_since.is_none() {
            state.blocked_since = Some(Instant::now());
            let is_working = state.phase == Phase::Request;
            drop(state);
            if !is_working {
                self.place.wait_for_client();
            }
        }
    }

    pub fn written(&self) {
        if self.lock().blocked_since.take().is_some() {
            self.place.resume();
        }
    }

    /// Whether the client may still be sending, so that closing at once could discard the response.
    pub fn begin_closing(&self) -> bool {
        let mut state = self.lock();
        let is_sending = state.phase == Phase::Head || state.has_unread_body;
        if state.phase != Phase::Closing {
            state.enter(Phase::Closing);
        }
        drop(state);
        self.place.wait_for_client();
        is_sending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
    }
}
