//! The graph of statuses as data: the statuses, the edges between them, and what each status does to stock. The one
//! built-in workflow has the edges of the vendor's state machine and two more from the API reference's sample
//! timeline.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

/// The name of a status. The workflow defines the valid ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Status(pub String);

impl Status {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl utoipa::PartialSchema for Status {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(DEFAULT.names()))
            .description(Some("A status of the ticket workflow."))
            .into()
    }
}

impl utoipa::ToSchema for Status {}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a status does to the stock of the ticket's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StockRule {
    /// Parts are only planned; nothing is reserved.
    Plan,
    /// Reserve what is available; a shortage does not block.
    Hold,
    /// Reserve everything; a shortage of a stocked line blocks the transition.
    Require,
    /// Consume the reserved parts; from now on parts cannot change.
    Consume,
    /// Parts may be added again; consumed ones stay consumed.
    Rework,
    /// Parts cannot change.
    Frozen,
    /// Release the reserved parts.
    Release,
}

pub struct StatusRule {
    pub name: &'static str,
    pub terminal: bool,
    pub stock: StockRule,
    pub next: &'static [&'static str],
}

pub struct Workflow {
    statuses: &'static [StatusRule],
}

/// Why a transition is not allowed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("Cannot transition from {from} to {to}")]
pub struct NoEdge {
    pub from: Status,
    pub to: Status,
    pub allowed: Vec<String>,
}

pub const INITIAL: &str = "INTAKE";
pub const PICKED_UP: &str = "PICKED_UP";
pub const VOIDED: &str = "VOIDED";

const fn rule(name: &'static str, stock: StockRule, next: &'static [&'static str]) -> StatusRule {
    StatusRule { name, terminal: next.is_empty(), stock, next }
}

pub static DEFAULT: Workflow = Workflow {
    statuses: &[
        rule("INTAKE", StockRule::Plan, &["TRIAGE", "DIAGNOSTICS", "VOIDED"]),
        rule("TRIAGE", StockRule::Plan, &["DIAGNOSTICS", "VOIDED"]),
        rule(
            "DIAGNOSTICS",
            StockRule::Plan,
            &["WAITING_APPROVAL", "TRIAGE", "IN_REPAIR", "VOIDED"],
        ),
        rule("WAITING_APPROVAL", StockRule::Plan, &["APPROVED", "VOIDED"]),
        rule("APPROVED", StockRule::Hold, &["WAITING_ON_PARTS", "IN_REPAIR", "VOIDED"]),
        rule("WAITING_ON_PARTS", StockRule::Hold, &["IN_REPAIR", "VOIDED"]),
        rule("IN_REPAIR", StockRule::Require, &["QC_REVIEW", "VOIDED"]),
        rule("QC_REVIEW", StockRule::Consume, &["READY_FOR_PICKUP", "QC_FAILED", "VOIDED"]),
        rule("QC_FAILED", StockRule::Rework, &["IN_REPAIR", "VOIDED"]),
        rule("READY_FOR_PICKUP", StockRule::Frozen, &["PICKED_UP", "VOIDED"]),
        rule("PICKED_UP", StockRule::Frozen, &["CLOSED"]),
        rule("CLOSED", StockRule::Frozen, &[]),
        rule("VOIDED", StockRule::Release, &[]),
    ],
};

impl Workflow {
    /// The rule of a status, or `None` if the workflow lacks it.
    pub fn find(&self, status: &str) -> Option<&StatusRule> {
        self.statuses.iter().find(|rule| rule.name == status)
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.statuses.iter().map(|rule| rule.name).collect()
    }

    /// The statuses that lead nowhere.
    pub fn terminal(&self) -> impl Iterator<Item = &'static str> {
        self.statuses.iter().filter(|rule| rule.terminal).map(|rule| rule.name)
    }

    pub fn initial(&self) -> Status {
        Status(INITIAL.to_owned())
    }

    /// Checks that the workflow has an edge from `from` to `to`.
    pub fn check(&self, from: &Status, to: &Status) -> Result<(), NoEdge> {
        let next = self.find(from.as_str()).map_or(&[][..], |rule| rule.next);
        if next.contains(&to.as_str()) {
            return Ok(());
        }
        Err(NoEdge {
            from: from.clone(),
            to: to.clone(),
            allowed: next.iter().map(|name| (*name).to_owned()).collect(),
        })
    }

    /// The stock rule of a status; an unknown one changes nothing.
    pub fn stock(&self, status: &Status) -> StockRule {
        self.find(status.as_str()).map_or(StockRule::Frozen, |rule| rule.stock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(name: &str) -> Status {
        Status(name.to_owned())
    }

    #[test]
    fn edges_lead_to_known_statuses_and_all_are_reachable() {
        let names = DEFAULT.names();
        let mut reached = vec![INITIAL];
        for rule in DEFAULT.statuses {
            for next in rule.next {
                assert!(names.contains(next), "{next} is unknown");
                reached.push(next);
            }
        }
        assert!(names.iter().all(|name| reached.contains(name)));
    }

    #[test]
    fn a_missing_edge_names_what_is_allowed() {
        assert_eq!(DEFAULT.check(&status("INTAKE"), &status("TRIAGE")), Ok(()));
        let error = DEFAULT.check(&status("IN_REPAIR"), &status("INTAKE"));
        assert_eq!(
            error.map_err(|error| (error.to_string(), error.allowed)),
            Err((
                "Cannot transition from IN_REPAIR to INTAKE".to_owned(),
                vec!["QC_REVIEW".to_owned(), "VOIDED".to_owned()]
            ))
        );
    }

    #[test]
    fn terminal_statuses_lead_nowhere() {
        let terminal: Vec<_> =
            DEFAULT.statuses.iter().filter(|rule| rule.terminal).map(|rule| rule.name).collect();
        assert_eq!(terminal, ["CLOSED", "VOIDED"]);
    }
}
