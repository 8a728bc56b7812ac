//! The real plugins and the guests of `tests/guests`, built once in each run; each is compiled once for all tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use repairops::config::GuestConfig;
use repairops::runtime::{CompilerConfig, CompilerProgram, Runtime, RuntimeConfig};
use repairops::toolchain::{build_components, ensure_wasm_target};
use sha2::{Digest, Sha256};

use super::{tell, wait_for};

const PACKAGES: [&str; 17] = [
    "deposit-required",
    "intake-check",
    "intake-triage",
    "nearest-stock",
    "pay-before-pickup",
    "qc-gate",
    "guest-bad-output",
    "guest-fickle",
    "guest-guest-error",
    "guest-huge-output",
    "guest-judge",
    "guest-log-flood",
    "guest-loop-forever",
    "guest-memory-bomb",
    "guest-sleeper",
    "guest-trap",
    "guest-two-hooks",
];

/// Built for WIT 0.1.0 and kept as they were: the newest server runs them.
const ARTIFACTS: [&str; 2] = ["fickle-0-1-0", "gate-in-javascript"];

/// The bytes of a component, by its package's name, or by the name of a kept one.
pub fn component(package: &str) -> &'static [u8] {
    static COMPONENTS: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(build);
    COMPONENTS.get(package).unwrap_or_else(|| panic!("{package} is not among PACKAGES"))
}

/// The node folder that all tests share, so that each component is compiled once.
pub fn node_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("node")
}

/// The compiler program: the one under test.
pub fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_repairops").into()
}

/// A component from text, for those that no compiler produces.
pub fn from_text(inner: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {inner})")).expect("the component's text is right")
}

fn build() -> BTreeMap<String, Vec<u8>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = ensure_wasm_target(&mut tell).expect("a target for plugins");
    let built =
        build_components(&target, &workspace, &PACKAGES, &mut tell).expect("the plugins are built");
    let read = |path: &Path| std::fs::read(path).expect("the component is there");
    let built = built.into_iter().map(|built| (built.package, read(&built.path)));
    let kept = ARTIFACTS.map(|name| {
        let path = workspace.join(format!("tests/artifacts/wit-0.1.0/{name}.wasm"));
        (name.to_owned(), read(&path))
    });
    let components: BTreeMap<String, Vec<u8>> = built.chain(kept).collect();
    wait_for(compile(components.clone()));
    components
}

async fn compile(components: BTreeMap<String, Vec<u8>>) {
    let config = RuntimeConfig {
        guest_threads: 1,
        caps: GuestConfig::default().caps(),
        cache_dir: node_folder().join("compiled"),
        cache_max_bytes: 1 << 30,
        compiler: CompilerConfig::new(CompilerProgram::Child(program())),
    };
    let runtime = Runtime::new(config).expect("a runtime");
    for (package, bytes) in components {
        let digest = hex::encode(Sha256::digest(&bytes));
        let compiled = runtime.compile(&digest, bytes.into()).await;
        compiled.unwrap_or_else(|error| panic!("{package}: {error}"));
    }
}
