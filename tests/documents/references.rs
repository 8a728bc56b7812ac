//! The files, types, tables and tests that the developer pages name exist.
//!
//! In backticks: a path such as `tickets/http.rs`, from the root, `host/src`, `host/runtime/src` or `tests`; a type
//! and its file, "`Ticket` in `model/ticket.rs`"; a table, "table `tickets`"; a test by the name that `cargo test`
//! takes, `tickets::races::one_of_many_transitions_wins`.

use std::path::{Path, PathBuf};

use regex::Regex;

use super::{page, root};

const PAGES: [&str; 5] =
    ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "SECURITY.md", "docs/glossary.md"];

const BASES: [&str; 4] = ["", "host/src", "host/runtime/src", "tests"];

#[test]
fn what_the_pages_name_is_there() {
    let mut missing = Vec::new();
    let mut found = 0;
    for name in PAGES {
        let text = page(name);
        let all = references(&text);
        found += all.len();
        missing.extend(all.iter().filter_map(|reference| {
            check(reference).map(|why| format!("{name}: {reference:?}: {why}"))
        }));
    }
    assert!(found > 150, "the pages name more than {found} things");
    assert_eq!(missing, [""; 0]);
}

#[test]
fn each_kind_of_reference_is_found_and_checked() {
    let text = "`Ticket` in `model/ticket.rs`, table `tickets`, `tests/no_such.rs`, `GET /v1/x`, `a::b::c`,\n\
        `plugins/<name>/`, `layers::nothing_imports_what_stands_above_it`, table `no_such`";
    let found = references(text);
    let wrong: Vec<_> = found.iter().filter(|reference| check(reference).is_some()).collect();
    let path = |path: &str| Reference::Path(path.to_owned());
    assert_eq!(found.len(), 7, "{found:?}");
    assert_eq!(
        wrong,
        [
            &path("tests/no_such.rs"),
            &Reference::Table("no_such".to_owned()),
            &Reference::Test("a::b::c".to_owned())
        ]
    );
}

#[derive(Debug, PartialEq)]
enum Reference {
    Path(String),
    Type { name: String, path: String },
    Table(String),
    Test(String),
}

fn references(text: &str) -> Vec<Reference> {
    let pattern = |text| Regex::new(text).expect("a pattern");
    let mut found = Vec::new();
    for path in pattern(r"`([\w.-]+(?:/[\w.-]+)*/?)`").captures_iter(text) {
        let is_file = [".rs", ".md", ".toml", ".sql", ".json", ".wit", ".sh"];
        if path[1].contains('/') || is_file.iter().any(|end| path[1].ends_with(end)) {
            found.push(Reference::Path(path[1].to_owned()));
        }
    }
    for part in pattern(r"`(\w+)`\s+in\s+`([\w./]+\.rs)`").captures_iter(text) {
        found.push(Reference::Type { name: part[1].to_owned(), path: part[2].to_owned() });
    }
    for table in pattern(r"table\s+`(\w+)`").captures_iter(text) {
        found.push(Reference::Table(table[1].to_owned()));
    }
    for test in pattern(r"`([a-z_]\w*(?:::[a-z_]\w*)+)`").captures_iter(text) {
        found.push(Reference::Test(test[1].to_owned()));
    }
    found
}

/// Why it is wrong.
fn check(reference: &Reference) -> Option<&'static str> {
    match reference {
        Reference::Path(path) => {
            // What builds make is not in the repository.
            let is_there = path.starts_with("target/") || resolve(path).is_some();
            (!is_there).then_some("no such file or folder")
        }
        Reference::Type { name, path } => {
            let Some(text) = resolve(path) else { return Some("no such file") };
            let item = format!(r"\b(struct|enum|trait|type|fn|const|static|mod)\s+{name}\b");
            let is_there = Regex::new(&item).expect("a pattern").is_match(&text);
            (!is_there).then_some("the file does not define it")
        }
        Reference::Table(name) => {
            let is_there = std::fs::read_dir(root().join("migrations/sqlite"))
                .expect("migrations")
                .any(|file| {
                    let text =
                        std::fs::read_to_string(file.expect("a file").path()).expect("a migration");
                    text.contains(&format!("create table {name} ("))
                });
            (!is_there).then_some("no migration creates it")
        }
        Reference::Test(path) => {
            let (module, name) = path.rsplit_once("::").unwrap_or(("", path));
            let module = module.replace("::", "/");
            let files = [format!("tests/{module}.rs"), format!("tests/{module}/mod.rs")];
            let texts =
                files.iter().filter_map(|file| std::fs::read_to_string(root().join(file)).ok());
            let is_there = texts.into_iter().any(|text| text.contains(&format!("fn {name}(")));
            (!is_there).then_some("no such test")
        }
    }
}

/// The text of a file, or nothing for a folder, if one of the bases has it. A name alone, such as `store.rs`, may be
/// that of any file.
fn resolve(path: &str) -> Option<String> {
    let mut places = BASES.iter().map(|base| root().join(base).join(path));
    let at = places.find(|path| path.exists()).or_else(|| find(&root().join("host"), path))?;
    Some(if Path::new(&at).is_file() { std::fs::read_to_string(at).ok()? } else { String::new() })
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of the host");
    entries.map(|entry| entry.expect("an entry").path()).find_map(|path| {
        let is_it = path.file_name().is_some_and(|found| found == name.trim_end_matches('/'));
        match path.is_dir() {
            _ if is_it => Some(path),
            true => find(&path, name),
            false => None,
        }
    })
}
