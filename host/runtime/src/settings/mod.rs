//! The settings of an installation and the JSON Schema that its plugin carries for them.
//!
//! A schema comes from a stranger and is a program: evaluating it may cost any time and memory. So `bounds` and
//! `patterns` refuse at upload what is too large, without evaluating it; `check` evaluates it in another process, under
//! limits (`worker` is what that process does); `defaults` fills in what the owner left out, in a bounded number of
//! steps. Invariant: this process never evaluates a schema.

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
