//! Resolves references inside of a schema.

use std::borrow::Cow;

use serde_json::Value;

/// The value that a local `$ref` points to: `#` or `#/…`.
pub(super) fn resolve<'s>(root: &'s Value, reference: &str) -> Option<&'s Value> {
    let pointer = reference.strip_prefix('#')?;
    let decoded: Cow<'_, str> = percent_encoding::percent_decode_str(pointer).decode_utf8().ok()?;
    root.pointer(&decoded)
}
