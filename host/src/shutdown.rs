//! The two steps in which a server ends. Invariant: it stops taking requests only after it has said that it will.

use tokio_util::sync::CancellationToken;

/// `draining` is cancelled first: `/readyz` then says that no new requests should come. `stopping` is cancelled when
/// the drain time is over: the listener and the jobs end.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    pub draining: CancellationToken,
    pub stopping: CancellationToken,
}
