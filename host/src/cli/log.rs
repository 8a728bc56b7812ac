//! The log on standard error: text for people, or one JSON object a line.
//!
//! Invariant: one event is one line, whatever a plugin, a client or a receiver wrote into its fields.

use std::fmt;
use std::io::IsTerminal;

use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Starts to log; `RUST_LOG` selects the level.
pub fn start(default: &str, format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| default.into());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second start in one process fails harmlessly.
    let _ = match format {
        LogFormat::Text => builder.fmt_fields(fields()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

/// Starts to log text like [`start`]. The function that it returns changes the level, unless `RUST_LOG` selects one.
pub fn start_quietly(default: &str) -> impl FnOnce(&str) + use<> {
    let given = EnvFilter::try_from_default_env().ok();
    let is_given = given.is_some();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(given.unwrap_or_else(|| default.into()))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .fmt_fields(fields())
        .with_filter_reloading();
    let handle = builder.reload_handle();
    // A second start in one process fails harmlessly.
    let _ = builder.try_init();
    move |filter| {
        if !is_given {
            let _ = handle.reload(EnvFilter::from(filter));
        }
    }
}

/// `message name=value name="a value with spaces"`.
fn fields() -> impl for<'writer> FormatFields<'writer> + 'static {
    debug_fn(write_field).delimited(" ")
}

fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let text = format!("{value:?}");
    if field.name() == "message" {
        return text.chars().try_for_each(|char| match char {
            char if breaks_lines(char) => write!(writer, "{}", char.escape_default()),
            char => writer.write_char(char),
        });
    }
    if is_one_word(&text) || is_quoted(&text) {
        write!(writer, "{}={text}", field.name())
    } else {
        write!(writer, "{}={text:?}", field.name())
    }
}

/// Control characters, and those that begin a line or turn the direction of writing.
fn breaks_lines(char: char) -> bool {
    char.is_control() || matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_one_word(text: &str) -> bool {
    !text
        .chars()
        .any(|char| char.is_whitespace() || breaks_lines(char) || matches!(char, '"' | '=' | '\\'))
}

/// Whether it is one string literal, as `Debug` writes a text.
fn is_quoted(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return false;
    };
    let mut is_escaped = false;
    for char in inner.chars() {
        match char {
            _ if breaks_lines(char) => return false,
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return false,
            _ => {}
        }
    }
    !is_escaped
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .fmt_fields(fields())
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_text_can_forge_a_line_or_a_field() {
        let forged = "fine\n2026-11-26T10:00:00Z ERROR repairops: request failed";
        let text = logged(|| {
            tracing::info!(plain = forged, shown = %forged, debug = ?forged, "{forged}");
            tracing::info!(shown = %"a organization_id=other", "two");
            tracing::info!(shown = %"\" organization_id=\"other", "three");
            tracing::info!(shown = %"turned \u{202e}round\u{2028}x", "four");
            tracing::info!(shown = %"\x1b[2Jgone", "five");
        });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert!(!text.contains(['\u{202e}', '\u{2028}', '\x1b']), "{text}");
        let quoted = r#""fine\n2026-11-26T10:00:00Z ERROR repairops: request failed""#;
        assert_eq!(lines[0].matches(quoted).count(), 3, "{text}");
        assert!(lines[1].ends_with(r#"two shown="a organization_id=other""#), "{text}");
        assert!(lines[2].ends_with(r#"three shown="\" organization_id=\"other""#), "{text}");
    }

    #[test]
    fn words_and_numbers_stay_as_they_are() {
        let text = logged(
            || tracing::info!(address = %"127.0.0.1:80", plugin = "qc gate", fuel = 7, "serving"),
        );
        assert!(
            text.ends_with("serving address=127.0.0.1:80 plugin=\"qc gate\" fuel=7\n"),
            "{text}"
        );
    }
}
