//! Caches compiled artifacts in a folder of this node. A folder that cannot be used costs the time to compile again,
//! and is tried again later.
//!
//! Invariant: native code is loaded only after its MAC over digest, engine key and artifact was verified; a file that
//! fails is deleted and compiled again. The folder is bounded and evicts least recently loaded files first. Unknown
//! files are not touched.

use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const KEY_FILE: &str = "key";
const KEY_BYTES: usize = 32;
const MAC_BYTES: usize = 32;
const EXTENSION: &str = ".cwasm";

/// Temporary files older than this are leftovers of an interrupted write.
const WRITING_MAX: Duration = Duration::from_secs(600);

/// The cache of one node.
pub(super) struct Cache {
    path: PathBuf,
    engine_key: String,
    max_bytes: u64,
    /// `None` until it could be opened.
    folder: RwLock<Option<Arc<Folder>>>,
    /// The last write failed.
    is_unwritable: AtomicBool,
}

/// The open folder and what its files must match.
struct Folder {
    dir: Dir,
    key: [u8; KEY_BYTES],
    engine_key: String,
    max_bytes: u64,
}

/// One file of this cache.
struct Entry {
    name: String,
    bytes: u64,
    used: SystemTime,
}

impl Cache {
    /// Opens the folder; if that fails, says so in the log and works without it.
    pub(super) fn open(path: &Path, engine_key: String, max_bytes: u64) -> Cache {
        let cache = Cache {
            path: path.to_owned(),
            engine_key,
            max_bytes,
            folder: RwLock::default(),
            is_unwritable: AtomicBool::new(false),
        };
        if let Err(error) = cache.try_open() {
            cache.is_unwritable.store(true, Ordering::Relaxed);
            tracing::warn!(
                error = format!("{error:#}"),
                "compiled plugins cannot be kept, so each start of this node compiles them again; make the folder \
                 of --data writable"
            );
        }
        cache
    }

    fn try_open(&self) -> anyhow::Result<()> {
        let folder = Folder::open(&self.path, self.engine_key.clone(), self.max_bytes)?;
        *self.folder.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(folder));
        Ok(())
    }

    fn folder(&self) -> Option<Arc<Folder>> {
        self.folder.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Loads the artifact of `digest`. Returns exactly the bytes that were verified.
    pub(super) fn load(&self, digest: &str) -> Option<Vec<u8>> {
        self.folder()?.load(digest)
    }

    /// Stores an artifact atomically and evicts old ones to make room. Without a folder it does nothing.
    pub(super) fn store(&self, digest: &str, artifact: &[u8]) -> io::Result<()> {
        let Some(folder) = self.folder() else { return Ok(()) };
        if (MAC_BYTES + artifact.len()) as u64 > self.max_bytes {
            return Err(io::Error::new(ErrorKind::FileTooLarge, "it is larger than the cache"));
        }
        let stored = folder.replace(digest, artifact);
        self.is_unwritable.store(stored.is_err(), Ordering::Relaxed);
        stored
    }

    /// Whether the folder is open and the last write succeeded.
    pub(super) fn is_writable(&self) -> bool {
        !self.is_unwritable.load(Ordering::Relaxed)
    }

    /// Tries to open the folder and to write again after a failure.
    pub(super) fn retry_write(&self) -> anyhow::Result<()> {
        if self.folder().is_none() {
            self.try_open()?;
        }
        let Some(folder) = self.folder() else { return Ok(()) };
        let written = folder.try_write();
        self.is_unwritable.store(written.is_err(), Ordering::Relaxed);
        Ok(written?)
    }

    /// Deletes an artifact that cannot be loaded.
    pub(super) fn forget(&self, digest: &str) {
        if let Some(folder) = self.folder() {
            folder.forget(digest);
        }
    }

    /// The digests of the artifacts that this engine can load and that were not loaded for `idle`.
    pub(super) fn digests(&self, idle: Duration) -> io::Result<Vec<String>> {
        self.folder().map_or_else(|| Ok(Vec::new()), |folder| folder.digests(idle))
    }
}

impl Folder {
    /// Opens the folder and creates it and its key if missing. Deletes artifacts that no engine of this build can
    /// load and temporary files of interrupted writes.
    fn open(path: &Path, engine_key: String, max_bytes: u64) -> anyhow::Result<Folder> {
        let shown = path.display();
        std::fs::create_dir_all(path)
            .with_context(|| format!("the cache folder {shown} cannot be created"))?;
        let dir = Dir::open_ambient_dir(path, ambient_authority())
            .with_context(|| format!("the cache folder {shown} cannot be opened"))?;
        restrict(&dir).with_context(|| {
            format!("the cache folder {shown} cannot be restricted to its owner")
        })?;
        let key = open_key(&dir).with_context(|| {
            format!("the key of the cache folder {shown} cannot be read or created")
        })?;
        let folder = Folder { dir, key, engine_key, max_bytes };
        folder.clean().with_context(|| format!("the cache folder {shown} cannot be cleaned"))?;
        Ok(folder)
    }

