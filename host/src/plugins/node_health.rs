//! Whether this node can run plugins, for `/readyz`.
//!
//! Invariant: nothing here is stored in the database or concerns another node.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::runtime::ProbeError;

/// What is known of this node. An app that does not serve is ready.
#[derive(Default)]
pub struct NodeHealth(Mutex<State>);

#[derive(Clone, Debug, Default)]
enum State {
    #[default]
    Ready,
    /// The node is not tried yet, or its installed plugins are being made ready.
    Starting {
        ready: usize,
        of: usize,
    },
    Broken(ProbeError),
}

impl NodeHealth {
    pub fn set_starting(&self, ready: usize, of: usize) {
        *self.lock() = State::Starting { ready, of };
    }

    pub fn set_ready(&self) {
        *self.lock() = State::Ready;
    }

    pub fn set_broken(&self, error: ProbeError) {
        *self.lock() = State::Broken(error);
    }

    /// Why this node should get no requests yet, in words fit for anyone.
    pub fn check(&self) -> Result<(), String> {
        match &*self.lock() {
            State::Ready => Ok(()),
            State::Starting { of: 0, .. } => Err("it is trying whether it can run plugins".into()),
            State::Starting { ready, of } => {
                Err(format!("{ready} of {of} installed plugins are ready"))
            }
            State::Broken(error) => Err(error.to_string()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
