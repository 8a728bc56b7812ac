//! Maps the errors of customers to HTTP responses.

use serde_json::json;

use crate::customers::merge::MergeError;
use crate::customers::update::UpdateCustomerError;
use crate::error::ApiError;
use crate::model::ids::CustomerId;

impl ApiError {
    /// `details.merged_into` names the surviving customer, so that old links still work.
    pub fn customer_not_found(merged_into: Option<CustomerId>) -> Self {
        let mut error = ApiError::not_found("Customer");
        if let Some(id) = merged_into {
            error.message = format!("Customer not found: it was merged into {id}");
            error.details = json!({ "merged_into": id });
        }
        error
    }
}

impl From<UpdateCustomerError> for ApiError {
    fn from(error: UpdateCustomerError) -> Self {
        let message = error.to_string();
        match error {
            UpdateCustomerError::Invalid(invalid) => invalid.into(),
            UpdateCustomerError::NotFound { merged_into } => {
                ApiError::customer_not_found(merged_into)
            }
            UpdateCustomerError::OtherVersion { current } => {
                ApiError::other_version(message, current)
            }
            UpdateCustomerError::Erased => {
                ApiError::conflict(message, json!({ "reason": "erased" }))
            }
            UpdateCustomerError::EmailTaken { email, customer_id } => ApiError::conflict(
                message,
                json!({ "field": "email", "value": email, "customer_id": customer_id }),
            ),
            UpdateCustomerError::Database(error) => error.into(),
        }
    }
}

impl From<MergeError> for ApiError {
    fn from(error: MergeError) -> Self {
        let message = error.to_string();
        match error {
            MergeError::Invalid(invalid) => invalid.into(),
            MergeError::NotFound { merged_into } => ApiError::customer_not_found(merged_into),
            MergeError::MergedAlready { from, merged_into } => ApiError::conflict(
                message,
                json!({ "field": "from", "value": from, "merged_into": merged_into }),
            ),
            MergeError::Erased { id } => {
                ApiError::conflict(message, json!({ "reason": "erased", "customer_id": id }))
            }
            MergeError::Database(error) => error.into(),
        }
    }
}
