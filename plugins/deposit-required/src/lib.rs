//! Denies the beginning of a costly repair without a deposit.

use repairops_plugin::prelude::*;
use serde::Deserialize;

/// The settings of an installation.
#[derive(Deserialize)]
#[serde(default)]
pub struct Settings {
    statuses: Vec<String>,
    /// In units of the currency.
    from_amount: f64,
    percent: u8,
    exempt_tag: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            statuses: vec!["IN_REPAIR".into()],
            from_amount: 300.0,
            percent: 30,
            exempt_tag: "on-account".into(),
        }
    }
}

pub struct DepositRequired;

impl PreTransition for DepositRequired {
    type Settings = Settings;

    fn check(event: TransitionEvent, settings: Settings) -> Result<Verdict, PluginError> {
        let ticket = &event.ticket;
        let price = ticket.total_cost.max(ticket.diagnostics.estimated_cost.unwrap_or(0));
        let is_asked = settings.statuses.contains(&event.to)
            && price >= money_from_number(settings.from_amount)
            && !ticket.has_tag(&settings.exempt_tag);
        // Rounded up to a hundredth.
        let deposit = (price * Money::from(settings.percent) + 99) / 100;
        if !is_asked || ticket.amount_paid >= deposit {
            return Ok(Verdict::Allow);
        }
        let message = format!(
            "A repair of {} needs a deposit of {} ({} %), of which {} are missing: take the payment first.",
            format_money(price),
            format_money(deposit),
            settings.percent,
            format_money(deposit - ticket.amount_paid),
        );
        Ok(Verdict::from_violations(vec![
            Violation::new("DEPOSIT_MISSING", message).on_field("amount_paid"),
        ]))
    }
}

repairops_plugin::metadata! {
    settings_schema: include_str!("../settings.schema.json"),
}
repairops_plugin::export_pre_transition!(DepositRequired);

#[cfg(test)]
mod tests {
    use super::*;
    use repairops_plugin::{sample, settings};

    /// To IN_REPAIR, with this estimate.
    fn check(ticket: Ticket, estimate: Option<Money>, json: &str) -> Verdict {
        let diagnostics = Diagnostics { estimated_cost: estimate, ..ticket.diagnostics };
        let ticket = Ticket { diagnostics, ..ticket };
        let event = TransitionEvent { ticket, ..sample::transition_event("APPROVED", "IN_REPAIR") };
        let settings = settings::parse(json).expect("valid settings");
        DepositRequired::check(event, settings).expect("an answer")
    }

    fn denial(verdict: Verdict) -> String {
        let Verdict::Deny(violations) = verdict else { panic!("{verdict:?}") };
        violations[0].message.clone()
    }

    #[test]
    fn a_cheap_repair_needs_none() {
        assert_eq!(check(sample::ticket(), None, "{}"), Verdict::Allow);
        assert_eq!(check(sample::ticket(), Some(29_999), "{}"), Verdict::Allow);
    }

    #[test]
    fn the_rejection_says_how_much_is_missing() {
        assert_eq!(
            denial(check(sample::paid_ticket(1_000), Some(30_001), "{}")),
            "A repair of 300.01 needs a deposit of 90.01 (30 %), of which 80.01 are missing: take the payment first."
        );
        assert_eq!(check(sample::paid_ticket(9_001), Some(30_001), "{}"), Verdict::Allow);
    }

    #[test]
    fn the_settings_are_heeded() {
        let all = r#"{"from_amount": 0, "percent": 100}"#;
        denial(check(sample::paid_ticket(17_749), None, all));
        assert_eq!(check(sample::paid_ticket(17_750), None, all), Verdict::Allow);
        let ticket = Ticket { tags: vec!["on-account".into()], ..sample::ticket() };
        assert_eq!(check(ticket, Some(50_000), "{}"), Verdict::Allow);
        assert_eq!(
            check(sample::ticket(), Some(50_000), r#"{"statuses": ["QC_REVIEW"]}"#),
            Verdict::Allow
        );
    }
}
