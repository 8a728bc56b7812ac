//! RepairOps: the REST API of a repair shop's tickets, and the host of the WebAssembly plugins in their workflow.
//!
//! The modules in reading order: `router` lists the routes; a feature's folder (`tickets`, `inventory`, `plugins` …)
//! has `http` (routes and bodies), operations (one file each) and `store` (all SQL of its tables); `runtime` runs
//! guests; `model` is plain data and rules.
//!
//! Invariant: calls go http -> operation -> store or runtime -> model, never upward.

pub mod access_log;
pub mod app;
pub mod auth;
pub mod clock;
pub mod compression;
pub mod config;
pub mod cors;
pub mod db;
pub mod doctor;
pub mod error;
pub mod etag;
pub mod extract;
pub mod health;
pub mod jobs;
pub mod listener;
pub mod metrics;
pub mod model;
pub mod openapi;
pub mod page;
pub mod panics;
pub mod request_id;
pub mod respond;
pub mod router;
pub mod search;
pub mod secrets;
pub mod shutdown;
pub mod timeouts;
pub mod unaccepted;

pub mod counters;
pub mod customers;
pub mod erasure;
pub mod feedback;
pub mod idempotency;
pub mod installations;
pub mod inventory;
pub mod journal;
pub mod keys;
pub mod kpis;
pub mod nodes;
pub mod organizations;
pub mod payments;
pub mod plugins;
pub mod rate_limits;
pub mod shops;
pub mod tickets;
pub mod users;
pub mod webhooks;

pub mod cli;
pub mod toolchain;

pub use app::App;
pub use config::Config;
pub use repairops_runtime as runtime;
pub use router::router;
