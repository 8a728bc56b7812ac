//! Denies the hand-over of a device that is not paid.

use repairops_plugin::prelude::*;
use serde::Deserialize;

/// The settings of an installation.
#[derive(Deserialize)]
#[serde(default)]
pub struct Settings {
    statuses: Vec<String>,
    /// In units of the currency.
    tolerance: f64,
    exempt_tag: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { statuses: vec!["PICKED_UP".into()], tolerance: 0.0, exempt_tag: "on-account".into() }
    }
}

pub struct PayBeforePickup;

impl PreTransition for PayBeforePickup {
    type Settings = Settings;

    fn check(event: TransitionEvent, settings: Settings) -> Result<Verdict, PluginError> {
        let ticket = &event.ticket;
        let is_asked = settings.statuses.contains(&event.to);
        if !is_asked || ticket.balance_due <= money_from_number(settings.tolerance) {
            return Ok(Verdict::Allow);
        }
        let due = format_money(ticket.balance_due);
        if ticket.has_tag(&settings.exempt_tag) {
            return Ok(Verdict::warn(
                "PAYMENT_OPEN",
                format!("{due} are still open on this account."),
            ));
        }
        let paid = match ticket.payments.len() {
            0 => "nothing was paid yet".to_owned(),
            _ => format!(
                "{} of {} were paid",
                format_money(ticket.amount_paid),
                format_money(ticket.total_cost)
            ),
        };
        let message = format!("{due} are still to be paid ({paid}): take the payment first.");
        Ok(Verdict::from_violations(vec![
            Violation::new("PAYMENT_DUE", message).on_field("balance_due"),
        ]))
    }
}

repairops_plugin::metadata! {
    settings_schema: include_str!("../settings.schema.json"),
}
repairops_plugin::export_pre_transition!(PayBeforePickup);

#[cfg(test)]
mod tests {
    use super::*;
    use repairops_plugin::{sample, settings};

    fn check(ticket: Ticket, to: &str, json: &str) -> Verdict {
        let event = TransitionEvent { ticket, ..sample::transition_event("READY_FOR_PICKUP", to) };
        let settings = settings::parse(json).expect("valid settings");
        PayBeforePickup::check(event, settings).expect("an answer")
    }

    fn denial(verdict: Verdict) -> String {
        let Verdict::Deny(violations) = verdict else { panic!("{verdict:?}") };
        assert_eq!(violations[0].field.as_deref(), Some("balance_due"));
        violations[0].message.clone()
    }

    #[test]
    fn a_ticket_that_is_paid_passes() {
        assert_eq!(check(sample::paid_ticket(17_750), "PICKED_UP", "{}"), Verdict::Allow);
        assert_eq!(check(sample::paid_ticket(20_000), "PICKED_UP", "{}"), Verdict::Allow);
        assert_eq!(check(sample::ticket(), "READY_FOR_PICKUP", "{}"), Verdict::Allow);
    }

    #[test]
    fn the_rejection_says_what_is_left() {
        let message = denial(check(sample::ticket(), "PICKED_UP", "{}"));
        assert_eq!(
            message,
            "177.50 are still to be paid (nothing was paid yet): take the payment first."
        );
        let message = denial(check(sample::paid_ticket(10_000), "PICKED_UP", "{}"));
        assert_eq!(
            message,
            "77.50 are still to be paid (100.00 of 177.50 were paid): take the payment first."
        );
    }

    #[test]
    fn the_settings_are_heeded() {
        let json = r#"{"tolerance": 0.5}"#;
        assert_eq!(check(sample::paid_ticket(17_700), "PICKED_UP", json), Verdict::Allow);
        denial(check(sample::paid_ticket(17_699), "PICKED_UP", json));
        denial(check(
            sample::ticket(),
            "READY_FOR_PICKUP",
            r#"{"statuses": ["READY_FOR_PICKUP"]}"#,
        ));
        let ticket = Ticket { tags: vec!["on-account".into()], ..sample::ticket() };
        let Verdict::AllowWithWarnings(warnings) = check(ticket, "PICKED_UP", "{}") else {
            panic!("no warning")
        };
        assert_eq!(warnings[0].message, "177.50 are still open on this account.");
    }
}
