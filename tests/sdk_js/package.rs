//! The package: its types, its own tests, its contents, and that its schema is up to date.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};

use crate::support::components::program;
use crate::support::debian;
use crate::support::node;
use crate::support::reply::keys;
use crate::support::tools::{self, Ran};

const FILES: [&str; 5] =
    ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json", "README.md"];

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// A built copy of the package, and a folder that has it installed as npm would.
#[derive(Clone)]
pub struct Sdk {
    /// The copy, with `node_modules`, `dist` and all sources.
    pub folder: PathBuf,
    /// Here `import '@repairops/sdk'` finds what was packed.
    pub consumer: PathBuf,
}

/// Built once for these sources, in any process.
pub async fn sdk() -> Sdk {
    static BUILT: OnceLock<Result<Sdk, String>> = OnceLock::new();
    let build = || BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}"))).clone();
    let built = tokio::task::spawn_blocking(build).await.expect("no panic");
    built.unwrap_or_else(|error| panic!("the SDK cannot be built: {error}"))
}

/// Runs a program of the package's dependencies.
async fn run_tool(folder: &Path, name: &str, arguments: &[&str]) -> Ran {
    let modules = tokio::task::spawn_blocking(modules).await.expect("no panic");
    let modules = modules.expect("the packages that the SDK is built with");
    let mut command = Command::new(modules.join("node_modules/.bin").join(name));
    command.args(arguments).current_dir(folder);
    tools::run(command).await
}

/// What it is built with. Without the SDK's own sources, whose schema may be out of date.
fn modules() -> Result<PathBuf> {
    node::install("sdk-js-modules", &read("package.json")?, &read("package-lock.json")?)
}

fn read(name: &str) -> Result<String> {
    let path = source().join(name);
    std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

fn build() -> Result<Sdk> {
    let source = source();
    let modules = modules()?;
    let mut names: Vec<String> = FILES.map(str::to_owned).to_vec();
    for folder in ["src", "src/resources", "test", "test/support", "examples"] {
        names.extend(files_of(&source, folder)?);
    }
    let texts = names.iter().map(|name| read(name)).collect::<Result<Vec<String>>>()?;
    let pins: Vec<&str> = names.iter().chain(&texts).map(String::as_str).collect();
    let folder = tools::folder("sdk-js", &pins, |folder| {
        for (name, text) in names.iter().zip(&texts) {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
            std::fs::write(path, text)?;
        }
        std::os::unix::fs::symlink(modules.join("node_modules"), folder.join("node_modules"))?;
        let npm = |arguments: &[&str]| {
            debian::run(Command::new("npm").args(arguments).current_dir(folder))
        };
        npm(&["run", "build"])?;
        npm(&["pack", "--ignore-scripts", "--pack-destination", "."])?;
        let installed = folder.join("consumer/node_modules/@repairops/sdk");
        std::fs::create_dir_all(&installed)?;
        let packed = folder.join("repairops-sdk-0.1.0.tgz");
        let mut tar = Command::new("tar");
        debian::run(tar.args(["--strip-components=1", "-xzf"]).arg(packed).arg("-C").arg(installed))
    })?;
    Ok(Sdk { consumer: folder.join("consumer"), folder })
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/js")
}

/// The names of the files in a folder, sorted, each with the folder's.
fn files_of(base: &Path, folder: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(base.join(folder))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            names.push(format!("{folder}/{}", entry.file_name().to_string_lossy()));
        }
    }
    names.sort();
    Ok(names)
}

#[tokio::test]
async fn its_types_are_strict_and_refuse_what_the_api_does_not_take() {
    run_tool(&sdk().await.folder, "tsc", &["--noEmit"]).await.ok();
}

/// With the types of the package as it is published.
#[tokio::test]
async fn the_reference_example_compiles_under_strict_types() {
    let sdk = sdk().await;
    let example = sdk.consumer.join("example.mts");
    std::fs::write(&example, include_str!("reference/sdk.mjs")).expect("the example");
    let types = sdk.folder.join("node_modules/@types");
    let types = types.to_str().expect("a path");
    let options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext"];
    let more = ["--types", "node", "--typeRoots", types, "example.mts"];
    run_tool(&sdk.consumer, "tsc", &[&options[..], &more].concat()).await.ok();
}

#[tokio::test]
async fn its_own_tests_pass() {
    let sdk = sdk().await;
    let mut command = Command::new("node");
    command.args(["--test", "--test-reporter=tap"]).current_dir(&sdk.folder);
    for name in files_of(&sdk.folder, "test").expect("tests") {
        if name.ends_with(".test.mjs") && !name.ends_with("integration.test.mjs") {
            command.arg(name);
        }
    }
    let said = tools::run(command).await.ok();
    assert!(said.contains("# fail 0") && !said.contains("# pass 0\n"), "{said}");
}

#[tokio::test]
async fn what_is_published_is_code_types_and_readme_without_dependencies() {
    let installed = sdk().await.consumer.join("node_modules/@repairops/sdk");
    let mut names: Vec<String> = files_of(&installed, ".").expect("files");
    names.retain(|name| name != "./package.json" && name != "./README.md");
    assert_eq!(names, Vec::<String>::new(), "only package.json and README.md beside dist");
    for folder in ["dist", "dist/resources"] {
        for name in files_of(&installed, folder).expect("files") {
            assert!(name.ends_with(".js") || name.ends_with(".d.ts"), "{name}");
        }
    }
    let package = std::fs::read_to_string(installed.join("package.json")).expect("a package.json");
    let package: serde_json::Value = serde_json::from_str(&package).expect("JSON");
    assert_eq!(package["dependencies"], serde_json::Value::Null);
    assert_eq!(package["license"], "MIT");
    let script =
        "const sdk = await import('@repairops/sdk'); console.log(Object.keys(sdk).join(' '))";
    let said = node::run_in(&sdk().await.consumer, script, &[], &[]).await.ok();
    assert!(said.contains("RepairOpsClient") && said.contains("verifyWebhook"), "{said}");
}

#[test]
fn what_is_pinned_names_no_place_to_get_it_from() {
    let lock = std::fs::read_to_string(source().join("package-lock.json")).expect("a lock file");
    assert!(!lock.contains("\"resolved\""));
}

#[tokio::test]
async fn its_schema_is_the_present_document() {
    let printed = Command::new(program()).arg("openapi").output().expect("the program runs");
    assert!(printed.status.success(), "{printed:?}");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("openapi.json"), printed.stdout).expect("the document");
    let options = ["openapi.json", "--output", "schema.ts", "--default-non-nullable", "false"];
    run_tool(folder.path(), "openapi-typescript", &options).await.ok();
    let present = std::fs::read_to_string(folder.path().join("schema.ts")).expect("a schema");
    let checked_in = read("src/schema.ts").expect("the schema");
    let difference = present.lines().zip(checked_in.lines()).find(|(new, old)| new != old);
    assert!(
        present == checked_in,
        "sdk/js/src/schema.ts is out of date, first here: {difference:?}\n\
         cargo run -- openapi > sdk/js/openapi.json && npm --prefix sdk/js run generate"
    );
}

#[tokio::test]
async fn its_methods_are_the_operations_of_the_document() {
    let document = repairops::router::document();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
        let path = parts.collect::<Vec<&str>>().join("/");
        for method in keys(item).into_iter().filter(|method| METHODS.contains(method)) {
            operations.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    operations.sort();
    let script = include_str!("operations.mjs");
    let methods = node::run_in(&sdk().await.consumer, script, &[], &[]).await.json();
    assert_eq!(methods, serde_json::json!(operations));
}
