//! The settings of an installation and the JSON Schema that its plugin carries for them.
//!
//! A schema comes from a stranger and is a program: evaluating it may cost any time and memory. So `bounds` and
//! `patterns` refuse at upload what is too large, without evaluating it; `check` evaluates it in another process, under
//! limits (`worker` is what that process does); `defaults` fills in what the owner left out, in a bounded number of
//! steps. Invariant: this process never evaluates a schema.

mod bounds;
mod check;
mod defaults;
mod patterns;
pub(super) mod worker;

pub use self::check::SettingsError;
pub use self::{bounds::SchemaError, defaults::fill as fill_defaults};
pub(super) use self::{bounds::check as check_bounds, check::SettingsChecks};

use std::borrow::Cow;

use serde_json::Value;

/// The value that a `$ref` inside the schema names: `#` or `#/…`.
fn resolve<'s>(root: &'s Value, reference: &str) -> Option<&'s Value> {
    let pointer = reference.strip_prefix('#')?;
    let decoded: Cow<'_, str> = percent_encoding::percent_decode_str(pointer).decode_utf8().ok()?;
    root.pointer(&decoded)
}
