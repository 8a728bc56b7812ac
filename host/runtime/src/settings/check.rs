//! Checks a schema, or settings against it, in another process under limits. Organizations are served in round-robin
//! order, one check of each at a time.
//!
//! Invariant: expensive schemas delay only the checks of their own organization.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::graph::SchemaError;
use super::worker::{self, Input, KEY, Verdict};
use super::{bounds, defaults};
use crate::child::{self, Job, JobError, JobLimits};
use crate::compile::CompilerProgram;
use crate::error::Busy;
use crate::excerpt;
use crate::queue::{Caps, Share};
use crate::turns::Turns;

const LIMITS: JobLimits = JobLimits { memory_bytes: 256 << 20, cpu_s: 2 };

/// Reached only on an overloaded node: processor time has a limit of its own.
const TIMEOUT: Duration = Duration::from_secs(20);

const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// Limits on running and queued checks.
const CAPS: Caps = Caps {
    running_per_organization: 1,
    running_per_installation: 1,
    waiting: 256,
    waiting_per_organization: 24,
    waiting_per_installation: 24,
};

/// Why a schema or settings were rejected.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// The plugin's schema is unusable, whatever the settings.
    #[error("the plugin's settings schema is invalid {0}")]
    Schema(SchemaError),
    /// The settings do not match. `place` is a JSON Pointer into the settings; `of_default` is set if they omit the
    /// value and the schema's own default is invalid.
    #[error("{reason}")]
    Settings { place: String, reason: String, of_default: bool },
    #[error(
        "checking the settings takes more than {0}; the plugin's settings schema is too complex"
    )]
    TooCostly(String),
    #[error("{} settings of this {} are already waiting to be checked; try again in a \
             moment", .0.waiting_max, .0.whose)]
    Busy(Busy),
    /// Not caused by the schema.
    #[error("the settings could not be checked on this node; try again")]
    Host { reason: String },
}

/// Runs the checks.
pub(crate) struct SettingsChecks {
    program: CompilerProgram,
    turns: Arc<Turns>,
}

impl SettingsChecks {
    pub(crate) fn new(program: CompilerProgram) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        SettingsChecks { program, turns: Turns::new((cores / 2).max(1), CAPS) }
    }

    /// Checks that a validator can be built from the schema.
    pub(crate) async fn check_schema(
        &self,
        organization: Uuid,
        schema: &Value,
    ) -> Result<(), SettingsError> {
        bounds::check(schema).map_err(SettingsError::Schema)?;
        self.evaluate(organization, schema, None).await
    }

    /// Checks that the settings, with the schema's defaults filled in, match the schema.
    pub(crate) async fn check_settings(
        &self,
        organization: Uuid,
        schema: &Value,
        settings: &Value,
    ) -> Result<(), SettingsError> {
        // Checked again, because the schema may be older than the limits.
        bounds::check(schema).map_err(SettingsError::Schema)?;
        let filled = defaults::try_fill(schema, settings).map_err(|_| {
            SettingsError::TooCostly(
                "the work that is allowed for filling in its defaults".to_owned(),
            )
        })?;
        let result = self.evaluate(organization, schema, Some(&filled)).await;
        result.map_err(|error| match error {
            SettingsError::Settings { place, reason, .. } => {
                let of_default = settings.pointer(&place).is_none();
                SettingsError::Settings { place, reason, of_default }
            }
            error => error,
        })
    }

    async fn evaluate(
        &self,
        organization: Uuid,
        schema: &Value,
        settings: Option<&Value>,
    ) -> Result<(), SettingsError> {
        let share = Share { organization, installations: Vec::new() };
        let _turn = self.turns.acquire(share).await.map_err(SettingsError::Busy)?;
        let verdict = match &self.program {
            CompilerProgram::Child(program) => {
                let input = to_json(&Input { schema, settings })?;
                let job = Job {
                    program,
                    command: "check-settings",
                    limits: LIMITS,
                    timeout: TIMEOUT,
                    answer_bytes_max: ANSWER_BYTES_MAX,
                    key: KEY,
                };
                let answer = child::run(&job, &input).await?;
                serde_json::from_slice(&answer)
                    .map_err(|error| SettingsError::Host { reason: error.to_string() })?
            }
            CompilerProgram::InProcess => {
                let (schema, settings) = (schema.clone(), settings.cloned());
                let work = move || worker::evaluate(&schema, settings.as_ref());
                tokio::task::spawn_blocking(work)
                    .await
                    .map_err(|error| SettingsError::Host { reason: error.to_string() })?
            }
        };
        match verdict {
            Verdict::Valid => Ok(()),
            Verdict::Schema { place, reason } => {
                let (place, reason) = (short(&place), short(&reason));
                Err(SettingsError::Schema(SchemaError { place, reason }))
            }
            Verdict::Settings { place, reason } => {
                Err(SettingsError::Settings { place, reason: short(&reason), of_default: false })
            }
        }
    }
}

impl From<JobError> for SettingsError {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Memory { limit_bytes } => {
                SettingsError::TooCostly(format!("{limit_bytes} bytes of memory"))
            }
            JobError::Cpu { limit_s } => {
                SettingsError::TooCostly(format!("{limit_s} s of processor time"))
            }
            JobError::TooDeep => SettingsError::TooCostly("the available stack".to_owned()),
            JobError::AnswerTooLarge { limit_bytes } => {
                SettingsError::TooCostly(format!("{limit_bytes} bytes to explain"))
            }
            JobError::Crashed { how } => {
                SettingsError::TooCostly(format!("the validator can handle ({how})"))
            }
            JobError::Refused { reason } | JobError::Host { reason } => {
                SettingsError::Host { reason }
            }
            error @ JobError::TimedOut { .. } => SettingsError::Host { reason: error.to_string() },
        }
    }
}

fn to_json(input: &Input<&Value, &Value>) -> Result<Vec<u8>, SettingsError> {
    serde_json::to_vec(input).map_err(|error| SettingsError::Host { reason: error.to_string() })
}

/// Cuts a reason: names may be long, and the validator's message may repeat a whole value.
fn short(reason: &str) -> String {
    excerpt::text(reason, excerpt::MESSAGE_BYTES_MAX).into_owned()
}
