//! The layers of the host: no import circles, and no imports from a higher layer.
//!
//! Reads the `use` lines and the paths of every file outside of its tests. A module that only re-exports its files
//! (`pub use`) is not a place of its own: an import through it counts as an import of the file behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex::Regex;

type Graph = BTreeMap<String, BTreeSet<String>>;

/// The source folders of the two crates, from the host's manifest.
const HOST: &str = "src";
const RUNTIME: &str = "runtime/src";

#[test]
fn no_file_imports_itself_through_others() {
    for (source, files_min) in [(HOST, 180), (RUNTIME, 40)] {
        let graph = read_crate(source);
        assert!(graph.len() > files_min, "{source} has more than {} files", graph.len());
        assert_eq!(
            find_circle(&graph),
            None,
            "these files of {source} import each other in a circle"
        );
    }
}

#[test]
fn the_runtime_depends_on_no_database_and_no_http() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("runtime/Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("the runtime's manifest");
    let names = Regex::new(r"(?m)^([a-z][a-z0-9_-]*)(?:\.workspace)? *=").expect("a pattern");
    let names: BTreeSet<&str> =
        names.captures_iter(&manifest).map(|name| name.extract::<1>().1[0]).collect();
    assert!(names.contains("wasmtime"), "{names:?}");
    for banned in ["sqlx", "axum", "axum-extra", "hyper", "reqwest", "tower-http", "repairops"] {
        assert!(!names.contains(banned), "the runtime names {banned}");
    }
}

#[test]
fn nothing_imports_what_stands_above_it() {
    let upward = read_crate(HOST)
        .into_iter()
        .flat_map(|(from, all)| all.into_iter().map(move |to| (from.clone(), to)))
        .filter_map(|(from, to)| goes_up(&from, &to).map(|why| format!("{from} -> {to}: {why}")))
        .collect::<Vec<_>>();
    assert_eq!(upward, [""; 0]);
}

#[test]
fn a_circle_and_an_arrow_upward_are_found() {
    let graph = |arrows: &[(&str, &str)]| {
        let mut graph = Graph::new();
        for (from, to) in arrows {
            graph.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        graph
    };
    assert_eq!(find_circle(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    let circle = find_circle(&graph(&[("a", "b"), ("b", "c"), ("c", "a")]));
    assert_eq!(circle.map(|circle| circle.len()), Some(4));
    assert!(goes_up("tickets/store", "tickets/http").is_some());
    assert!(goes_up("tickets/change", "tickets/http").is_some());
    assert!(goes_up("model/ids", "tickets/store").is_some());
    assert!(goes_up("tickets/http", "tickets/store").is_none());
    let file =
        "use crate::{a::{b, c as d}, webhooks};\nfn f() { webhooks::store::get(); super::x::y() }";
    let found = paths(file, &["m".to_owned(), "n".to_owned()]);
    for path in ["a::b", "a::c", "webhooks", "webhooks::store::get", "m::x::y"] {
        assert!(found.contains(path), "{path} in {found:?}");
    }
}

fn is_in(module: &str, room: &str) -> bool {
    module == room || module.strip_prefix(room).is_some_and(|rest| rest.starts_with('/'))
}

/// http -> operation -> store or runtime -> model.
fn goes_up(from: &str, to: &str) -> Option<&'static str> {
    let is_http = |module: &str| module.split('/').any(|part| part == "http");
    let is_store = |module: &str| module.split('/').any(|part| part == "store");
    if is_http(to) && !is_http(from) && !["router", "cli"].iter().any(|room| is_in(from, room)) {
        return Some("only the router and the command line import an http file");
    }
    if to == "router" && !is_in(from, "cli") && from != "openapi/tests" {
        return Some("only the command line imports the router");
    }
    if is_in(from, "model") && !is_in(to, "model") {
        return Some("the model imports nothing but itself");
    }
    if is_store(from) && ["app", "error", "extract", "auth"].contains(&to) {
        return Some("a store knows neither the app nor HTTP");
    }
    None
}

/// The first circle, with its first file at both ends.
fn find_circle(graph: &Graph) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    for start in graph.keys() {
        let mut way = Vec::new();
        if let Some(circle) = walk(graph, start, &mut way, &mut done) {
            return Some(circle);
        }
    }
    None
}

fn walk(
    graph: &Graph,
    at: &str,
    way: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(start) = way.iter().position(|module| module == at) {
        return Some(way[start..].iter().cloned().chain([at.to_owned()]).collect());
    }
    if done.contains(at) {
        return None;
    }
    way.push(at.to_owned());
    for next in graph.get(at).into_iter().flatten() {
        if let Some(circle) = walk(graph, next, way, done) {
            return Some(circle);
        }
    }
    way.pop();
    done.insert(at.to_owned());
    None
}

/// Which file of a crate imports which; a file is named by its module's path, `tickets/store`.
fn read_crate(source: &str) -> Graph {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let mut files = BTreeMap::new();
    read_folder(&root, &root, &mut files);
    let re_exports = re_exports(&files);
    let mut graph = Graph::new();
    for (module, text) in &files {
        let place: Vec<String> = module.split('/').map(str::to_owned).collect();
        let arrows = graph.entry(module.clone()).or_default();
        for path in paths(&without_re_exports(text), &place) {
            let parts: Vec<&str> = path.split("::").collect();
            let target = target(&parts, &files, &re_exports);
            arrows.extend(target.filter(|target| target != module));
        }
    }
    graph
}

fn read_folder(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("a folder of the host") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read_folder(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).expect("inside").with_extension("");
            let name = name.to_string_lossy().into_owned();
            let name = name.strip_suffix("/mod").unwrap_or(&name).to_owned();
            if !["lib", "main"].contains(&name.as_str()) {
                let text = fs::read_to_string(&path).expect("a file of the host");
                files.insert(name, without_tests_and_comments(&text));
            }
        }
    }
}

