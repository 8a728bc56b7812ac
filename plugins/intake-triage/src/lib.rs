//! Reads the intake text: category, severity, tags and an estimate from the price list.

mod rules;
mod text;

use repairops_plugin::prelude::*;
use rules::{CATEGORIES, CategoryRule, TAGS};
use serde::Deserialize;
use text::Text;

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    prices: Vec<Price>,
}

/// A line of the price list.
#[derive(Deserialize)]
struct Price {
    /// Part of the device's name, or its category. `None` matches every device.
    device: Option<String>,
    /// An issue category. `None` matches every issue.
    category: Option<String>,
    /// In units of the currency.
    price: f64,
    #[serde(default)]
    parts: Vec<String>,
}

struct IntakeTriage;

impl PostCreate for IntakeTriage {
    type Settings = Settings;

    fn enrich(event: CreationEvent, settings: Settings) -> Result<Patch, PluginError> {
        let ticket = event.ticket;
        let description = text::normalize(&ticket.issue.description);
        let text = Text::new(&description);
        let mut patch = Patch::default();
        let mut reasons = Vec::new();

        let mut severity = None;
        if let Some((rule, phrase)) = find_category(&text) {
            severity = Some(rule.severity);
            if ticket.issue.category.is_none() {
                reasons.push(format!("category {} (\"{phrase}\")", rule.category));
                patch.category = Some(rule.category.into());
            }
        }
        for rule in &TAGS {
            let Some(phrase) = text.find(rule.phrases) else { continue };
            severity = severity.max(rule.severity);
            if !ticket.has_tag(rule.tag) {
                reasons.push(format!("tag {} (\"{phrase}\")", rule.tag));
                patch.tags.push(rule.tag.into());
            }
        }
        if let (Some(severity), None) = (severity, &ticket.issue.severity) {
            reasons.push(format!("severity {}", severity.as_str()));
            patch.severity = Some(severity.as_str().into());
        }

        let category = patch.category.as_deref().or(ticket.issue.category.as_deref());
        if let Some(price) =
            settings.prices.iter().find(|price| price.fits(&ticket.device, category))
        {
            price.add_to(&ticket.diagnostics, &mut patch, &mut reasons);
        }
        if !reasons.is_empty() {
            patch.internal_note =
                Some(format!("Read from the intake text: {}.", reasons.join(", ")));
        }
        Ok(patch)
    }
}

fn find_category(text: &Text<'_>) -> Option<(&'static CategoryRule, &'static str)> {
    CATEGORIES.iter().find_map(|rule| Some((rule, text.find(rule.phrases)?)))
}

impl Price {
    fn fits(&self, device: &Device, category: Option<&str>) -> bool {
        let device_fits = self.device.as_ref().is_none_or(|wanted| {
            let wanted = wanted.to_lowercase();
            let is_category = |category: &String| category.to_lowercase() == wanted;
            device.identifier.to_lowercase().contains(&wanted)
                || device.category.as_ref().is_some_and(is_category)
        });
        let category_fits = self.category.as_deref().is_none_or(|wanted| {
            category.is_some_and(|present| present.eq_ignore_ascii_case(wanted))
        });
        device_fits && category_fits
    }

    /// Fields that the ticket already has are kept.
    fn add_to(&self, diagnostics: &Diagnostics, patch: &mut Patch, reasons: &mut Vec<String>) {
        if diagnostics.estimated_cost.is_none() {
            let cost = money_from_number(self.price);
            let device = self.device.as_deref().unwrap_or("any device");
            let category = self.category.as_deref().unwrap_or("any issue");
            reasons.push(format!(
                "estimate {} (price list: {device}, {category})",
                format_money(cost)
            ));
            patch.estimated_cost = Some(cost);
        }
        if diagnostics.recommended_parts.is_empty() && !self.parts.is_empty() {
            patch.recommended_parts = Some(self.parts.clone());
        }
    }
}

