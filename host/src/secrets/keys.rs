//! Where the keys that seal secrets come from: the environment, a file, or on SQLite a file that the node makes.
//!
//! Invariant: a key never shows in a log, an error or `--help`.

use std::fmt;
use std::fs::DirBuilder;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use tempfile::NamedTempFile;

use super::{KEY_BYTES, Secrets};

/// The name of the file in the data folder.
const FILE_NAME: &str = "secret-key";

/// The keys that seal what must not be readable in the database.
#[derive(Args, Clone, Debug, Default)]
pub struct SecretConfig {
    /// The key that seals the secrets of webhooks in the database: 32 bytes in hex or base64; earlier keys follow
    /// after commas. Give all nodes the same one, in the environment rather than as a flag.
    #[arg(
        long,
        env = "REPAIROPS_SECRET_KEY",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    pub secret_key: SecretText,

    /// A file with the key instead.
    #[arg(long, env = "REPAIROPS_SECRET_KEY_FILE", conflicts_with = "secret_key")]
    pub secret_key_file: Option<PathBuf>,
}

/// The text of a key as it was given.
#[derive(Clone, Default)]
pub struct SecretText(pub String);

impl FromStr for SecretText {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(SecretText(text.to_owned()))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "none" } else { "given" })
    }
}

impl SecretConfig {
    /// The keys that were given; none if there is neither a key nor a file.
    pub fn given(&self) -> anyhow::Result<Secrets> {
        match &self.secret_key_file {
            Some(path) => read(path),
            None if self.secret_key.0.trim().is_empty() => Ok(Secrets::default()),
            None => parse(&self.secret_key.0).context("REPAIROPS_SECRET_KEY"),
        }
    }
}

/// The keys of a node. With `own_file`, a node without a given key has one of its own in the data folder, which is
/// made at the first start.
pub fn load(config: &SecretConfig, data: &Path, own_file: bool) -> anyhow::Result<Secrets> {
    let given = config.given()?;
    if given.has_key() {
        return Ok(given);
    }
    if !own_file {
        tracing::warn!(
            "REPAIROPS_SECRET_KEY is not set: the secrets of webhooks are stored in clear in the database; set it to \
             the output of `openssl rand -hex 32`, the same on all nodes"
        );
        return Ok(given);
    }
    let found = of_folder(data)?;
    if found.has_key() {
        return Ok(found);
    }
    let path = data.join(FILE_NAME);
    match make(data, &path) {
        Ok(()) => read(&path),
        Err(error) => {
            tracing::warn!(
                path = %path.display(), %error,
                "no key could be written, so the secrets of webhooks are stored in clear in the database; set \
                 REPAIROPS_SECRET_KEY or make the data folder writable"
            );
            Ok(given)
        }
    }
}

/// The key that a node on SQLite made in its data folder; none if there is none.
pub fn of_folder(data: &Path) -> anyhow::Result<Secrets> {
    let path = data.join(FILE_NAME);
    match std::fs::exists(&path) {
        Ok(true) => read(&path),
        _ => Ok(Secrets::default()),
    }
}

fn read(path: &Path) -> anyhow::Result<Secrets> {
    let about = || format!("reading the key in {}", path.display());
    let text = std::fs::read_to_string(path).with_context(about)?;
    warn_if_readable_by_others(path);
    parse(&text).with_context(about)
}

#[cfg(unix)]
fn warn_if_readable_by_others(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        let mode = format!("{:o}", mode & 0o777);
        tracing::warn!(path = %path.display(), mode, "other users may read the key; set the file's mode to 600");
    }
}

#[cfg(not(unix))]
fn warn_if_readable_by_others(_: &Path) {}

/// Writes a new key. A process that does the same at the same time wins or loses as a whole.
fn make(data: &Path, path: &Path) -> anyhow::Result<()> {
    let mut folder = DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(data)?;
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key)?;
    let mut file = NamedTempFile::new_in(data)?; // mode 0600
    writeln!(file, "{}", hex::encode(key))?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => {
            tracing::info!(path = %path.display(), "made a key that seals the secrets of webhooks; keep a copy of it");
            Ok(())
        }
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error.into()),
    }
}

fn parse(text: &str) -> anyhow::Result<Secrets> {
    let keys = text.trim().split(',').map(|part| one(part.trim()));
    Ok(Secrets::new(&keys.collect::<anyhow::Result<Vec<_>>>()?))
}

fn one(text: &str) -> anyhow::Result<[u8; KEY_BYTES]> {
    let bytes = hex::decode(text).ok().or_else(|| STANDARD.decode(text).ok());
    match bytes.and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes).ok()) {
        Some(key) => Ok(key),
        None => bail!(
            "a key must be 32 random bytes in hex (64 characters) or base64, and one of {} characters is not; make \
             one with `openssl rand -hex 32`",
            text.chars().count()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_base64_and_lists_are_read() {
        let (hex, base64) = ("01".repeat(32), STANDARD.encode([2; 32]));
        let both = parse(&format!(" {hex}, {base64}\n")).unwrap();
        let sealed = Secrets::new(&[[2; 32]]).seal(b"", "text").unwrap();
        assert_eq!(both.open(b"", &sealed).as_deref(), Ok("text"));
        assert!(both.is_current(&Secrets::new(&[[1; 32]]).seal(b"", "text").unwrap()));
    }

    #[test]
    fn a_bad_key_is_refused_and_not_shown() {
        for text in ["hunter2", "", &"01".repeat(31), &format!("{},", "01".repeat(32))] {
            let error = format!("{:#}", parse(text).err().expect("an error"));
            assert!(error.contains("32 random bytes") && !error.contains("hunter2"), "{error}");
        }
        let config =
            SecretConfig { secret_key: SecretText("hunter2".into()), secret_key_file: None };
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn a_node_of_its_own_keeps_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let first = load(&SecretConfig::default(), &data, true).unwrap();
        let sealed = first.seal(b"", "text").unwrap();
        assert!(sealed.parts().is_some());
        let again = load(&SecretConfig::default(), &data, true).unwrap();
        assert_eq!(again.open(b"", &sealed).as_deref(), Ok("text"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(data.join(FILE_NAME)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        std::fs::write(data.join(FILE_NAME), "damaged").unwrap();
        let error = load(&SecretConfig::default(), &data, true).err().expect("an error");
        assert!(format!("{error:#}").contains(FILE_NAME), "{error:#}");
    }

    #[test]
    fn a_data_folder_that_cannot_be_written_keeps_secrets_in_clear() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("a-file");
        std::fs::write(&data, "not a folder").unwrap();
        assert!(!load(&SecretConfig::default(), &data, true).unwrap().has_key());
    }
}
