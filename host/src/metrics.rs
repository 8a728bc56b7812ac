//! The metrics of `/metrics` in the Prometheus text format: plugin calls, their fuel and time, the queue for guest
//! threads, compilations, and HTTP requests by route. `http` has the route and the layer that counts.

pub mod http;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::model::event::Hook;

/// Plugins with their own label; the rest share `other`, so that uploads cannot fill the memory.
const PLUGINS_MAX: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    plugin: String,
    hook: &'static str,
    mode: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HookLabels {
    hook: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CompileLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WebhookLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClosedLabels {
    reason: &'static str,
}

/// The metrics of one App.
pub struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    previews: Counter,
    monitor_skips: Counter,
    journal_depth: Gauge,
    journal_dropped: Gauge,
    fuel: Family<HookLabels, Histogram>,
    call_seconds: Family<HookLabels, Histogram>,
    compile_seconds: Family<CompileLabels, Histogram>,
    running: Gauge,
    waiting: Gauge,
    webhook_attempts: Family<WebhookLabels, Counter>,
    webhook_seconds: Histogram,
    webhook_pending: Gauge,
    webhook_late: Gauge,
    webhook_disabled: Gauge,
    requests: Family<RouteLabels, Counter>,
    request_seconds: Histogram,
    connections: Gauge,
    connections_closed: Family<ClosedLabels, Counter>,
    plugins: Mutex<HashSet<String>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.000_01, 2.5, 14));
        let mut registry = Registry::with_prefix("repairops");
        let metrics = Metrics {
            calls: Family::default(),
            previews: Counter::default(),
            monitor_skips: Counter::default(),
            journal_depth: Gauge::default(),
            journal_dropped: Gauge::default(),
            fuel: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(1_000.0, 4.0, 10))
            }),
            call_seconds: Family::new_with_constructor(seconds),
            compile_seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.01, 2.5, 10))
            }),
            running: Gauge::default(),
            waiting: Gauge::default(),
            webhook_attempts: Family::default(),
            webhook_seconds: Histogram::new(exponential_buckets(0.001, 2.5, 12)),
            webhook_pending: Gauge::default(),
            webhook_late: Gauge::default(),
            webhook_disabled: Gauge::default(),
            requests: Family::default(),
            request_seconds: Histogram::new(exponential_buckets(0.000_1, 2.5, 12)),
            connections: Gauge::default(),
            connections_closed: Family::default(),
            plugins: Mutex::default(),
            registry: Registry::default(),
        };
        registry.register("plugin_calls", "Plugin calls, by result", metrics.calls.clone());
        registry.register(
            "plugin_previews",
            "Plugin calls of dry runs, previews and tries, which are not recorded",
            metrics.previews.clone(),
        );
        registry.register(
            "plugin_monitor_skips",
            "Calls of monitored plugins that were left out because their lane was full",
            metrics.monitor_skips.clone(),
        );
        registry.register(
            "journal_depth",
            "Runs of plugins that wait to be written to the journal",
            metrics.journal_depth.clone(),
        );
        registry.register(
            "journal_dropped",
            "Runs of plugins since the start that the journal had no room for",
            metrics.journal_dropped.clone(),
        );
        registry.register("plugin_fuel", "Units of fuel of a call", metrics.fuel.clone());
        registry.register_with_unit(
            "plugin_call",
            "Time of a call, without the wait for a thread",
            Unit::Seconds,
            metrics.call_seconds.clone(),
        );
        registry.register_with_unit(
            "plugin_compile",
            "Time until a component was ready or refused",
            Unit::Seconds,
            metrics.compile_seconds.clone(),
        );
        registry.register("guest_threads_busy", "Guest threads in use", metrics.running.clone());
        registry.register(
            "guest_queue_waiting",
            "Requests that wait for one",
            metrics.waiting.clone(),
        );
        registry.register(
            "webhook_attempts",
            "Attempts to deliver a webhook, by result",
            metrics.webhook_attempts.clone(),
        );
        registry.register_with_unit(
            "webhook_attempt",
            "Time of an attempt",
            Unit::Seconds,
            metrics.webhook_seconds.clone(),
        );
        registry.register(
            "webhook_pending",
            "Deliveries waiting for an attempt, including failed ones waiting for a retry",
            metrics.webhook_pending.clone(),
        );
        registry.register_with_unit(
            "webhook_oldest_due",
            "How long the oldest due delivery has been waiting",
            Unit::Seconds,
            metrics.webhook_late.clone(),
        );
        registry.register(
            "webhook_endpoints_disabled",
            "Endpoints that were disabled because their receiver kept failing",
            metrics.webhook_disabled.clone(),
        );
        registry.register("http_requests", "Answered requests", metrics.requests.clone());
        registry.register_with_unit(
            "http_request",
            "Time of a request",
            Unit::Seconds,
            metrics.request_seconds.clone(),
        );
        registry.register(
            "connections_open",
            "Open connections of clients",
            metrics.connections.clone(),
        );
        registry.register(
            "connections_closed",
            "Connections that the server refused or closed, by the limit or timeout",
            metrics.connections_closed.clone(),
        );
        Metrics { registry, ..metrics }
    }
}

