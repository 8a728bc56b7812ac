//! The real plugins and the guests of `tests/guests`, built once in each run; each is compiled once for all tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use repairops::config::GuestConfig;
use repairops::runtime::{CompilerConfig, CompilerProgram, Runtime, RuntimeConfig};
use repairops::toolchain::{build_components, ensure_wasm_target};
use sha2::{Digest, Sha256};

use super::{tell, wait_for};

const PACKAGES: [&str; 13] = [
    "intake-triage",
    "nearest-stock",
    "qc-gate",
    "guest-bad-output",
    "guest-fickle",
    "guest-guest-error",
    "guest-huge-output",
    "guest-log-flood",
    "guest-loop-forever",
    "guest-memory-bomb",
    "guest-sleeper",
    "guest-trap",
    "guest-two-hooks",
];

/// The bytes of a component, by its package's name.
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
    let components: BTreeMap<String, Vec<u8>> =
        built.into_iter().map(|built| (built.package, read(&built.path))).collect();
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
