//! Maps the errors of figures to HTTP responses.

use crate::error::ApiError;
use crate::kpis::report::ReportError;

impl From<ReportError> for ApiError {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Invalid(invalid) => invalid.into(),
            ReportError::Database(error) => error.into(),
        }
    }
}
