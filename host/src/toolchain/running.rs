//! The builds that are running, so that a program that is asked to end ends them.

use std::process::Child;
use std::sync::{Mutex, PoisonError};

static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// A build, until dropped.
pub(super) struct Running(u32);

impl Running {
    pub(super) fn new(child: &Child) -> Running {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).push(child.id());
        Running(child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).retain(|id| *id != self.0);
    }
}

/// Asks the running builds to end.
pub fn end_builds() {
    #[cfg(unix)]
    for id in RUNNING.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        use rustix::process::{Pid, Signal, kill_process};

        let pid = i32::try_from(*id).ok().and_then(Pid::from_raw);
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
    }
}
