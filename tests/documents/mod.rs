//! The statements of the repository's pages that a program can check.
//!
//! Invariant: an outdated page fails a test that names the line to correct.

mod configuration;
mod openapi;
mod references;
mod validators;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The cells of every table row in `text`, without the rows of dashes.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|line| line.starts_with('|') && !line.starts_with("|-"));
    lines
        .map(|line| line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()))
        .map(Iterator::collect)
        .collect()
}

/// The text from the line `heading` on, up to the next heading.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, rest) = text.split_once(heading).unwrap_or_else(|| panic!("{heading} is missing"));
    rest.split("\n## ").next().unwrap_or(rest)
}
