//! Folders under `target/test-tools/` with pinned packages of other languages: filled once, by the first test of any
//! process, and again when the pins change.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Long enough for a script on a loaded machine; a script that hangs must not block the tests.
const RUN_LIMIT: Duration = Duration::from_secs(180);

/// The output of a program.
#[derive(Debug)]
pub struct Ran {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The standard output of a program that succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(self.success, "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }

    /// The standard output, parsed as JSON.
    #[track_caller]
    pub fn json(self) -> Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }
}

/// Waits for a program without blocking the server that it may connect to.
pub async fn run(command: std::process::Command) -> Ran {
    let name = format!("{:?}", command.get_program());
    let mut command = tokio::process::Command::from(command);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(RUN_LIMIT, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{name} did not end within {RUN_LIMIT:?}"));
    let output = output.unwrap_or_else(|error| panic!("{name} does not run: {error}"));
    Ran {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The folder of these pins. `fill` gets it empty and must complete it; it runs once for all processes.
pub fn folder(
    name: &str,
    pins: &[&str],
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let folder = root().join(format!("{name}-{}", digest(pins)));
    let _lock = lock(&folder)?;
    let complete = folder.join(".complete");
    if !complete.exists() {
        // Left by a dead process.
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        fill(&folder).with_context(|| format!("filling {}", folder.display()))?;
        fs::write(complete, "")?;
    }
    Ok(folder)
}

/// Held until it is dropped, also against other processes.
pub fn lock(folder: &Path) -> Result<File> {
    let path = folder.with_extension("lock");
    fs::create_dir_all(root())?;
    let file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    file.lock().with_context(|| format!("locking {}", path.display()))?;
    Ok(file)
}

/// A file in `folder` with this text, named by a hash of its text: the same script of many tests is one file.
pub fn script(folder: &Path, text: &str, extension: &str) -> PathBuf {
    let path = folder.join(format!("script-{}.{extension}", digest(&[text])));
    if !path.exists() {
        let file = tempfile::NamedTempFile::new_in(folder).expect("a file for the script");
        fs::write(file.path(), text).expect("the script is written");
        file.persist(&path).expect("the script gets its name");
    }
    path
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("test-tools")
}

fn digest(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    texts.iter().for_each(|text| hash.update(text.as_bytes()));
    hex::encode(&hash.finalize()[..8])
}
