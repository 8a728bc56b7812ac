//! `settings-check` of WIT 0.2.x: settings in, problems out.

use wasmtime::component::InstancePre;
use wasmtime::{Result, Store};

use self::generated::exports::repairops::plugin::settings_check as wit;
use self::generated::{SettingsCheckPlugin, SettingsCheckPluginPre};
use crate::answer::{Checked, check_problems};
use crate::event;
use crate::guest::Guest;
use crate::hook::{GuestHook, Returned, check_type};
use crate::size;

/// Not by `world_0_2!`: its world imports fewer interfaces than the others.
// Generated code has unchecked function handles after a check, and a style of its own.
#[allow(unsafe_code, unused_qualifications, elided_lifetimes_in_paths, clippy::all)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/0.2.0",
        world: "settings-check-plugin",
        with: {
            "repairops:plugin/log@0.2.0": crate::v0_2::bindings::log,
            "repairops:plugin/limits@0.2.0": crate::v0_2::bindings::limits,
        },
    });
}

/// The check of one component.
pub(super) struct SettingsCheck(SettingsCheckPluginPre<Guest>);

type Checks = std::result::Result<(), Vec<wit::Problem>>;

impl GuestHook for SettingsCheck {
    type Event = event::SettingsEvent;
    type Instance = SettingsCheckPlugin;

    const INTERFACE: &'static str = "repairops:plugin/settings-check@0.2.0";

    fn new(pre: InstancePre<Guest>) -> Result<Self> {
        check_type::<(String,), (Checks,)>(&pre, Self::INTERFACE, "check")?;
        SettingsCheckPluginPre::new(pre).map(Self)
    }

    fn instantiate(&self, store: &mut Store<Guest>) -> Result<SettingsCheckPlugin> {
        self.0.instantiate(store)
    }

    fn call(
        instance: &SettingsCheckPlugin,
        store: &mut Store<Guest>,
        event: &event::SettingsEvent,
    ) -> Result<Returned<Vec<event::SettingsProblem>>> {
        let checked =
            instance.repairops_plugin_settings_check().call_check(store, &event.settings)?;
        let problem =
            |wit::Problem { pointer, message }| event::SettingsProblem { pointer, message };
        // No problem at all is not an error of the plugin, but a refusal without a reason.
        Ok(Ok(match checked {
            Ok(()) => Vec::new(),
            Err(problems) if problems.is_empty() => vec![event::SettingsProblem {
                pointer: String::new(),
                message: "the plugin refuses these settings and does not say why".to_owned(),
            }],
            Err(problems) => problems.into_iter().map(problem).collect(),
        }))
    }

    fn input_bytes(event: &event::SettingsEvent) -> u64 {
        (event.settings.len() + size::EVENT_BYTES) as u64
    }

    fn check(answer: &mut Vec<event::SettingsProblem>) -> Checked {
        check_problems(answer)
    }
}
