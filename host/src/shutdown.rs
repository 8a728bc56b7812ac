//! The two steps of a shutdown.
//!
//! Invariant: the server stops accepting requests only after `/readyz` has reported it.

use tokio_util::sync::CancellationToken;

/// `draining` is cancelled first: `/readyz` then fails, so that load balancers send no new requests. `stopping` is
/// cancelled when the drain time is over: the listener and the jobs end.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    pub draining: CancellationToken,
    pub stopping: CancellationToken,
}