    fn load(&self, digest: &str) -> Option<Vec<u8>> {
        match self.read(&self.file_name(digest)) {
            Ok(bytes) => {
                let verified = self.verify(digest, bytes);
                if verified.is_none() {
                    tracing::warn!(
                        digest,
                        "a compiled plugin in the cache folder is damaged or was not written by this server; \
                         compiling it again"
                    );
                    self.forget(digest);
                }
                verified
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(digest, %error, "a compiled plugin in the cache folder cannot be read");
                self.forget(digest);
                None
            }
        }
    }

    fn try_write(&self) -> io::Result<()> {
        // Named like an artifact under way, so that a leftover is cleaned up.
        let name = format!("{}.{}", self.file_name(&hex::encode([0; 32])), random_name()?);
        let written = write_new(&self.dir, &name, &[&[0; 4096]]);
        let _ = self.dir.remove_file(&name);
        written
    }

    fn replace(&self, digest: &str, artifact: &[u8]) -> io::Result<()> {
        let bytes = (MAC_BYTES + artifact.len()) as u64;
        let mac = self.mac(digest, artifact).finalize().into_bytes();
        let name = self.file_name(digest);
        self.make_room(&name, bytes)?;
        let temporary = format!("{name}.{}", random_name()?);
        let written = write_new(&self.dir, &temporary, &[&mac, artifact])
            .and_then(|()| self.dir.rename(&temporary, &self.dir, &name));
        if written.is_err() {
            let _ = self.dir.remove_file(&temporary);
        }
        written
    }

