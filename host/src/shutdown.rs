//! The end of a server: the signals that ask for it, its steps, and the time they may take.
//!
//! Invariant: the server stops accepting requests only after `/readyz` has reported it, and the process ends within
//! [`END_MAX`] of the signal, whatever hangs.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// From the signal to the end of the process: less than the half minute after which supervisors kill.
pub const END_MAX: Duration = Duration::from_secs(25);

/// `draining` is cancelled first: `/readyz` then fails, so that load balancers send no new requests. `stopping` is
/// cancelled when the drain time is over: the listener and the jobs end.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    pub draining: CancellationToken,
    pub stopping: CancellationToken,
}

/// SIGTERM and SIGINT, heard from the creation on.
pub struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    pub fn listen() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    #[cfg(not(unix))]
    pub fn listen() -> std::io::Result<Signals> {
        Ok(Signals {})
    }

    /// Waits for the next signal.
    #[cfg(unix)]
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    pub async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// The moment at which the process ends at the latest.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// Begins now. A thread of its own ends the process at the deadline, since the runtime itself may hang; and so
    /// does a second signal at once.
    pub fn begin(mut signals: Signals) -> Deadline {
        let deadline = Deadline(Instant::now() + END_MAX);
        std::thread::spawn(move || {
            std::thread::sleep(END_MAX);
            tracing::error!(
                "the server did not end within {} s; ending the process",
                END_MAX.as_secs()
            );
            std::process::exit(1);
        });
        tokio::spawn(async move {
            signals.next().await;
            tracing::warn!("a second signal: ending the process at once");
            std::process::exit(1);
        });
        deadline
    }

    /// A moment that leaves `spare` for what comes after.
    pub fn before(self, spare: Duration) -> tokio::time::Instant {
        let moment = self.0.checked_sub(spare).unwrap_or(self.0);
        tokio::time::Instant::from_std(moment)
    }
}
