//! `REPAIROPS_NO_INSTALL`: nothing is installed on the machine, and the error names the command that would do it.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

#[test]
fn a_plugin_build_without_the_target_installs_nothing() {
    let machine = Machine::new();
    let output = machine.plugin_build("1");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{error}");
    assert!(error.contains("REPAIROPS_NO_INSTALL"), "{error}");
    assert!(error.contains("`rustup target add wasm32-wasip2`"), "{error}");
    assert!(!machine.has("rustup-ran"), "rustup ran: {error}");
    assert!(!machine.has(".cache"), "a folder was created: {error}");
}

#[test]
fn without_the_variable_it_says_what_it_installs() {
    let machine = Machine::new();
    let output = machine.plugin_build("0");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success(),
        "this machine has neither a rustup that works nor apt: {error}"
    );
    assert!(machine.has("rustup-ran"), "rustup did not run: {error}");
    let notice = error.lines().next().unwrap_or_default();
    assert!(notice.starts_with("installing the wasm32-wasip2 target"), "{error}");
}

/// In a child process, since the environment of this one belongs to all tests.
#[test]
fn a_test_that_lacks_node_installs_nothing() {
    let empty = tempfile::tempdir().expect("a folder");
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "tools::node_runs_a_module_with_pinned_packages"])
        .env("PATH", empty.path())
        .env("REPAIROPS_NO_INSTALL", "1")
        .output()
        .expect("this program runs");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("REPAIROPS_NO_INSTALL forbids installing it"), "{text}");
    assert!(text.contains("`apt-get install nodejs npm`"), "{text}");
}

/// A PATH with nothing but a `rustc` without targets and a `rustup` that only leaves a mark, and a home of its own.
struct Machine {
    home: TempDir,
}

impl Machine {
    fn new() -> Machine {
        Machine { home: tempfile::tempdir().expect("a folder") }
    }

    fn plugin_build(&self, no_install: &str) -> Output {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/no_install/bin");
        Command::new(env!("CARGO_BIN_EXE_repairops"))
            .args(["plugin", "build"])
            .arg(self.home.path())
            .env("PATH", &programs)
            .env("RUSTC", programs.join("rustc"))
            .env("HOME", self.home.path())
            .env("REPAIROPS_NO_INSTALL", no_install)
            .env_remove("XDG_CACHE_HOME")
            .output()
            .expect("the program runs")
    }

    fn has(&self, name: &str) -> bool {
        self.home.path().join(name).exists()
    }
}
