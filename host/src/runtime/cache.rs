//! Compiled artifacts in a folder of this node. Loading native code is trusting it, so each file begins with a MAC
//! over digest, engine key and artifact; what does not match is as good as absent, and compiled again.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use anyhow::Context;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const KEY_FILE: &str = "key";
const KEY_BYTES: usize = 32;
const MAC_BYTES: usize = 32;

/// The folder and what its files have to match.
pub(super) struct Cache {
    dir: Dir,
    key: [u8; KEY_BYTES],
    engine_key: String,
}

impl Cache {
    /// Opens the folder, making it and its key when they are not there yet.
    pub(super) fn open(path: &Path, engine_key: String) -> anyhow::Result<Cache> {
        let shown = path.display();
        std::fs::create_dir_all(path)
            .with_context(|| format!("the cache folder {shown} cannot be made"))?;
        let dir = Dir::open_ambient_dir(path, ambient_authority())
            .with_context(|| format!("the cache folder {shown} cannot be opened"))?;
        dir.set_permissions(".", Permissions::from_mode(0o700))
            .with_context(|| format!("the cache folder {shown} cannot be made private"))?;
        let key = open_key(&dir).with_context(|| {
            format!("the key of the cache folder {shown} cannot be read or made")
        })?;
        Ok(Cache { dir, key, engine_key })
    }

    /// The artifact of `digest`, verified; the bytes are the ones that were verified.
    pub(super) fn load(&self, digest: &str) -> Option<Vec<u8>> {
        let mut bytes = self.dir.read(self.file_name(digest)).ok()?;
        let (mac, artifact) = bytes.split_at_checked(MAC_BYTES)?;
        if self.mac(digest, artifact).verify_slice(mac).is_err() {
            tracing::warn!(
                digest,
                "a compiled plugin in the cache folder is damaged or not ours; it is compiled again"
            );
            return None;
        }
        bytes.drain(..MAC_BYTES);
        Some(bytes)
    }

    /// Keeps an artifact. Readers see all of it or nothing.
    pub(super) fn store(&self, digest: &str, artifact: &[u8]) -> io::Result<()> {
        let mac = self.mac(digest, artifact).finalize().into_bytes();
        let name = self.file_name(digest);
        let temporary = format!("{name}.{}", random_name()?);
        let written = write_new(&self.dir, &temporary, &[&mac, artifact])
            .and_then(|()| self.dir.rename(&temporary, &self.dir, &name));
        if written.is_err() {
            let _ = self.dir.remove_file(&temporary);
        }
        written
    }

    fn file_name(&self, digest: &str) -> String {
        format!("{digest}-{}.cwasm", self.engine_key)
    }

    /// Digest and engine key have fixed lengths, so the parts cannot be confused.
    fn mac(&self, digest: &str, artifact: &[u8]) -> Hmac<Sha256> {
        // A key is padded to a block with zeros anyway; as a block it cannot have the wrong length.
        let mut block = [0; 64];
        block[..KEY_BYTES].copy_from_slice(&self.key);
        Hmac::<Sha256>::new(&block.into())
            .chain_update(digest)
            .chain_update(&self.engine_key)
            .chain_update(artifact)
    }
}

/// Reads the folder's key. Of several processes that make one at the same time, the first wins.
fn open_key(dir: &Dir) -> io::Result<[u8; KEY_BYTES]> {
    match dir.read(KEY_FILE) {
        Ok(bytes) => bytes
            .try_into()
            .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it does not have 32 bytes")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut key = [0; KEY_BYTES];
            getrandom::fill(&mut key).map_err(io::Error::other)?;
            let temporary = format!("{KEY_FILE}.{}", random_name()?);
            write_new(dir, &temporary, &[&key])?;
            let linked = dir.hard_link(&temporary, dir, KEY_FILE);
            dir.remove_file(&temporary)?;
            match linked {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
                _ => open_key(dir),
            }
        }
        Err(error) => Err(error),
    }
}

fn write_new(dir: &Dir, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    let mut file =
        dir.open_with(name, OpenOptions::new().write(true).create_new(true).mode(0o600))?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

fn random_name() -> io::Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(hex::encode(bytes))
}
