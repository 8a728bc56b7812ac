//! A build of the previous version: of the newest commit that has fewer migrations than this checkout.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

const MIGRATIONS: &str = "migrations/postgres";

/// The given one, or one that is built (once for each commit) in the target folder.
pub fn binary(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(given) = given {
        return given.canonicalize().with_context(|| format!("there is no {}", given.display()));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let commit = previous_commit(&root)?;
    let target = Path::new(env!("CARGO_BIN_EXE_repairops"))
        .ancestors()
        .nth(2)
        .context("no target folder")?
        .join("previous");
    let binary = target.join(format!("repairops-{commit}"));
    if !binary.exists() {
        build(&root, &commit, &target, &binary)?;
    }
    Ok(binary)
}

fn previous_commit(root: &Path) -> anyhow::Result<String> {
    let here = std::fs::read_dir(root.join(MIGRATIONS))?.count();
    let commits = git(root, &["rev-list", "--first-parent", "HEAD"])?;
    for commit in commits.lines() {
        let there = git(root, &["ls-tree", "--name-only", commit, &format!("{MIGRATIONS}/")])?;
        if there.lines().count() < here {
            return Ok(commit.to_owned());
        }
    }
    anyhow::bail!("no commit has fewer migrations; name a build with --old-binary")
}

fn build(root: &Path, commit: &str, target: &Path, binary: &Path) -> anyhow::Result<()> {
    eprintln!(
        "building {commit}, the newest commit with fewer migrations, in {} …",
        target.display()
    );
    std::fs::create_dir_all(target)?;
    let source = target.join("source");
    let path = source.to_str().context("the target folder's path is not UTF-8")?;
    // What an interrupted run left.
    let _ = git(root, &["worktree", "remove", "--force", path]);
    git(root, &["worktree", "add", "--detach", path, commit])?;
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "-p", "repairops", "--bin", "repairops"])
        .current_dir(&source)
        .env("CARGO_TARGET_DIR", target)
        .status();
    let removed = git(root, &["worktree", "remove", "--force", path]);
    ensure!(built.context("cannot run cargo")?.success(), "{commit} does not build");
    removed?;
    std::fs::copy(target.join("release/repairops"), binary)?;
    Ok(())
}

fn git(root: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output();
    let output = output.context("cannot run git")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {}: {said}", arguments.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}
