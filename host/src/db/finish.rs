//! Runs a future to its end even if its caller is dropped, as happens when a client disconnects.
//!
//! Invariant: it costs one allocation while the caller stays; only an abandoned future becomes a task.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;

/// Wraps `work`, which completes even if the returned future is dropped.
pub(super) fn to_the_end<F>(work: F) -> ToTheEnd<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    ToTheEnd(Some(Box::pin(work)))
}

pub(super) struct ToTheEnd<F>(Option<Pin<Box<F>>>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static;

impl<F> Future for ToTheEnd<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // Empty only if it is polled after its end, which is a bug of the caller.
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let output = ready!(work.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(output)
    }
}

impl<F> Drop for ToTheEnd<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn drop(&mut self) {
        let Some(work) = self.0.take() else { return };
        // After a panic it must not be polled again, and a runtime that shuts down runs no new task.
        if std::thread::panicking() {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { drop(work.await) });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::to_the_end;

    #[tokio::test]
    async fn a_dropped_caller_does_not_stop_it() {
        let (go, gate) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let mut work = to_the_end(async move {
            let _ = gate.await;
            let _ = done.send("done");
        });
        let once = tokio::time::timeout(Duration::ZERO, &mut work).await;
        assert!(once.is_err(), "it waits for the gate");
        drop(work);
        go.send(()).expect("it still waits");
        assert_eq!(is_done.await, Ok("done"));
    }

    #[tokio::test]
    async fn its_output_is_the_callers() {
        assert_eq!(to_the_end(async { 7 }).await, 7);
    }
}
