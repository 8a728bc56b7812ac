//! The JSON of feedback.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::ticket::Feedback;
use crate::model::time::Time;

/// The customer's feedback on a repair.
#[derive(Serialize, ToSchema)]
#[schema(as = Feedback)]
pub struct FeedbackView {
    /// The score, from 1 (bad) to 5 (good).
    #[schema(minimum = 1, maximum = 5)]
    score: i64,
    comment: Option<String>,
    created_at: Time,
}

impl From<Feedback> for FeedbackView {
    fn from(feedback: Feedback) -> Self {
        let Feedback { score, comment, created_at } = feedback;
        FeedbackView { score, comment, created_at }
    }
}
