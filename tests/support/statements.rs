//! Counts the statements that this thread sends to PostgreSQL: what an operation costs, without a clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber};

/// Counts until it is dropped.
pub struct Statements {
    count: Arc<AtomicUsize>,
    _guard: DefaultGuard,
}

impl Statements {
    pub fn counted() -> Statements {
        let count = Arc::new(AtomicUsize::new(0));
        let guard = tracing::subscriber::set_default(Counter(count.clone()));
        Statements { count, _guard: guard }
    }

    pub fn so_far(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

/// sqlx has one event for each statement.
struct Counter(Arc<AtomicUsize>);

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
