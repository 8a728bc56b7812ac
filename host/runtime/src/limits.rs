//! What one plugin call may use: each installation has its own limits, capped by the configuration.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::invalid::Invalid;

const KIB: u32 = 1 << 10;
const MIB: u32 = 1 << 20;

/// The limits of one call. Every figure is a maximum that is still allowed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
// Not `deny_unknown_fields`: a later version may have stored more. `changed` checks the names that clients send.
#[serde(default)]
pub struct Limits {
    /// Units of fuel: about one a WebAssembly instruction, and one a byte of a bulk copy. Repeatable, unlike time.
    pub fuel: u64,
    /// Milliseconds of processor time, its own and that of the host calls it makes.
    pub deadline_ms: u32,
    /// Milliseconds of wall-clock time, and also of the time that a plugin pretends to sleep. It ends calls to which
    /// the node does not give their processor time.
    pub wall_ms: u32,
    /// Bytes of linear memory, all memories of the instance together.
    pub memory_bytes: u64,
    /// Elements of all tables of the instance together.
    pub table_elements: u32,
    /// Bytes of the event that is handed in, as the host estimates them.
    pub input_bytes: u32,
    /// Bytes of the answer that is taken out.
    pub output_bytes: u32,
    /// Bytes of log, standard output and standard error together. More is dropped and counted.
    pub log_bytes: u32,
    /// Calls of imports, those of WASI included.
    pub host_calls: u32,
}

impl Limits {
    /// What an installation may ask for at most, unless the configuration says otherwise.
    pub const CEILING: Limits = Limits {
        fuel: 1_000_000_000,
        deadline_ms: 1_000,
        wall_ms: 20_000,
        memory_bytes: 128 * MIB as u64,
        table_elements: 100_000,
        input_bytes: 8 * MIB,
        output_bytes: MIB,
        log_bytes: 64 * KIB,
        host_calls: 100_000,
    };

    /// Returns these limits with some of them changed.
    pub fn changed(self, changes: &Map<String, Value>) -> Result<Limits, Invalid> {
        let mut limits = self;
        for (name, value) in changes {
            let field = format!("limits.{name}");
            let mut all = serde_json::to_value(limits).unwrap_or_default();
            match all.get_mut(name) {
                Some(figure) => *figure = value.clone(),
                None => {
                    let known: Vec<&str> =
                        limits.figures().into_iter().map(|(name, _)| name).collect();
                    let message =
                        format!("{name} is not a limit; expected one of {}", known.join(", "));
                    return Err(Invalid::new(field, value, message));
                }
            }
            limits = serde_json::from_value(all)
                .map_err(|error| Invalid::new(field, value, error.to_string()))?;
        }
        Ok(limits)
    }

    /// Checks that each figure is at least 1 and at most the ceiling's.
    pub fn check(&self, ceiling: &Limits) -> Result<(), Invalid> {
        for ((name, figure), (_, max)) in self.figures().into_iter().zip(ceiling.figures()) {
            if figure == 0 || figure > max {
                let field = format!("limits.{name}");
                return Err(Invalid::new(
                    &field,
                    figure,
                    format!("{field} must be from 1 to {max}"),
                ));
            }
        }
        Ok(())
    }

    /// The smaller of each figure: a lowered ceiling also applies to existing installations.
    pub fn under(&self, ceiling: &Limits) -> Limits {
        Limits {
            fuel: self.fuel.min(ceiling.fuel),
            deadline_ms: self.deadline_ms.min(ceiling.deadline_ms),
            wall_ms: self.wall_ms.min(ceiling.wall_ms),
            memory_bytes: self.memory_bytes.min(ceiling.memory_bytes),
            table_elements: self.table_elements.min(ceiling.table_elements),
            input_bytes: self.input_bytes.min(ceiling.input_bytes),
            output_bytes: self.output_bytes.min(ceiling.output_bytes),
            log_bytes: self.log_bytes.min(ceiling.log_bytes),
            host_calls: self.host_calls.min(ceiling.host_calls),
        }
    }

