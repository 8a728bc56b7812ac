//! What a bench requires, and whether it was so.

use anyhow::bail;

#[derive(Default)]
pub struct Verdict {
    lines: Vec<(bool, String)>,
}

impl Verdict {
    pub fn require(&mut self, is_met: bool, text: String) {
        self.lines.push((is_met, text));
    }

    /// Prints all lines. An error, and with it the exit code 1, if one of them failed.
    pub fn conclude(self) -> anyhow::Result<()> {
        println!();
        for (is_met, text) in &self.lines {
            println!("{} {text}", if *is_met { "PASS" } else { "FAIL" });
        }
        match self.lines.iter().filter(|(is_met, _)| !is_met).count() {
            0 => Ok(()),
            failed => bail!("{failed} of {} requirements are not met", self.lines.len()),
        }
    }
}