    fn forget(&self, digest: &str) {
        if let Err(error) = self.dir.remove_file(self.file_name(digest))
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(digest, %error, "a compiled plugin in the cache folder cannot be deleted");
        }
    }

    fn digests(&self, idle: Duration) -> io::Result<Vec<String>> {
        let ours = format!("-{}{EXTENSION}", self.engine_key);
        let before = SystemTime::now().checked_sub(idle);
        let mut entries = self.entries()?;
        entries.retain(|entry| before.is_some_and(|before| entry.used <= before));
        let digests = entries.iter().filter_map(|entry| entry.name.strip_suffix(&ours));
        Ok(digests.map(str::to_owned).collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut file = self.dir.open(name)?.into_std();
        if file.metadata()?.len() > self.max_bytes {
            return Err(io::Error::new(ErrorKind::FileTooLarge, "it is larger than the cache"));
        }
        // Not every file system records access times, so the modification time marks the last use.
        let _ = file.set_modified(SystemTime::now());
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn verify(&self, digest: &str, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let (mac, artifact) = bytes.split_at_checked(MAC_BYTES)?;
        self.mac(digest, artifact).verify_slice(mac).ok()?;
        bytes.drain(..MAC_BYTES);
        Some(bytes)
    }

    fn make_room(&self, name: &str, bytes: u64) -> io::Result<()> {
        let mut entries = self.entries()?;
        entries.retain(|entry| entry.name != name);
        entries.sort_by_key(|entry| entry.used);
        let mut total =
            entries.iter().fold(bytes, |total, entry| total.saturating_add(entry.bytes));
        for entry in entries {
            if total <= self.max_bytes {
                break;
            }
            remove(&self.dir, &entry.name)?;
            total = total.saturating_sub(entry.bytes);
        }
        Ok(())
    }

    fn clean(&self) -> io::Result<()> {
        let ours = format!("-{}{EXTENSION}", self.engine_key);
        let abandoned = SystemTime::now().checked_sub(WRITING_MAX);
        for entry in self.entries()? {
            let usable = match entry.name.ends_with(EXTENSION) {
                true => entry.name.ends_with(&ours),
                false => abandoned.is_none_or(|abandoned| entry.used > abandoned),
            };
            if !usable {
                remove(&self.dir, &entry.name)?;
            }
        }
        // The size limit may have been lowered since the last start.
        self.make_room("", 0)
    }

    fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in self.dir.entries()? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !is_ours(&name) {
                continue;
            }
            match entry.metadata() {
                Ok(metadata) if metadata.is_file() => {
                    let used = metadata.modified()?.into_std();
                    entries.push(Entry { name, bytes: metadata.len(), used });
                }
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(entries)
    }

    fn file_name(&self, digest: &str) -> String {
        format!("{digest}-{}{EXTENSION}", self.engine_key)
    }

    /// Digest and engine key have fixed lengths, so the MAC input is unambiguous.
    fn mac(&self, digest: &str, artifact: &[u8]) -> Hmac<Sha256> {
        // HMAC pads a short key to a block with zeros; passing a whole block cannot fail on its length.
        let mut block = [0; 64];
        block[..KEY_BYTES].copy_from_slice(&self.key);
        Hmac::<Sha256>::new(&block.into())
            .chain_update(digest)
            .chain_update(&self.engine_key)
            .chain_update(artifact)
    }
}

/// Whether the name is an artifact of any engine, a temporary artifact or a temporary key.
fn is_ours(name: &str) -> bool {
    let random = |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = match name.rsplit_once('.') {
        Some((KEY_FILE, end)) => return random(end),
        Some((name, end)) if random(end) => name,
        _ => name,
    };
    let Some((digest, key)) = name.strip_suffix(EXTENSION).and_then(|name| name.split_once('-'))
    else {
        return false;
    };
    super::is_digest(digest) && random(key)
}

fn remove(dir: &Dir, name: &str) -> io::Result<()> {
    match dir.remove_file(name) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Native code is loaded from here, so nobody else may write to it. A file system without modes, such as that of some
/// network shares, has none to set.
fn restrict(dir: &Dir) -> io::Result<()> {
    let restricted = dir.set_permissions(".", Permissions::from_mode(0o700));
    let mode = dir.dir_metadata()?.permissions().mode();
    if mode & 0o022 == 0 {
        return Ok(());
    }
    restricted.and(Err(io::Error::other(format!("others may write to it (its mode is {mode:o})"))))
}

/// Reads the folder's key. If several processes create one at the same time, the first wins.
fn open_key(dir: &Dir) -> io::Result<[u8; KEY_BYTES]> {
    match dir.read(KEY_FILE) {
        Ok(bytes) => bytes
            .try_into()
            .map_err(|_| io::Error::new(ErrorKind::InvalidData, "the key file must have 32 bytes")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut key = [0; KEY_BYTES];
            getrandom::fill(&mut key).map_err(io::Error::other)?;
            match create_key(dir, &key) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
                _ => open_key(dir),
            }
        }
        Err(error) => Err(error),
    }
}

/// Written under another name first, so that nobody reads half a key.
fn create_key(dir: &Dir, key: &[u8]) -> io::Result<()> {
    let temporary = format!("{KEY_FILE}.{}", random_name()?);
    write_new(dir, &temporary, &[key])?;
    let linked = dir.hard_link(&temporary, dir, KEY_FILE);
    dir.remove_file(&temporary)?;
    match linked {
        // A file system without hard links. Another process may read a key that is still too short, and works without
        // the folder then.
        Err(error) if error.kind() != ErrorKind::AlreadyExists => write_new(dir, KEY_FILE, &[key]),
        linked => linked,
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

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const ENGINE: &str = "0123456789abcdef";

    fn open(folder: &TempDir, engine: &str, max_bytes: u64) -> Cache {
        Cache::open(folder.path(), engine.to_owned(), max_bytes)
    }

    fn digest(byte: u8) -> String {
        hex::encode([byte; 32])
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn set_age(cache: &Cache, name: &str, seconds: u64) {
        let file = cache.folder().unwrap().dir.open(name).unwrap().into_std();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
    }

    #[test]
    fn a_file_that_was_changed_cut_moved_or_blown_up_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(&folder, ENGINE, 1000);
        let path = folder.path().join(cache.folder().unwrap().file_name(&digest(1)));
        let changes: [&dyn Fn(); 5] = [
            &|| {
                let mut bytes = std::fs::read(&path).unwrap();
                *bytes.last_mut().unwrap() ^= 1;
                std::fs::write(&path, bytes).unwrap();
            },
            &|| std::fs::write(&path, &std::fs::read(&path).unwrap()[..40]).unwrap(),
            &|| std::fs::write(&path, "").unwrap(),
            &|| {
                cache.store(&digest(2), b"another artifact").unwrap();
                std::fs::rename(
                    folder.path().join(cache.folder().unwrap().file_name(&digest(2))),
                    &path,
                )
                .unwrap();
            },
            &|| std::fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap(),
        ];
        for change in changes {
            cache.store(&digest(1), b"the artifact").unwrap();
            assert_eq!(cache.load(&digest(1)).as_deref(), Some(&b"the artifact"[..]));
            change();
            assert_eq!(cache.load(&digest(1)), None);
            assert_eq!(names(&folder), ["key"]);
        }
    }

    #[test]
    fn what_was_used_least_recently_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(&folder, ENGINE, 3 * 132);
        for byte in 1..=3 {
            cache.store(&digest(byte), &[byte; 100]).unwrap();
            set_age(
                &cache,
                &cache.folder().unwrap().file_name(&digest(byte)),
                100 - u64::from(byte),
            );
        }
        assert!(cache.load(&digest(1)).is_some());
        cache.store(&digest(4), &[4; 100]).unwrap();
        let kept = [1, 2, 3, 4].map(|byte| cache.load(&digest(byte)).is_some());
        assert_eq!(kept, [true, false, true, true]);
        // Replacing a file needs no extra room.
        cache.store(&digest(4), &[5; 100]).unwrap();
        assert!([1, 3, 4].iter().all(|byte| cache.load(&digest(*byte)).is_some()));
        assert!(cache.store(&digest(5), &[5; 1000]).is_err());
        assert!([1, 3, 4].iter().all(|byte| cache.load(&digest(*byte)).is_some()));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_known_until_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(&folder, ENGINE, 1000);
        assert!(cache.store(&digest(1), &[1; 2000]).is_err());
        assert!(cache.is_writable(), "an artifact that is too large is no fault of the folder");
        // A folder stands where the file would.
        let in_the_way = folder.path().join(cache.folder().unwrap().file_name(&digest(1)));
        std::fs::create_dir(&in_the_way).unwrap();
        assert!(cache.store(&digest(1), b"an artifact").is_err());
        assert!(!cache.is_writable());
        cache.retry_write().unwrap();
        assert!(cache.is_writable());
        std::fs::remove_dir(&in_the_way).unwrap();
        assert_eq!(names(&folder), ["key"], "nothing is left of the attempts");
    }

    #[test]
    fn a_folder_that_cannot_be_opened_costs_only_the_cache_until_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("compiled");
        std::fs::write(&path, "a file in the way").unwrap();
        let cache = Cache::open(&path, ENGINE.to_owned(), 1000);
        assert!(!cache.is_writable());
        cache.store(&digest(1), b"an artifact").unwrap();
        assert_eq!(cache.load(&digest(1)), None);
        assert!(cache.digests(Duration::ZERO).unwrap().is_empty());
        let error = format!("{:#}", cache.retry_write().unwrap_err());
        assert!(error.contains("compiled cannot be created"), "{error}");
        assert!(!cache.is_writable());
        std::fs::remove_file(&path).unwrap();
        cache.retry_write().unwrap();
        assert!(cache.is_writable());
        cache.store(&digest(1), b"an artifact").unwrap();
        assert_eq!(cache.load(&digest(1)).as_deref(), Some(&b"an artifact"[..]));
    }

    #[test]
    fn idle_artifacts_are_listed_by_their_digests() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(&folder, ENGINE, 1000);
        for byte in 1..=2 {
            cache.store(&digest(byte), &[byte; 10]).unwrap();
        }
        set_age(&cache, &cache.folder().unwrap().file_name(&digest(1)), 100);
        std::fs::write(folder.path().join("notes.txt"), "x").unwrap();
        assert_eq!(cache.digests(Duration::from_secs(50)).unwrap(), [digest(1)]);
        assert_eq!(cache.digests(Duration::ZERO).unwrap().len(), 2);
        assert!(cache.digests(Duration::MAX).unwrap().is_empty());
    }

    #[test]
    fn open_deletes_only_files_that_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(&folder, ENGINE, 1000);
        cache.store(&digest(1), b"ours").unwrap();
        open(&folder, "fedcba9876543210", 1000);
        assert_eq!(names(&folder), ["key"]);

        let artifact = cache.folder().unwrap().file_name(&digest(1));
        let (old, new) =
            (format!("{artifact}.00112233445566ff"), format!("{artifact}.8877665544332211"));
        for name in [&artifact, &old, &new, "key.00112233445566ff", "notes.txt", "x-1.cwasm"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        for name in [&old, "key.00112233445566ff", "notes.txt"] {
            set_age(&cache, name, 3600);
        }
        open(&folder, ENGINE, 1000);
        assert_eq!(names(&folder), [&artifact, &new, "key", "notes.txt", "x-1.cwasm"]);
    }
}