repairops_plugin::metadata! {
    settings_schema: include_str!("../settings.schema.json"),
}
repairops_plugin::export_post_create!(IntakeTriage);

#[cfg(test)]
mod tests {
    use super::*;
    use repairops_plugin::{sample, settings};

    const PRICES: &str = r#"{"prices": [
        {"device": "macbook", "category": "liquid_damage", "price": 149},
        {"device": "phone", "category": "physical_damage", "price": 259.99, "parts": ["Screen"]},
        {"device": "laptop", "price": 90},
        {"category": "house_call", "price": 75}
    ]}"#;

    fn enrich(event: CreationEvent) -> Patch {
        let settings = settings::parse(PRICES).expect("valid settings");
        IntakeTriage::enrich(event, settings).expect("a patch")
    }

    fn triage(description: &str) -> Patch {
        enrich(sample::creation_event("MacBook Pro 16\"", description))
    }

    /// Category, severity and tags.
    fn found(description: &str) -> (Option<String>, Option<String>, Vec<String>) {
        let patch = triage(description);
        (patch.category, patch.severity, patch.tags)
    }

    fn expected(
        category: &str,
        severity: &str,
        tags: &[&str],
    ) -> (Option<String>, Option<String>, Vec<String>) {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        (Some(category.into()), Some(severity.into()), tags)
    }

    #[test]
    fn the_reference_s_ticket() {
        let patch = triage("Won't turn on, possible liquid damage");
        assert_eq!(
            patch,
            Patch {
                category: Some("liquid_damage".into()),
                severity: Some("high".into()),
                tags: vec!["liquid-damage".into()],
                estimated_cost: Some(14_900),
                internal_note: Some(
                    "Read from the intake text: category liquid_damage (\"liquid damage\"), \
                     tag liquid-damage (\"liquid damage\"), severity high, \
                     estimate 149.00 (price list: macbook, liquid_damage)."
                        .into()
                ),
                ..Patch::default()
            }
        );
    }

    #[test]
    fn what_customers_say() {
        assert_eq!(found("Cracked screen"), expected("physical_damage", "medium", &[]));
        assert_eq!(
            found("Dropped it, no liquid damage. Still under warranty!"),
            expected("physical_damage", "medium", &["warranty"])
        );
        assert_eq!(
            found("Screen shattered and I have NO BACKUP"),
            expected("physical_damage", "high", &["data-at-risk"])
        );
        assert_eq!(found("The battery is swollen"), expected("hazard", "critical", &[]));
        assert_eq!(found("No power, out of warranty"), expected("power", "high", &[]));
        assert_eq!(found("Very slow since the last update"), expected("software", "low", &[]));
        assert_eq!(found("Hello there"), (None, None, vec![]));
    }

    #[test]
    fn what_is_there_stays() {
        let mut event = sample::creation_event("iPhone 14", "Fell into the sink");
        event.ticket.issue.category = Some("physical_damage".into());
        event.ticket.issue.severity = Some("low".into());
        event.ticket.tags = vec!["liquid-damage".into()];
        event.ticket.diagnostics.estimated_cost = Some(1);
        event.ticket.diagnostics.recommended_parts = vec!["Mine".into()];
        assert_eq!(enrich(event), Patch::default());
    }

    #[test]
    fn the_first_price_that_fits() {
        let patch = enrich(sample::creation_event("iPhone 14", "Cracked"));
        assert_eq!(patch.estimated_cost, Some(25_999));
        assert_eq!(patch.recommended_parts, Some(vec!["Screen".into()]));

        let mut event = sample::creation_event("ThinkPad X1", "Cracked");
        assert_eq!(enrich(event.clone()).estimated_cost, None);
        event.ticket.device.category = Some("Laptop".into());
        assert_eq!(enrich(event.clone()).estimated_cost, Some(9_000));

        event.ticket.device.category = None;
        event.ticket.issue.category = Some("house_call".into());
        assert_eq!(enrich(event).estimated_cost, Some(7_500));
    }
}
