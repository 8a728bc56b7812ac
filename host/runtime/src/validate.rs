//! Validates a component within a budget of processor time.
//!
//! Invariant: an upload costs at most the budget and one more step. The validator's own limits allow far more: a
//! branch table costs its length times the arity of its labels, and an instantiation the size of its types, up to a
//! million.
//! the size of its types, which may be a million.

use std::time::Duration;

use wasmparser::{
    CompositeInnerType, FuncValidatorAllocations, Parser, Payload, ValidPayload, Validator,
    WasmFeatures,
};

use super::inspect_error::{InspectError, invalid, too_complex};

/// A compiler-made component of 32 MiB takes a tenth of this.
const BUDGET: Duration = Duration::from_secs(5);

/// Operators between two readings of the clock.
const OPERATORS: u32 = 1_000;

/// Parameters or results of a function or a block. Compilers pass more through memory.
const ARITY_MAX: usize = 100;

pub(super) fn validate(bytes: &[u8]) -> Result<(), InspectError> {
    validate_within(bytes, BUDGET)
}

fn validate_within(bytes: &[u8], budget: Duration) -> Result<(), InspectError> {
    let clock = Clock { started: thread_time(), budget };
    let mut validator = Validator::new_with_features(features());
    let mut allocations = FuncValidatorAllocations::default();
    let mut functions = Vec::new();
    let mut parser = Parser::new(0);
    parser.set_features(features());
    for payload in parser.parse_all(bytes) {
        let payload = payload.map_err(|error| invalid(&error))?;
        check_arity(&payload)?;
        let valid = validator.payload(&payload).map_err(|error| invalid(&error))?;
        if let ValidPayload::Func(function, body) = valid {
            functions.push((function, body));
        }
        clock.check()?;
    }
    for (function, body) in functions {
        let mut validator = function.into_validator(allocations);
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader).map_err(|error| invalid(&error))?;
        reader.set_features(features());
        let mut until_check = OPERATORS;
        while !reader.eof() {
            reader
                .visit_operator(&mut validator.visitor(reader.original_position()))
                .and_then(|valid| valid)
                .map_err(|error| invalid(&error))?;
            until_check -= 1;
            if until_check == 0 {
                clock.check()?;
                until_check = OPERATORS;
            }
        }
        reader
            .finish_expression(&validator.visitor(reader.original_position()))
            .map_err(|error| invalid(&error))?;
        clock.check()?;
        allocations = validator.into_allocations();
    }
    Ok(())
}

/// The features that `engine.rs` enables; the engine checks again when it compiles.
fn features() -> WasmFeatures {
    let without = WasmFeatures::GC_TYPES | WasmFeatures::EXCEPTIONS | WasmFeatures::MEMORY64;
    WasmFeatures::WASM3.difference(without) | WasmFeatures::COMPONENT_MODEL
}

fn check_arity(payload: &Payload<'_>) -> Result<(), InspectError> {
    let Payload::TypeSection(section) = payload else { return Ok(()) };
    for group in section.clone() {
        for kind in group.map_err(|error| invalid(&error))?.types() {
            let CompositeInnerType::Func(function) = &kind.composite_type.inner else { continue };
            let arity = function.params().len().max(function.results().len());
            if arity > ARITY_MAX {
                return Err(too_complex(format!(
                    "a function has {arity} parameters or results; at most {ARITY_MAX} are allowed"
                )));
            }
        }
    }
    Ok(())
}

struct Clock {
    started: Duration,
    budget: Duration,
}

impl Clock {
    fn check(&self) -> Result<(), InspectError> {
        if thread_time().saturating_sub(self.started) <= self.budget {
            return Ok(());
        }
        Err(too_complex(format!(
            "validating it takes more than {} s of processor time",
            self.budget.as_secs()
        )))
    }
}

/// Processor time of this thread, so that a busy node rejects nothing.
#[cfg(unix)]
fn thread_time() -> Duration {
    use rustix::time::{ClockId, clock_gettime};

    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

#[cfg(not(unix))]
fn thread_time() -> Duration {
    static STARTED: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    STARTED.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(inner: &str) -> Vec<u8> {
        wat::parse_str(format!("(component {inner})")).expect("the test's WAT is right")
    }

    fn refused(bytes: &[u8], budget: Duration) -> String {
        let error = validate_within(bytes, budget).expect_err("too much");
        assert_eq!(error.kind(), "too_complex", "{error}");
        error.to_string()
    }

    #[test]
    fn functions_are_validated() {
        let with =
            |body: &str| validate(&component(&format!("(core module (func (result i32) {body}))")));
        assert_eq!(with("i32.const 1"), Ok(()));
        // The text parser checks no types.
        assert!(with("i64.const 1").is_err_and(|error| error.kind() == "invalid"));
        assert!(with("").is_err_and(|error| error.kind() == "invalid"));
    }

    #[test]
    fn wide_functions_are_refused() {
        let wide = |params: usize, results: usize| {
            let (params, results) = ("i32 ".repeat(params), "i32 ".repeat(results));
            component(&format!("(core module (type (func (param {params}) (result {results}))))"))
        };
        assert_eq!(validate(&wide(100, 100)), Ok(()));
        assert!(refused(&wide(101, 1), BUDGET).contains("101 parameters or results"));
        assert!(refused(&wide(1, 1000), BUDGET).contains("at most 100"));
    }

    /// Branches to a label of many values: each target costs all of them.
    fn branches(count: usize) -> Vec<u8> {
        let values = "i32.const 0 ".repeat(ARITY_MAX);
        let drops = "drop ".repeat(ARITY_MAX);
        let targets = "0 ".repeat(count);
        component(&format!(
            "(core module (type $wide (func (result {})))
               (func (block (type $wide) {values} i32.const 0 br_table {targets}) {drops}))",
            "i32 ".repeat(ARITY_MAX)
        ))
    }

    #[test]
    fn the_budget_ends_it() {
        let bytes = branches(100_000);
        assert_eq!(validate(&bytes), Ok(()));
        assert!(refused(&bytes, Duration::ZERO).contains("of processor time"));
    }
}
