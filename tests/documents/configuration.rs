//! `docs/configuration.md` lists every flag of `repairops serve` with its environment variable and default, the
//! plugin limits with their figures, and nothing else.

use std::path::PathBuf;

use clap::{Command, Subcommand};
use repairops::Config;
use repairops::cli;
use serde_json::Value;

use super::{page, rows, section};

#[test]
fn the_page_has_every_flag_with_its_variable_and_default() {
    let mut documented = Vec::new();
    for cells in rows(&page("docs/configuration.md")) {
        if cells[0].starts_with("`--") {
            assert_eq!(cells.len(), 5, "flag, environment, default, unit, meaning: {cells:?}");
            let default = cells[2].split('`').nth(1).unwrap_or("none").to_owned();
            documented.push((quoted(&cells[0]), quoted(&cells[1]), default));
        }
    }
    documented.sort();
    let commands = cli::Command::augment_subcommands(Command::new("repairops"));
    let serve = commands.find_subcommand("serve").expect("a command");
    let mut known = Vec::new();
    for argument in serve.get_arguments() {
        let flag = format!("--{}", argument.get_long().expect("every argument has a name"));
        let variable = argument.get_env().map_or("none".into(), |name| name.to_string_lossy());
        let default = argument.get_default_values().iter().map(|value| value.to_string_lossy());
        let default = default.collect::<Vec<_>>().join(",");
        let default = if default.is_empty() { "none".to_owned() } else { default };
        known.push((flag, variable.into_owned(), default));
    }
    known.sort();
    assert!(known.len() > 20, "the command has more flags than {known:?}");
    assert_eq!(documented, known, "docs/configuration.md (left) and `repairops serve` (right)");
}

#[test]
fn the_page_has_every_limit_of_a_plugin_with_its_figures() {
    let text = page("docs/configuration.md");
    let mut documented = Vec::new();
    for cells in rows(section(&text, "## Limits of a plugin call")) {
        if cells[0].starts_with('`') {
            documented.push((quoted(&cells[0]), figure(&cells[1]), figure(&cells[2])));
        }
    }
    documented.sort();
    let ceiling = Config::new(PathBuf::new()).limits_max;
    let (default, ceiling) = (fields(&default_of(&ceiling)), fields(&ceiling));
    let mut known: Vec<(String, u64, u64)> = Vec::new();
    for (name, figure) in &default {
        known.push((name.clone(), as_figure(figure), as_figure(&ceiling[name])));
    }
    known.sort();
    assert_eq!(documented, known, "docs/configuration.md (left) and the limits (right)");
}

fn default_of<T: Default>(_: &T) -> T {
    T::default()
}

fn fields(limits: &impl serde::Serialize) -> serde_json::Map<String, Value> {
    let limits = serde_json::to_value(limits).expect("JSON");
    limits.as_object().expect("an object").clone()
}

fn as_figure(value: &Value) -> u64 {
    value.as_u64().expect("a figure")
}

/// What stands between the first two backticks.
fn quoted(cell: &str) -> String {
    cell.split('`').nth(1).unwrap_or(cell).to_owned()
}

/// `10,000`, `50 ms`, `8 KiB`, `1 MiB`.
fn figure(cell: &str) -> u64 {
    let (figure, unit) = cell.split_once(' ').unwrap_or((cell, ""));
    let factor = match unit {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "ms" | "" => 1,
        other => panic!("{other} in {cell}"),
    };
    factor * figure.replace(',', "").parse::<u64>().expect("a figure")
}
