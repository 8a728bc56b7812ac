//! Judges as its settings say, and tells what it was shown.

use repairops_plugin::prelude::*;
use serde::Deserialize;
use std::hint::black_box;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Settings {
    pre_create: Do,
    pre_update: Do,
    pre_transition: Do,
    assign_to: Option<String>,
    severity: Option<String>,
    settings_check: Check,
}

#[derive(Clone, Copy, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
enum Do {
    #[default]
    Allow,
    Deny,
    Warn,
    /// Denies, with what it was shown as the message.
    Tell,
    Error,
    Trap,
    Loop,
    BadOutput,
    /// Denies a ticket that was never approved.
    Approved,
    /// Reads every part and tells how many there are.
    Parts,
    /// Tells the time in the shop, and when it is nine o'clock next.
    Time,
    /// Tells what the call may still use.
    Limits,
}

#[derive(Clone, Copy, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
enum Check {
    #[default]
    Fine,
    Refuse,
    NoReason,
    BadOutput,
    Trap,
    Loop,
}

struct Judge;

impl Do {
    /// What does not look at the event.
    fn plain(self, hook: &str) -> Option<Result<Verdict, PluginError>> {
        Some(Ok(match self {
            Do::Allow => Verdict::Allow,
            Do::Deny => Verdict::deny("DENIED", format!("{hook} is denied")),
            Do::Warn => Verdict::warn("WARNED", format!("{hook} is warned of")),
            Do::Error => return Some(Err(PluginError::failed(format!("{hook} has an error")))),
            Do::Trap => panic!("{hook} traps"),
            Do::Loop => loop {
                black_box(0);
            },
            Do::BadOutput => Verdict::Deny(Vec::new()),
            Do::Limits => {
                let left = limits::left();
                told(format!(
                    "fuel {} time_ms {} memory {} log {} host_calls {}",
                    left.fuel, left.time_ms, left.memory_bytes, left.log_bytes, left.host_calls
                ))
            }
            Do::Tell | Do::Approved | Do::Parts | Do::Time => return None,
        }))
    }
}

fn told(text: String) -> Verdict {
    Verdict::deny("TOLD", text.chars().take(500).collect::<String>())
}

fn time_in(shop: &Shop, now: Timestamp) -> Result<Verdict, PluginError> {
    let local = time::local(&shop.time_zone, now)?;
    let next = time::next(&shop.time_zone, 9, 0, now)?;
    let wrong = time::local("Mars/Olympus", now).is_err();
    Ok(told(format!(
        "{:?} {}:{:02}, next {next}, unknown {wrong}",
        local.weekday, local.hour, local.minute
    )))
}

impl PreCreate for Judge {
    type Settings = Settings;

    fn check(event: DraftEvent, settings: Settings) -> Result<Verdict, PluginError> {
        if let Some(verdict) = settings.pre_create.plain("pre-create") {
            return verdict;
        }
        if matches!(settings.pre_create, Do::Time) {
            return time_in(&event.shop, event.now);
        }
        let DraftEvent { draft, customer, actor, shop, .. } = event;
        Ok(told(format!(
            "{} {:?} {} | {} known {} {:?} {:?} | {:?} {} | {} | {}",
            draft.device.identifier,
            draft.device.category,
            draft.issue.description,
            customer.name,
            customer.known.is_some(),
            customer.email,
            customer.phone,
            draft.tags,
            draft
                .custom_fields
                .iter()
                .map(|field| field.key.as_str())
                .collect::<Vec<_>>()
                .join(","),
            actor.name,
            shop.name,
        )))
    }
}

impl PreUpdate for Judge {
    type Settings = Settings;

    fn check(event: UpdateEvent, settings: Settings) -> Result<Verdict, PluginError> {
        if let Some(verdict) = settings.pre_update.plain("pre-update") {
            return verdict;
        }
        let UpdateEvent { before, after, changed, notes, .. } = event;
        Ok(told(format!(
            "{} -> {} | hours {} -> {} | parts {} -> {} | due {} -> {} | {} | {notes:?}",
            before.status,
            after.status,
            before.labor.hours,
            after.labor.hours,
            before.parts.len(),
            after.parts.len(),
            before.balance_due,
            after.balance_due,
            changed.join(","),
        )))
    }
}

impl PreTransition for Judge {
    type Settings = Settings;

    fn check(event: TransitionEvent, settings: Settings) -> Result<Verdict, PluginError> {
        if let Some(verdict) = settings.pre_transition.plain("pre-transition") {
            return verdict;
        }
        let ticket = &event.ticket;
        Ok(match settings.pre_transition {
            Do::Time => return time_in(&event.shop, event.now),
            Do::Approved if ticket.has_been("APPROVED") => Verdict::Allow,
            Do::Approved => Verdict::deny("NOT_APPROVED", "It was never approved."),
            Do::Parts => {
                let read: usize = ticket
                    .parts
                    .iter()
                    .map(|part| {
                        part.name.bytes().map(usize::from).sum::<usize>() + part.quantity as usize
                    })
                    .sum();
                Verdict::warn("READ", format!("{} parts, {read}", ticket.parts.len()))
            }
            _ => {
                let last = ticket.timeline.last();
                told(format!(
                    "paid {} of {} due {} by {} | {} of {} entries, last {:?} {:?} | set {} | {:?}",
                    ticket.amount_paid,
                    ticket.total_cost,
                    ticket.balance_due,
                    ticket
                        .payments
                        .iter()
                        .map(|payment| format!(
                            "{:?} {} {}",
                            payment.kind, payment.method, payment.amount
                        ))
                        .collect::<Vec<_>>()
                        .join(","),
                    ticket.timeline.len(),
                    ticket.timeline_total,
                    last.map(|entry| entry.kind),
                    last.map(|entry| entry.visibility),
                    ticket
                        .field_origins
                        .iter()
                        .map(|origin| format!("{} by {}", origin.field, origin.plugin))
                        .collect::<Vec<_>>()
                        .join(","),
                    event.customer.email,
                ))
            }
        })
    }
}

impl PostCreate for Judge {
    type Settings = Settings;

    fn enrich(_: CreationEvent, settings: Settings) -> Result<Patch, PluginError> {
        Ok(Patch {
            assigned_to: settings.assign_to,
            severity: settings.severity,
            ..Patch::default()
        })
    }
}

impl SettingsCheck for Judge {
    type Settings = Settings;

    fn check(settings: Settings) -> Result<(), Vec<Problem>> {
        log::info!("the settings are checked");
        match settings.settings_check {
            Check::Fine => Ok(()),
            Check::Refuse => Err(vec![
                Problem::at("/assign_to", "nobody can be assigned"),
                Problem::of_all("and more is wrong"),
            ]),
            Check::NoReason => Err(Vec::new()),
            Check::BadOutput => Err(vec![Problem::at("assign_to", "no pointer")]),
            Check::Trap => panic!("the check traps"),
            Check::Loop => loop {
                black_box(0);
            },
        }
    }
}

repairops_plugin::metadata!();
repairops_plugin::export_pre_create!(Judge);
repairops_plugin::export_pre_update!(Judge);
repairops_plugin::export_pre_transition!(Judge);
repairops_plugin::export_post_create!(Judge);
repairops_plugin::export_settings_check!(Judge);
