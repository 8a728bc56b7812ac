//! The clock behind deadlines: a thread advances the engine's epoch once a millisecond while calls run, and sleeps
//! otherwise.
//!
//! Invariant: epochs follow the wall clock; late ticks are caught up. What a call may use is counted by the clocks of
//! `guest::CallTime`; a tick only makes it look at them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use wasmtime::Engine;

const TICK: Duration = Duration::from_millis(1);

/// Ticks without a call before the thread sleeps: waking it costs a call some microseconds.
const IDLE_TICKS_MAX: u32 = 100;

/// Dropping it ends the thread.
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Default)]
struct Shared {
    calls: AtomicUsize,
    asleep: AtomicBool,
    ended: AtomicBool,
}

/// Keeps the epoch advancing until dropped.
pub(super) struct Running<'a>(&'a Shared);

impl Ticker {
    pub(super) fn start(engine: &Engine) -> std::io::Result<Ticker> {
        let shared = Arc::new(Shared::default());
        let (engine, seen) = (engine.weak(), shared.clone());
        let handle = thread::Builder::new().name("epoch".into()).spawn(move || {
            while !seen.ended.load(Ordering::SeqCst) {
                let Some(engine) = engine.upgrade() else { return };
                tick(&engine, &seen);
                drop(engine);
                seen.asleep.store(true, Ordering::SeqCst);
                if seen.calls.load(Ordering::SeqCst) == 0 && !seen.ended.load(Ordering::SeqCst) {
                    thread::park();
                }
                seen.asleep.store(false, Ordering::SeqCst);
            }
        })?;
        Ok(Ticker { shared, thread: handle.thread().clone() })
    }

    /// Registers a running call.
    pub(super) fn run(&self) -> Running<'_> {
        self.shared.calls.fetch_add(1, Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Running(&self.shared)
    }
}

/// Ticks until no call has run for a while.
fn tick(engine: &Engine, shared: &Shared) {
    let mut next = Instant::now() + TICK;
    let mut idle_ticks = 0;
    while idle_ticks < IDLE_TICKS_MAX && !shared.ended.load(Ordering::SeqCst) {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        let now = Instant::now();
        while next <= now {
            engine.increment_epoch();
            next += TICK;
        }
        idle_ticks = if shared.calls.load(Ordering::SeqCst) == 0 { idle_ticks + 1 } else { 0 };
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}
