//! The settings of an installation and the JSON Schema of its plugin.
//!
//! A schema is untrusted and a program: evaluating it may cost any time and memory. So `bounds` and `patterns` reject
//! large ones at upload without evaluating them; `check` evaluates in another process, under limits (`worker` is its
//! code); `defaults` fills in omitted values in a bounded number of steps.
//!
//! Invariant: this process never evaluates a schema.

mod bounds;
mod check;
mod defaults;
mod graph;
mod patterns;
mod reference;
pub(super) mod worker;

pub use self::check::SettingsError;
pub(super) use self::{bounds::check as check_bounds, check::SettingsChecks};
pub use self::{defaults::fill as fill_defaults, graph::SchemaError};
