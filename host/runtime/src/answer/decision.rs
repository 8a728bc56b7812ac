//! The rules of a decision about stock, whichever version it comes from.

use super::{Checked, at_most};
use crate::event::Decision;

/// Each may become a row and an update in one transaction. An event has up to 500 lines and 500 stock items.
const ALLOCATIONS_MAX: usize = 1_000;

pub(crate) fn check_decision(decision: &Decision) -> Checked {
    let Decision::Plan(plan) = decision else { return Ok(()) };
    at_most("plan", plan.len(), "allocations", ALLOCATIONS_MAX)?;
    match plan.iter().position(|allocation| allocation.quantity == 0) {
        Some(index) => Err(format!("plan[{index}].quantity is 0; it must be 1 or more")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(checked: Checked) -> String {
        checked.expect_err("the answer breaks a rule")
    }

    #[test]
    fn a_plan_moves_something() {
        use crate::event::{Allocation, Source};
        let plan = |quantity| {
            let allocation =
                Allocation { part_id: "p".into(), source: Source::Backorder, quantity };
            check_decision(&Decision::Plan(vec![allocation]))
        };
        assert_eq!(plan(1), Ok(()));
        assert_eq!(reason(plan(0)), "plan[0].quantity is 0; it must be 1 or more");
        assert_eq!(check_decision(&Decision::Pass), Ok(()));
    }

    #[test]
    fn a_plan_has_a_bound() {
        use crate::event::{Allocation, Source};
        let allocation =
            Allocation { part_id: "p".into(), source: Source::Item("i".into()), quantity: 1 };
        let plan = |count| check_decision(&Decision::Plan(vec![allocation.clone(); count]));
        assert_eq!(plan(ALLOCATIONS_MAX), Ok(()));
        assert_eq!(reason(plan(1_001)), "plan has 1001 allocations; at most 1000 are allowed");
    }
}
