//! The log on standard error, for people or for machines.
//!
//! Lines quote what attackers wrote: keys, user agents, error texts. So control characters never
//! reach the stream, in neither format, and in text a value cannot look like another field.

mod repeats;

use std::{
    fmt,
    io::{self, Write},
};

use clap::ValueEnum;
use tracing::field::{Field, Visit};
use tracing_subscriber::{
    EnvFilter,
    field::RecordFields,
    fmt::{FormatFields, format::Writer},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};
use trailhouse_query::{escape_json, escape_terminal};
use trailhouse_service::{FailureKind, ServiceError};

pub(crate) use self::repeats::RepeatLimit;

/// What is said to a person goes by this name into a log for machines.
pub(crate) const CONSOLE: &str = "trailhouse::console";
/// Holds the filter, as in `warn,trailhouse=debug`.
const FILTER_VARIABLE: &str = "TRAILHOUSE_LOG";

/// How lines on standard error look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, messages to people included.
    Json,
}

/// Starts the log; what it returns reports what was held back.
pub(crate) fn start(
    format: LogFormat,
    default_filter: &str,
    color: bool,
) -> Result<RepeatLimit, ServiceError> {
    let wanted = std::env::var(FILTER_VARIABLE).ok();
    let wanted = wanted.map(EnvFilter::try_new).transpose();
    // Something must be there to report with.
    let (filter, error) = match wanted {
        Ok(filter) => (filter.unwrap_or_else(|| EnvFilter::new(default_filter)), None),
        Err(error) => (EnvFilter::new(default_filter), Some(error)),
    };
    let limit = RepeatLimit::default();
    let layers = tracing_subscriber::registry();
    match format {
        LogFormat::Text => {
            let text = tracing_subscriber::fmt::layer()
                .fmt_fields(TextFields)
                .with_ansi(color)
                .with_writer(io::stderr);
            layers.with(text).with(filter).with(limit.clone()).init();
        }
        LogFormat::Json => {
            let json = tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .with_writer(|| JsonLines(io::stderr()));
            let console = format!("{CONSOLE}=info").parse().map_err(|error| {
                ServiceError::new(FailureKind::Bug, format!("failed to make a filter: {error}"))
            })?;
            let filter = filter.add_directive(console);
            layers.with(json).with(filter).with(limit.clone()).init();
        }
    }
    match error {
        None => Ok(limit),
        Some(error) => {
            let message = format!("{FILTER_VARIABLE} is not a filter: {error}");
            let error = ServiceError::new(FailureKind::Usage, message);
            Err(error.with_hint("write it like `warn,trailhouse=debug`"))
        }
    }
}

/// Writes the fields of a line as `name=value`, the message first and alone.
struct TextFields;

impl<'writer> FormatFields<'writer> for TextFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = TextVisitor { writer, is_first: true, result: Ok(()) };
        fields.record(&mut visitor);
        visitor.result
    }
}

struct TextVisitor<'writer> {
    writer: Writer<'writer>,
    is_first: bool,
    result: fmt::Result,
}

impl TextVisitor<'_> {
    fn write(&mut self, field: &Field, text: &str) {
        if self.result.is_err() {
            return;
        }
        let space = if self.is_first { "" } else { " " };
        self.is_first = false;
        self.result = match field.name() {
            "message" => write!(self.writer, "{space}{}", escape_terminal(text)),
            name => write!(self.writer, "{space}{name}={}", text_value(text)),
        };
    }
}

impl Visit for TextVisitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field, &format!("{value:?}"));
    }
}

/// Quotes what could be taken for the end of the value.
fn text_value(text: &str) -> String {
    let must_be_quoted = text.is_empty()
        || text.contains(|ch: char| ch.is_whitespace() || matches!(ch, '"' | '=' | '\\'));
    if must_be_quoted {
        escape_terminal(&format!("{text:?}")).into_owned()
    } else {
        escape_terminal(text).into_owned()
    }
}

/// Takes whole lines of JSON and writes them without control characters.
struct JsonLines<W>(W);

impl<W: Write> Write for JsonLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.0.write_all(escape_json(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Ends a line, clears the screen, turns text around, forges a field.
    const HOSTILE: &str = "a\n\u{1b}[2J\u{9b}\u{202e}b\" reason=forged";

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn log_hostile_things() {
        tracing::warn!(key = %HOSTILE, plain = HOSTILE, debug = ?HOSTILE, count = 3, "quarantined");
        tracing::warn!("{HOSTILE}");
    }

    fn assert_harmless(text: &str) {
        assert_eq!(text.lines().count(), 2, "{text}");
        let is_harmful = |ch: char| ch != '\n' && trailhouse_query::is_control(ch);
        assert!(!text.contains(is_harmful), "{text:?}");
    }

    #[test]
    fn text_lines_hold_no_control_character_and_no_forged_field() {
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(TextFields)
            .with_ansi(false)
            .with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, log_hostile_things);
        let text = sink.text();
        assert_harmless(&text);
        let escaped = r#"key="a\n\u{1b}[2J\u{9b}\u{202e}b\" reason=forged" plain="#;
        assert!(text.contains(escaped), "{text}");
        assert!(text.contains(" count=3\n"), "{text}");
    }

    #[test]
    fn json_lines_hold_no_control_character_and_keep_their_values() {
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(move || JsonLines(writer.clone()));
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, log_hostile_things);
        let text = sink.text();
        assert_harmless(&text);
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!((&line["key"], &line["level"]), (&HOSTILE.into(), &"WARN".into()));
    }
}
