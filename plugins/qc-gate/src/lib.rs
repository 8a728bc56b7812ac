//! Denies QC to a ticket without a technician, findings, work and, above an amount, an approval.

use repairops_plugin::prelude::*;
use serde::Deserialize;

/// The settings of an installation.
#[derive(Deserialize)]
#[serde(default)]
pub struct Settings {
    /// In units of the currency.
    approval_threshold: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { approval_threshold: 200.0 }
    }
}

pub struct QcGate;

impl PreTransition for QcGate {
    type Settings = Settings;

    fn check(event: TransitionEvent, settings: Settings) -> Result<Verdict, PluginError> {
        if event.to != "QC_REVIEW" {
            return Ok(Verdict::Allow);
        }
        let threshold = money_from_number(settings.approval_threshold);
        let violations = [
            technician_missing(&event.ticket),
            findings_missing(&event.ticket),
            work_missing(&event.ticket),
            approval_missing(&event.ticket, threshold),
        ];
        Ok(Verdict::from_violations(violations.into_iter().flatten().collect()))
    }
}

fn technician_missing(ticket: &Ticket) -> Option<Violation> {
    ticket.assigned_to.is_none().then(|| {
        Violation::new(
            "TECHNICIAN_MISSING",
            "Nobody is assigned to this ticket: assign the technician who did the work.",
        )
        .on_field("assigned_to")
    })
}

fn findings_missing(ticket: &Ticket) -> Option<Violation> {
    let findings = ticket.diagnostics.findings.as_deref().unwrap_or_default();
    findings.trim().is_empty().then(|| {
        Violation::new(
            "FINDINGS_MISSING",
            "The diagnostics have no findings: write down what was found.",
        )
        .on_field("diagnostics.findings")
    })
}

fn work_missing(ticket: &Ticket) -> Option<Violation> {
    (ticket.parts.is_empty() && ticket.labor.hours == 0).then(|| {
        Violation::new(
            "WORK_MISSING",
            "The ticket has no parts and 0 hours of labor: enter what was used or done.",
        )
        .on_field("parts")
    })
}

fn approval_missing(ticket: &Ticket, threshold: Money) -> Option<Violation> {
    (ticket.total_cost > threshold && !ticket.has_been("APPROVED")).then(|| {
        Violation::new(
            "APPROVAL_MISSING",
            format!(
                "The ticket costs {}, which is over {}, and the customer has not approved it: ask for the approval first.",
                format_money(ticket.total_cost),
                format_money(threshold),
            ),
        )
        .on_field("timeline")
    })
}

repairops_plugin::metadata! {
    settings_schema: include_str!("../settings.schema.json"),
}
repairops_plugin::export_pre_transition!(QcGate);

#[cfg(test)]
mod tests {
    use super::*;
    use repairops_plugin::{sample, settings};

    fn check(event: TransitionEvent, json: &str) -> Vec<Violation> {
        let settings = settings::parse(json).expect("valid settings");
        match QcGate::check(event, settings).expect("an answer") {
            Verdict::Allow => Vec::new(),
            Verdict::Deny(violations) => violations,
            Verdict::AllowWithWarnings(_) => panic!("this gate does not warn"),
        }
    }

    fn to_qc() -> TransitionEvent {
        sample::transition_event("IN_REPAIR", "QC_REVIEW")
    }

    #[test]
    fn a_complete_ticket_passes() {
        assert_eq!(check(to_qc(), "{}"), []);
    }

    #[test]
    fn everything_missing_is_said_at_once() {
        let mut event = to_qc();
        event.ticket.assigned_to = None;
        event.ticket.diagnostics.findings = Some("  \n".into());
        event.ticket.parts.clear();
        event.ticket.labor.hours = 0;
        event.ticket.timeline.retain(|entry| entry.status != "APPROVED");
        event.ticket.total_cost = 20_001;

        let violations = check(event, "{}");
        let fields: Vec<_> = violations
            .iter()
            .map(|violation| (violation.code.as_str(), violation.field.as_deref()))
            .collect();
        assert_eq!(
            fields,
            [
                ("TECHNICIAN_MISSING", Some("assigned_to")),
                ("FINDINGS_MISSING", Some("diagnostics.findings")),
                ("WORK_MISSING", Some("parts")),
                ("APPROVAL_MISSING", Some("timeline")),
            ]
        );
        assert!(violations[3].message.contains("costs 200.01, which is over 200.00"));
    }

    #[test]
    fn other_transitions_are_not_its_business() {
        let mut event = sample::transition_event("INTAKE", "TRIAGE");
        event.ticket.assigned_to = None;
        assert_eq!(check(event, "{}"), []);
    }

    #[test]
    fn labor_alone_is_work_and_so_are_parts_alone() {
        let mut event = to_qc();
        event.ticket.parts.clear();
        assert_eq!(check(event, "{}"), []);

        let mut event = to_qc();
        event.ticket.labor.hours = 0;
        assert_eq!(check(event, "{}"), []);
    }

    #[test]
    fn the_threshold_itself_needs_no_approval() {
        let mut event = to_qc();
        event.ticket.timeline.retain(|entry| entry.status != "APPROVED");
        event.ticket.total_cost = 17_750;
        assert_eq!(check(event.clone(), r#"{"approval_threshold": 177.50}"#), []);
        assert_eq!(check(event, r#"{"approval_threshold": 177.49}"#)[0].code, "APPROVAL_MISSING");
    }
}
