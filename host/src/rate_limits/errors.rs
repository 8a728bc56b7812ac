//! Maps exceeded rate limits to HTTP responses: which limit, its figure, and when it resets.

use serde_json::json;

use crate::error::ApiError;
use crate::model::time::Time;
use crate::rate_limits::failures::TooMany;
use crate::rate_limits::rates::Budget;
use crate::rate_limits::{Spent, failures, rates};

impl ApiError {
    pub fn rate_limited(spent: Spent, now: Time) -> ApiError {
        let (class, limit) = (spent.class.as_str(), spent.limit);
        let reset_at = spent.reset_at();
        let used_up = match spent.budget {
            Budget::Key => format!("This key has used its {limit} {class} requests of this hour"),
            Budget::Organization => format!(
                "All keys of this organization together have used its {limit} {class} requests of this hour"
            ),
        };
        let message = format!("{used_up}; the next hour begins at {reset_at}");
        let details = json!({
            "limit": limit, "window_seconds": rates::WINDOW_SECONDS, "class": class, "reset_at": reset_at,
            "budget": spent.budget.as_str(),
        });
        ApiError::too_many_requests(message, details, seconds_until(reset_at, now))
    }
}

impl TooMany {
    /// Builds the response at that moment.
    pub fn at(self, now: Time) -> ApiError {
        let reset_at = self.reset_at;
        let message = format!(
            "More than {} requests without a valid API key came from this address within a minute; try again at \
             {reset_at}",
            self.limit
        );
        let details = json!({
            "limit": self.limit, "window_seconds": failures::WINDOW_SECONDS,
            "class": "unauthorized", "reset_at": reset_at,
        });
        ApiError::too_many_requests(message, details, seconds_until(reset_at, now))
    }
}

/// Rounded up to whole seconds, so that a retry is not too early.
fn seconds_until(moment: Time, now: Time) -> u32 {
    let millis = (moment - now).num_milliseconds().max(1);
    u32::try_from((millis + 999) / 1000).unwrap_or(u32::MAX)
}