    /// The limits of a call with an input of that size: more for a large one, up to the ceiling, which a plugin that
    /// reads all of it needs.
    #[must_use]
    pub fn scaled(&self, input_bytes: u64, ceiling: &Limits) -> Limits {
        let quarters = scale_quarters(input_bytes);
        let grown = |figure: u64| figure.saturating_mul(quarters) / 4;
        let small = |figure: u32| u32::try_from(grown(figure.into())).unwrap_or(u32::MAX);
        Limits {
            fuel: grown(self.fuel),
            deadline_ms: small(self.deadline_ms),
            wall_ms: small(self.wall_ms),
            output_bytes: small(self.output_bytes),
            ..*self
        }
        .under(ceiling)
    }

    fn figures(&self) -> [(&'static str, u64); 9] {
        [
            ("fuel", self.fuel),
            ("deadline_ms", self.deadline_ms.into()),
            ("wall_ms", self.wall_ms.into()),
            ("memory_bytes", self.memory_bytes),
            ("table_elements", self.table_elements.into()),
            ("input_bytes", self.input_bytes.into()),
            ("output_bytes", self.output_bytes.into()),
            ("log_bytes", self.log_bytes.into()),
            ("host_calls", self.host_calls.into()),
        ]
    }
}

/// By how many quarters the limits grow with the input: 4 up to 16 KiB, one more for each 16 KiB begun, at most 32.
pub fn scale_quarters(input_bytes: u64) -> u64 {
    const STEP: u64 = 16 << 10;
    const QUARTERS_MAX: u64 = 32;
    (4 + input_bytes.saturating_sub(STEP).div_ceil(STEP)).min(QUARTERS_MAX)
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            fuel: 10_000_000,
            deadline_ms: 50,
            wall_ms: 1_000,
            memory_bytes: 32 * MIB as u64,
            table_elements: 10_000,
            input_bytes: MIB,
            output_bytes: 256 * KIB,
            log_bytes: 8 * KIB,
            host_calls: 10_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(json: &str) -> Map<String, Value> {
        serde_json::from_str(json).expect("an object")
    }

    #[test]
    fn a_large_input_has_larger_limits() {
        for (bytes, quarters) in [
            (0, 4),
            (16 << 10, 4),
            ((16 << 10) + 1, 5),
            (32 << 10, 5),
            (80 << 10, 8),
            (464 << 10, 32),
            (u64::MAX, 32),
        ] {
            assert_eq!(scale_quarters(bytes), quarters, "{bytes}");
        }
        let own = Limits::default();
        assert_eq!(own.scaled(1_000, &Limits::CEILING), own);
        let twice = own.scaled(80 << 10, &Limits::CEILING);
        let expected = Limits {
            fuel: 20_000_000,
            deadline_ms: 100,
            wall_ms: 2_000,
            output_bytes: 512 * KIB,
            ..own
        };
        assert_eq!(twice, expected);
        let capped = own.scaled(u64::MAX, &Limits { fuel: 11_000_000, ..Limits::CEILING });
        assert_eq!((capped.fuel, capped.deadline_ms), (11_000_000, 400));
    }

    #[test]
    fn what_is_left_out_stays() {
        let limits = Limits::default().changed(&changes(r#"{"fuel": 5}"#)).expect("a known limit");
        assert_eq!(limits, Limits { fuel: 5, ..Limits::default() });
    }

    #[test]
    fn what_a_later_version_stored_is_no_error() {
        let stored = r#"{"fuel": 7, "wall_minutes": 3}"#;
        let limits: Limits = serde_json::from_str(stored).expect("limits");
        assert_eq!(limits, Limits { fuel: 7, ..Limits::default() });
    }

    #[test]
    fn errors_name_the_limit() {
        let field = |json| Limits::default().changed(&changes(json)).expect_err("wrong").field;
        assert_eq!(field(r#"{"gas": 5}"#), "limits.gas");
        assert_eq!(field(r#"{"fuel": "much"}"#), "limits.fuel");
        let over = Limits { host_calls: 100_001, ..Limits::default() };
        assert_eq!(over.check(&Limits::CEILING).expect_err("over").field, "limits.host_calls");
    }
}
