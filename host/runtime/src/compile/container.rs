//! The memory limit of the container, or control group, that this process runs in.
//!
//! Invariant: a file that is missing or not understood is no limit, never an error.

use std::fs;
use std::path::{Path, PathBuf};

/// The first version of control groups writes "no limit" as a number near 2^63.
const UNLIMITED_FROM: u64 = 1 << 60;

/// The lowest limit of the group of this process and the groups around it, in bytes.
pub(super) fn memory_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    lowest(&groups, Path::new("/sys/fs/cgroup"))
}

fn lowest(groups: &str, root: &Path) -> Option<u64> {
    groups.lines().filter_map(|line| of_group(line, root)).min()
}

/// A line is `ID:CONTROLLERS:PATH`; the second version has no controllers in it.
fn of_group(line: &str, root: &Path) -> Option<u64> {
    let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
    let (root, file) = match controllers {
        "" => (root.to_owned(), "memory.max"),
        list if list.split(',').any(|name| name == "memory") => {
            (root.join("memory"), "memory.limit_in_bytes")
        }
        _ => return None,
    };
    // Inside of a container the path may be the one outside; then only the root exists.
    let relative = Path::new(path.trim_start_matches('/'));
    let folders = relative.ancestors().map(|folder| root.join(folder));
    folders.filter_map(|folder| read(&folder.join(file))).min()
}

fn read(file: &PathBuf) -> Option<u64> {
    let limit = fs::read_to_string(file).ok()?.trim().parse().ok()?;
    (limit < UNLIMITED_FROM).then_some(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, text: &str) {
        let file = root.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    #[test]
    fn the_lowest_limit_around_the_process_counts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(lowest("0::/", root), None);
        write(root, "a/b/memory.max", "max\n");
        assert_eq!(lowest("0::/a/b", root), None);
        write(root, "a/memory.max", "1073741824\n");
        write(root, "a/b/c/memory.max", "2147483648\n");
        assert_eq!(lowest("0::/a/b/c", root), Some(1 << 30));
        assert_eq!(lowest("0::/elsewhere", root), None);

        write(root, "memory/memory.limit_in_bytes", "9223372036854771712\n");
        let first = "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n0::/\n";
        assert_eq!(lowest(first, root), None);
        write(root, "memory/memory.limit_in_bytes", "536870912\n");
        assert_eq!(lowest(first, root), Some(512 << 20));
        assert_eq!(lowest("nonsense\n::\n4:memory", root), None);
    }
}
