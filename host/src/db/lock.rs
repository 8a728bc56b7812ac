//! Keeps a SQLite database for one server.
//!
//! Invariant: the lock ends with the process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};

use anyhow::{Context, bail};

/// Locks `PATH.lock` beside the database, until the file is dropped. Nothing to do on PostgreSQL.
pub fn lock(url: &str) -> anyhow::Result<Option<File>> {
    let Some(path) = super::open::sqlite_path(url) else { return Ok(None) };
    let mut name = path.clone().into_os_string();
    name.push(".lock");
    let about = || format!("locking the database {}", path.display());
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&name);
    let file = file.with_context(about)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => bail!(
            "another server has the database {}, and SQLite takes one: stop it first, give this one another \
             --database, or use PostgreSQL, which takes any number",
            path.display()
        ),
        Err(TryLockError::Error(error)) => Err(error).with_context(about),
    }
}
