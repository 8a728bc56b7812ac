//! The JSON of erasures.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::store::Erasure;
use crate::model::ids::CustomerId;
use crate::model::time::Time;

#[derive(Serialize, ToSchema)]
#[schema(as = Erasure)]
pub struct ErasureView {
    customer_id: CustomerId,
    /// When the customer was erased first.
    erased_at: Time,
    /// When the copies were gone through a second time, for those that requests in progress still held; `null` before.
    finished_at: Option<Time>,
    /// How many rows this request changed, by the table's name; empty if there was nothing left to change.
    rows: BTreeMap<String, u64>,
}

pub fn view(erasure: &Erasure, rows: BTreeMap<String, u64>) -> ErasureView {
    ErasureView {
        customer_id: erasure.customer_id,
        erased_at: erasure.requested_at,
        finished_at: erasure.finished_at,
        rows,
    }
}
