//! Behaves on each hook as its settings say; `settings.schema.json` lists the choices.

use repairops_plugin::prelude::*;
use serde::Deserialize;
use std::{hint::black_box, time::Duration};

#[derive(Deserialize)]
#[serde(default)]
struct Settings {
    r#do: Do,
    post_create: OnCreate,
    reserve: OnReserve,
    only_to: Option<String>,
    message: String,
    tag: Option<String>,
    severity: Option<String>,
    field: Option<Field>,
    odd: Option<Odd>,
    rounds: u64,
    ms: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Do {
    Allow,
    Deny,
    Warn,
    Error,
    BadOutput,
    Largest,
    Trap,
    Loop,
    Memory,
    Sleep,
    Spin,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OnCreate {
    Patch,
    Error,
    Largest,
    BadPatch,
    Trap,
    Loop,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OnReserve {
    Pass,
    Plan,
    Backorder,
    BadPlan,
    GreedyPlan,
    Error,
    Trap,
    Loop,
}

/// A text that cannot be used, at one place of the answer.
#[derive(Deserialize)]
struct Odd {
    at: String,
    text: OddText,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OddText {
    Nul,
    Blank,
    Long,
}

impl Odd {
    fn text(&self) -> String {
        match self.text {
            OddText::Nul => "a\0b".into(),
            OddText::Blank => " \n\u{a0}".into(),
            OddText::Long => "x".repeat(5_000),
        }
    }
}

/// The odd text if it belongs there, else `usual`.
fn odd_or(odd: &Option<Odd>, at: &str, usual: impl Into<String>) -> String {
    odd.as_ref().filter(|odd| odd.at == at).map_or_else(|| usual.into(), Odd::text)
}

fn odd_at(odd: &Option<Odd>, at: &str) -> Option<String> {
    odd.as_ref().filter(|odd| odd.at == at).map(Odd::text)
}

#[derive(Deserialize)]
struct Field {
    key: String,
    value: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            r#do: Do::Allow,
            post_create: OnCreate::Patch,
            reserve: OnReserve::Pass,
            only_to: None,
            message: "as the settings say".into(),
            tag: None,
            severity: None,
            field: None,
            odd: None,
            rounds: 1_000_000,
            ms: 3_600_000,
        }
    }
}

struct Fickle;

impl PreTransition for Fickle {
    type Settings = Settings;

    fn check(event: TransitionEvent, settings: Settings) -> Result<Verdict, PluginError> {
        if settings.only_to.is_some_and(|only| only != event.to) {
            return Ok(Verdict::Allow);
        }
        let odd = &settings.odd;
        let violation = || Violation {
            code: odd_or(odd, "code", "FICKLE"),
            message: odd_or(odd, "message", settings.message.as_str()),
            field: odd_at(odd, "field"),
        };
        match settings.r#do {
            Do::Allow => {}
            Do::Deny => return Ok(Verdict::Deny(vec![violation()])),
            Do::Warn => return Ok(Verdict::AllowWithWarnings(vec![violation()])),
            Do::Error => return Err(PluginError::Failed(odd_or(odd, "error", settings.message))),
            Do::Largest => return Ok(Verdict::Deny(vec![largest_violation(); 50])),
            Do::BadOutput => return Ok(Verdict::Deny(Vec::new())),
            Do::Trap => panic!("{}", settings.message),
            Do::Loop => spin(u64::MAX),
            Do::Memory => hoard(),
            Do::Sleep => std::thread::sleep(Duration::from_millis(settings.ms)),
            Do::Spin => spin(settings.rounds),
        }
        Ok(Verdict::Allow)
    }
}

impl PostCreate for Fickle {
    type Settings = Settings;

