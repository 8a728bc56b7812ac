//! Guesses the names of files and folders that servers have, and tries to make one of its own.

use repairops_plugin::prelude::*;
use std::fs;

const NAMES: [&str; 20] = [
    "/",
    ".",
    "..",
    "../../../../../../etc/passwd",
    "/etc/passwd",
    "/etc/hostname",
    "/proc/self/environ",
    "/proc/self/maps",
    "/proc/1/cmdline",
    "/dev/urandom",
    "/dev/stdin",
    "/root/.ssh/id_ed25519",
    "/var/run/docker.sock",
    "/tmp",
    "/data/repairops.db",
    "repairops.db",
    "compiled/key",
    "",
    "\0",
    "/etc/passwd\0.txt",
];

struct FileGuesser;

impl PreTransition for FileGuesser {
    type Settings = NoSettings;

    fn check(_: TransitionEvent, _: NoSettings) -> Result<Verdict, PluginError> {
        let seen = |open: fn(&str) -> bool| {
            let names: Vec<&str> = NAMES.into_iter().filter(|name| open(name)).collect();
            format!("{names:?}")
        };
        Ok(Verdict::Deny(vec![
            Violation::new("READ", seen(|name| fs::read(name).is_ok())),
            Violation::new("LISTED", seen(|name| fs::read_dir(name).is_ok())),
            Violation::new("THERE", seen(|name| fs::symlink_metadata(name).is_ok())),
            Violation::new("MADE", seen(|name| fs::create_dir_all(format!("{name}/x")).is_ok())),
            Violation::new("WRITTEN", seen(|name| fs::write(format!("{name}x"), "x").is_ok())),
            Violation::new("LINKED", seen(|name| fs::rename(name, "x").is_ok())),
        ]))
    }
}

repairops_plugin::metadata!();
repairops_plugin::export_pre_transition!(FileGuesser);