impl Metrics {
    pub fn count_call(
        &self,
        plugin: &str,
        hook: Hook,
        mode: &'static str,
        outcome: &'static str,
        fuel: u64,
        duration: Duration,
    ) {
        let labels = CallLabels { plugin: self.known(plugin), hook: hook.as_str(), mode, outcome };
        self.calls.get_or_create(&labels).inc();
        let labels = HookLabels { hook: hook.as_str() };
        self.fuel.get_or_create(&labels).observe(fuel as f64);
        self.call_seconds.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    pub fn count_preview(&self) {
        self.previews.inc();
    }

    pub fn count_monitor_skip(&self) {
        self.monitor_skips.inc();
    }

    pub fn count_compile(&self, outcome: &'static str, duration: Duration) {
        self.compile_seconds
            .get_or_create(&CompileLabels { outcome })
            .observe(duration.as_secs_f64());
    }

    pub fn count_webhook_attempt(&self, outcome: &'static str, duration: Duration) {
        self.webhook_attempts.get_or_create(&WebhookLabels { outcome }).inc();
        self.webhook_seconds.observe(duration.as_secs_f64());
    }

    pub fn connection_opened(&self) {
        self.connections.inc();
    }

    pub fn connection_ended(&self) {
        self.connections.dec();
    }

    pub fn count_closed_connection(&self, reason: &'static str) {
        self.connections_closed.get_or_create(&ClosedLabels { reason }).inc();
    }

    /// The dispatcher's last reading; every node sees the whole backlog.
    pub fn set_webhook_backlog(&self, pending: i64, oldest_due_s: i64, disabled: i64) {
        self.webhook_pending.set(pending);
        self.webhook_disabled.set(disabled);
        self.webhook_late.set(oldest_due_s);
    }

    pub fn count_request(
        &self,
        method: &'static str,
        route: String,
        status: u16,
        duration: Duration,
    ) {
        self.requests.get_or_create(&RouteLabels { method, route, status }).inc();
        self.request_seconds.observe(duration.as_secs_f64());
    }

    /// The text of `/metrics`, with the numbers of running and of queued guest jobs, and the journal's queue.
    pub fn text(
        &self,
        (running, waiting): (usize, usize),
        (depth, dropped): (usize, u64),
    ) -> Result<String, fmt::Error> {
        self.journal_depth.set(i64::try_from(depth).unwrap_or(i64::MAX));
        self.journal_dropped.set(i64::try_from(dropped).unwrap_or(i64::MAX));
        self.running.set(i64::try_from(running).unwrap_or(i64::MAX));
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    fn known(&self, plugin: &str) -> String {
        let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        if !plugins.contains(plugin) {
            if plugins.len() >= PLUGINS_MAX {
                return "other".to_owned();
            }
            plugins.insert(plugin.to_owned());
        }
        plugin.to_owned()
    }
}