fn without_tests_and_comments(text: &str) -> String {
    let end = ["#[cfg(test)]\nmod tests", "#[cfg(all(test"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min();
    let lines = text[..end.unwrap_or(text.len())].lines();
    lines.map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

fn without_re_exports(text: &str) -> String {
    let re_export = Regex::new(r"\bpub(\([^)]*\))?\s+use\s+[^;]+;").expect("a pattern");
    re_export.replace_all(text, "").into_owned()
}

/// For `(module, name)` where the name that a module re-exports comes from.
fn re_exports(files: &BTreeMap<String, String>) -> BTreeMap<(String, String), Vec<String>> {
    let re_export = Regex::new(r"\bpub(?:\([^)]*\))?\s+use\s+([^;]+);").expect("a pattern");
    let mut found = BTreeMap::new();
    for (module, text) in files {
        let place: Vec<String> = module.split('/').map(str::to_owned).collect();
        for tree in re_export.captures_iter(text) {
            for (path, name) in expand(&tree[1]) {
                let mut parts: Vec<String> = path.split("::").map(str::to_owned).collect();
                if !["crate", "super", "self"].contains(&parts[0].as_str()) {
                    parts.insert(0, "self".to_owned());
                }
                found.insert((module.clone(), name), absolute(&parts, &place).unwrap_or_default());
            }
        }
    }
    found
}

/// Absolute paths that a file names, without `crate::`.
fn paths(text: &str, place: &[String]) -> BTreeSet<String> {
    let import = Regex::new(r"\buse\s+([^;]+);").expect("a pattern");
    let mut names = BTreeMap::new();
    let mut found = BTreeSet::new();
    let mut add = |path: &str| {
        let parts: Vec<String> = path.split("::").map(str::to_owned).collect();
        found.extend(absolute(&parts, place).map(|parts| parts.join("::")));
    };
    for tree in import.captures_iter(text) {
        for (path, name) in expand(&tree[1]) {
            add(&path);
            names.insert(name, path);
        }
    }
    let body = import.replace_all(text, "");
    let written = Regex::new(r"\b([a-z_]\w*)((?:::\w+)+)").expect("a pattern");
    for path in written.captures_iter(&body) {
        match names.get(&path[1]) {
            Some(imported) => add(&format!("{imported}{}", &path[2])),
            None => add(&path[0]),
        }
    }
    found
}

/// `a::{b, c as d}` as its paths, each with the name that it has here.
fn expand(tree: &str) -> Vec<(String, String)> {
    let tree = tree.trim();
    let Some((start, inner)) = tree.split_once('{') else {
        let (path, name) = tree.split_once(" as ").unwrap_or((tree, tree));
        let path = path.trim().trim_end_matches("::self").to_owned();
        let name =
            name.trim().trim_end_matches("::self").rsplit("::").next().unwrap_or("").to_owned();
        return vec![(path, name)];
    };
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for letter in inner.chars() {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        match parts.last_mut() {
            Some(last) if letter != ',' || depth > 0 => last.push(letter),
            _ => parts.push(String::new()),
        }
    }
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| expand(&format!("{}{}", start.trim(), part.trim()))).collect()
}

/// From the crate's root; `None` for a path into another crate.
fn absolute(parts: &[String], place: &[String]) -> Option<Vec<String>> {
    let (first, rest) = parts.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([place, rest].concat()),
        "super" => {
            let ups = parts.iter().take_while(|part| *part == "super").count();
            let base = place.get(..place.len().checked_sub(ups)?)?;
            Some([base, &parts[ups..]].concat())
        }
        _ => None,
    }
}

/// The file that a path leads into, through what its module re-exports.
fn target(
    parts: &[&str],
    files: &BTreeMap<String, String>,
    re_exports: &BTreeMap<(String, String), Vec<String>>,
) -> Option<String> {
    let length =
        (1..=parts.len()).rev().find(|end| files.contains_key(&parts[..*end].join("/")))?;
    let module = parts[..length].join("/");
    let Some(name) = parts.get(length) else {
        // The module as such: what is taken from it is a path of its own.
        return files.keys().all(|file| !file.starts_with(&format!("{module}/"))).then_some(module);
    };
    match re_exports.get(&(module.clone(), (*name).to_owned())) {
        Some(from) if !from.is_empty() => {
            let from: Vec<&str> = from.iter().map(String::as_str).collect();
            let behind =
                (1..=from.len()).rev().find(|end| files.contains_key(&from[..*end].join("/")))?;
            Some(from[..behind].join("/"))
        }
        _ => Some(module),
    }
}
