//! The tests of the API, organized like its URLs. Each has a database of its own, on SQLite and on PostgreSQL.

mod support;

mod admin;
mod auth;
mod bounds;
mod compression;
mod connections;
mod cors;
mod crash;
mod customers;
mod documents;
mod errors;
mod faults;
mod health;
mod idempotency;
mod invariants;
mod inventory;
mod keys;
mod kpis;
mod layers;
mod no_install;
mod openapi;
mod pages;
mod panics;
mod plans;
mod plugins;
mod rate_limits;
mod readme;
mod reference;
mod sdk_js;
mod shops_and_users;
mod story;
mod tickets;
mod tools;
mod webhooks;
