//! Finds out whether this node can run plugins at all: compiles, loads and runs a component of our own.
//!
//! Invariant: whatever fails here is the node's fault.

use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Result, Store};

use crate::error::CompileError;

/// The function `answer` returns this.
const ANSWER: u32 = 42;

/// The component whose text is in the tests below.
pub(super) const COMPONENT: &[u8] = b"\
      \x00asm\x0d\x00\x01\x00\x01'\x00asm\x01\x00\x00\x00\x01\x05\x01`\x00\x01\x7f\x03\x02\x01\x00\
      \x07\x0a\x01\x06answer\x00\x00\x0a\x06\x01\x04\x00A*\x0b\x02\x04\x01\x00\x00\x00\x07\x05\x01@\
      \x00\x00y\x06\x0c\x01\x00\x00\x01\x00\x06answer\x08\x06\x01\x00\x00\x00\x00\x00\x0b\x0c\x01\x00\
      \x06answer\x01\x00\x00";

/// Why this node cannot run plugins. The reason is for the log; Display is fit for anyone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    #[error("it cannot compile plugins")]
    Compile { reason: String },
    #[error("it cannot load compiled plugins; it may not be allowed to map executable memory")]
    Load { reason: String },
    #[error("it cannot run plugins")]
    Run { reason: String },
}

impl ProbeError {
    pub fn reason(&self) -> &str {
        match self {
            ProbeError::Compile { reason }
            | ProbeError::Load { reason }
            | ProbeError::Run { reason } => reason,
        }
    }

    pub(super) fn compile(error: &CompileError) -> ProbeError {
        ProbeError::Compile { reason: error.to_string() }
    }

    pub(super) fn load(error: &CompileError) -> ProbeError {
        ProbeError::Load { reason: error.to_string() }
    }

    pub(super) fn run(reason: String) -> ProbeError {
        ProbeError::Run { reason }
    }
}

/// Runs the component; call it on a guest thread.
pub(super) fn run(engine: &Engine, component: &Component) -> std::result::Result<(), ProbeError> {
    match answer(engine, component) {
        Ok(ANSWER) => Ok(()),
        Ok(other) => Err(ProbeError::run(format!("it computed {other} instead of {ANSWER}"))),
        Err(error) => Err(ProbeError::run(format!("{error:#}"))),
    }
}

fn answer(engine: &Engine, component: &Component) -> Result<u32> {
    let mut store = Store::new(engine, ());
    store.set_fuel(10_000)?;
    // Fuel ends it; a tick must not.
    store.set_epoch_deadline(u64::from(u32::MAX));
    let instance = Linker::new(engine).instantiate(&mut store, component)?;
    let answer = instance.get_typed_func::<(), (u32,)>(&mut store, "answer")?;
    Ok(answer.call(&mut store, ())?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine;

    const TEXT: &str = r#"(component
        (core module $m (func (export "answer") (result i32) i32.const 42))
        (core instance $i (instantiate $m))
        (func (export "answer") (result u32) (canon lift (core func $i "answer"))))"#;

    #[test]
    fn the_component_of_the_text_runs_as_its_bytes_do() {
        let engine = engine::for_compiling().unwrap();
        for bytes in [COMPONENT.to_vec(), wat::parse_str(TEXT).unwrap()] {
            let component = Component::from_binary(&engine, &bytes).unwrap();
            assert_eq!(run(&engine, &component), Ok(()));
        }
    }
}
