//! Reads everything that a process gets: variables, arguments, folders, standard input. One of them might contain a
//! password.

use repairops_plugin::prelude::*;
use std::io::{IsTerminal, Read};
use std::{env, io};

struct EnvironmentReader;

impl PreTransition for EnvironmentReader {
    type Settings = NoSettings;

    fn check(_: TransitionEvent, _: NoSettings) -> Result<Verdict, PluginError> {
        let variables: Vec<_> = env::vars_os().collect();
        let arguments: Vec<_> = env::args_os().collect();
        let mut input = Vec::new();
        let input = io::stdin().read_to_end(&mut input).map(|_| input).unwrap_or_default();
        let terminals =
            [io::stdin().is_terminal(), io::stdout().is_terminal(), io::stderr().is_terminal()];
        Ok(Verdict::Deny(vec![
            Violation::new("VARIABLES", format!("{variables:?}")),
            Violation::new("ARGUMENTS", format!("{arguments:?}")),
            Violation::new("FOLDER", format!("{:?}", env::current_dir().ok())),
            Violation::new("PROGRAM", format!("{:?}", env::current_exe().ok())),
            Violation::new("INPUT", format!("{input:?}")),
            Violation::new("TERMINALS", format!("{terminals:?}")),
        ]))
    }
}

repairops_plugin::metadata!();
repairops_plugin::export_pre_transition!(EnvironmentReader);