    fn enrich(_: CreationEvent, settings: Settings) -> Result<Patch, PluginError> {
        let severity = match settings.post_create {
            OnCreate::Patch => settings.severity,
            OnCreate::Error => {
                return Err(PluginError::Failed(odd_or(&settings.odd, "error", settings.message)));
            }
            OnCreate::Largest => return Ok(largest_patch()),
            OnCreate::BadPatch => Some("catastrophic".into()),
            OnCreate::Trap => panic!("{}", settings.message),
            OnCreate::Loop => {
                spin(u64::MAX);
                None
            }
        };
        let odd = &settings.odd;
        let field = settings.field.map(|field| CustomField::new(field.key, field.value));
        let odd_field = odd_at(odd, "custom-field").map(|text| CustomField::new("odd", text));
        Ok(Patch {
            tags: settings.tag.into_iter().chain(odd_at(odd, "tag")).collect(),
            severity,
            category: odd_at(odd, "category"),
            internal_note: odd_at(odd, "note"),
            recommended_parts: odd_at(odd, "part").map(|name| vec![name]),
            custom_fields: field.into_iter().chain(odd_field).collect(),
            ..Patch::default()
        })
    }
}

impl ReserveInventory for Fickle {
    type Settings = Settings;

    fn plan(event: ReservationEvent, settings: Settings) -> Result<Decision, PluginError> {
        let lines = event.lines.iter();
        match settings.reserve {
            OnReserve::Pass => Ok(Decision::Pass),
            OnReserve::Plan => {
                let item = first_item(&event)?;
                Ok(Decision::plan(
                    lines.map(|line| Allocation::from_item(&line.part_id, &item.id, line.missing)),
                ))
            }
            OnReserve::Backorder => Ok(Decision::plan(
                lines.map(|line| Allocation::backorder(&line.part_id, line.missing)),
            )),
            OnReserve::BadPlan => Ok(Decision::plan(lines.map(|line| {
                Allocation::from_item(&line.part_id, "00000000-0000-7000-8000-000000000000", 1)
            }))),
            OnReserve::GreedyPlan => {
                let item = first_item(&event)?;
                Ok(Decision::plan(lines.map(|line| {
                    Allocation::from_item(&line.part_id, &item.id, item.available + 1_000)
                })))
            }
            OnReserve::Error => Err(PluginError::Failed(settings.message)),
            OnReserve::Trap => panic!("{}", settings.message),
            OnReserve::Loop => {
                spin(u64::MAX);
                Ok(Decision::Pass)
            }
        }
    }
}

/// The WIT allows no larger one.
fn largest_violation() -> Violation {
    Violation { code: "X".repeat(64), message: "😀".repeat(500), field: Some("😀".repeat(200)) }
}

fn largest_patch() -> Patch {
    let text = |chars: usize, number: usize| format!("{number:03}{}", "😀".repeat(chars - 3));
    let key = |number: usize| format!("{number:064}");
    Patch {
        tags: (0..20).map(|number| text(64, number)).collect(),
        severity: Some("critical".into()),
        category: Some(text(64, 0)),
        estimated_cost: Some(1_000_000_000_000),
        recommended_parts: Some((0..20).map(|number| text(200, number)).collect()),
        assigned_to: None,
        custom_fields: (0..20)
            .map(|number| CustomField::new(key(number), text(1_000, number)))
            .collect(),
        internal_note: Some(text(2_000, 0)),
    }
}

fn first_item(event: &ReservationEvent) -> Result<&StockItem, PluginError> {
    event.stock.first().ok_or_else(|| PluginError::unsupported("the event has no stock"))
}

fn spin(rounds: u64) {
    for round in 0..rounds {
        black_box(round);
    }
}

/// One byte a page, so that memory runs out before fuel does.
fn hoard() {
    let mut hoard = Vec::new();
    while black_box(true) {
        let mut block = Vec::<u8>::with_capacity(1 << 20);
        for page in block.spare_capacity_mut().chunks_mut(4096) {
            page[0].write(black_box(1));
        }
        hoard.push(block);
    }
}

repairops_plugin::metadata! {
    settings_schema: include_str!("../settings.schema.json"),
}
repairops_plugin::export_pre_transition!(Fickle);
repairops_plugin::export_post_create!(Fickle);
repairops_plugin::export_reserve_inventory!(Fickle);
