//! Everything that reaches a person: messages, colours, the progress bar, and the output stream.

use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal, Write},
    path::Path,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use owo_colors::OwoColorize;
use trailhouse_model::Severity;
use trailhouse_query::{Format, escape_terminal};
use trailhouse_service::{FailureKind, LineWriter, ServiceError};

use crate::{
    args::{FormatName, Global, When},
    logging::{self, CONSOLE, LogFormat, RepeatLimit},
};

/// How to speak to whoever started the program.
pub(crate) struct Terminal {
    quiet: bool,
    verbose: u8,
    color: bool,
    progress: bool,
    log_format: LogFormat,
}

impl Terminal {
    /// Settles colours and progress from the flags, the environment and what is connected.
    pub(crate) fn new(global: &Global) -> Self {
        let log_format = global.log_format;
        let on_terminal = io::stderr().is_terminal() && log_format == LogFormat::Text;
        let color = match global.color {
            When::Always => true,
            When::Never => false,
            When::Auto => on_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        };
        let progress = match global.progress {
            When::Always => true,
            When::Never => false,
            When::Auto => on_terminal && !global.quiet && std::env::var_os("CI").is_none(),
        };
        Self { quiet: global.quiet, verbose: global.verbose, color, progress, log_format }
    }

    /// Starts the log on standard error.
    pub(crate) fn start_logging(&self) -> Result<RepeatLimit, ServiceError> {
        let default = match (self.quiet, self.verbose) {
            (true, _) => "error",
            (false, 0) => "warn",
            (false, 1) => "warn,trailhouse=info",
            (false, _) => "info,trailhouse=debug",
        };
        // The Delta kernel logs an error for every table that it is asked for and does not find, and
        // the AWS chain a warning for every place that has no credentials.
        let quiet = format!("{default},buoyant_kernel=off,aws_config=error");
        logging::start(self.log_format, &quiet, self.color)
    }

    /// Says something that is good to know.
    pub(crate) fn say(&self, text: &str) {
        if self.quiet {
            return;
        }
        match self.log_format {
            LogFormat::Text => write_line(&safe(text)),
            LogFormat::Json => tracing::info!(target: CONSOLE, "{text}"),
        }
    }

    /// Warns.
    pub(crate) fn warn(&self, text: &str) {
        if self.quiet {
            return;
        }
        match self.log_format {
            LogFormat::Text => {
                let word = "warning";
                let head =
                    if self.color { word.yellow().bold().to_string() } else { word.to_owned() };
                write_line(&format!("{head}: {}", safe(text)));
            }
            LogFormat::Json => tracing::warn!(target: CONSOLE, "{text}"),
        }
    }

    /// Reports what ended the command, with what to do about it.
    pub(crate) fn error(&self, message: &str, hint: Option<&str>) {
        let message = message.strip_prefix("error: ").unwrap_or(message);
        if self.log_format == LogFormat::Json {
            tracing::error!(target: CONSOLE, hint, "{message}");
            return;
        }
        let head = if self.color { "error".red().bold().to_string() } else { "error".into() };
        // A mistake in a file has a code behind the word.
        match message.strip_prefix("error[") {
            Some(rest) => write_line(&format!("{head}[{}", safe(rest))),
            None => write_line(&format!("{head}: {}", safe(message))),
        }
        if let Some(hint) = hint {
            write_line(&format!("  help: {}", safe(hint)));
        }
    }

    /// Writes to standard output what is data for a person to read. A reader that went away is no
    /// error: it has seen what it wanted.
    pub(crate) fn print(&self, text: &str) -> Result<(), ServiceError> {
        self.print_lines(&[Line::Plain(text.to_owned())])
    }

    /// Writes lines to standard output as [`Terminal::print`] does.
    pub(crate) fn print_lines(&self, lines: &[Line]) -> Result<(), ServiceError> {
        let mut text = String::new();
        for line in lines {
            match line {
                Line::Plain(plain) => text.push_str(&safe(plain)),
                Line::Graded(severity, rest) => {
                    text.push_str(&format!("  {}  {}", self.severity(*severity), safe(rest)));
                }
            }
            text.push('\n');
        }
        match anstream::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let message = format!("failed to write to standard output: {error}");
                Err(ServiceError::new(FailureKind::Usage, message))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Paints the word of a severity, padded to the longest one.
    fn severity(&self, severity: Severity) -> String {
        let word = format!("{severity:<8}");
        if !self.color {
            return word;
        }
        match severity {
            Severity::Critical => word.magenta().bold().to_string(),
            Severity::High => word.red().bold().to_string(),
            Severity::Medium => word.yellow().to_string(),
            Severity::Low => word.blue().to_string(),
            Severity::Info => word.dimmed().to_string(),
        }
    }

    /// Makes the bar for so many objects; hidden where nobody would see it.
    pub(crate) fn progress_bar(&self, objects: Option<u64>) -> ProgressBar {
        if !self.progress {
            return ProgressBar::with_draw_target(objects, ProgressDrawTarget::hidden());
        }
        let bar = ProgressBar::with_draw_target(objects, ProgressDrawTarget::stderr());
        let template = if objects.is_some() {
            "[{elapsed_precise}] {bar:28} {human_pos}/{human_len} objects   {msg}"
        } else {
            "[{elapsed_precise}] {spinner} {human_pos} objects   {msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

/// A line for standard output.
pub(crate) enum Line {
    Plain(String),
    /// The word of a severity in its colour, then the rest.
    Graded(Severity, String),
}

/// Escapes what could reach a terminal as a command; line breaks stay.
fn safe(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(escape_terminal).collect();
    lines.join("\n")
}

/// Where a result goes and in which format.
pub(crate) struct OutputTarget {
    pub(crate) format: Format,
    pub(crate) writer: Box<dyn Write + Send>,
    pub(crate) width: Option<usize>,
}

impl OutputTarget {
    /// Opens the output that the flags name.
    pub(crate) fn open(global: &Global) -> Result<Self, ServiceError> {
        let rows = global.format.map(FormatName::rows);
        if rows == Some(None) {
            let message = "text and sarif are formats of `detect lint` only";
            return Err(ServiceError::new(FailureKind::Usage, message));
        }
        match &global.output {
            Some(path) => Self::file(path, rows.flatten()),
            None => Self::standard(rows.flatten()),
        }
    }

    fn file(path: &Path, format: Option<Format>) -> Result<Self, ServiceError> {
        let format = format.or_else(|| Format::from_extension(path)).unwrap_or(Format::Ndjson);
        let file = File::create(path).map_err(|error| {
            let message = format!("failed to create `{}`: {error}", path.display());
            ServiceError::new(FailureKind::Usage, message)
        })?;
        Ok(Self { format, writer: Box::new(BufWriter::new(file)), width: None })
    }

    fn standard(format: Option<Format>) -> Result<Self, ServiceError> {
        let stdout = io::stdout();
        let on_terminal = stdout.is_terminal();
        let format = format.unwrap_or(if on_terminal { Format::Table } else { Format::Ndjson });
        if on_terminal && format.is_binary() {
            let message = "a binary format does not go to a terminal";
            return Err(ServiceError::new(FailureKind::Usage, message)
                .with_hint("add -o FILE, or send the output to a pipe"));
        }
        let width = on_terminal.then(terminal_width);
        Ok(Self { format, writer: Box::new(BufWriter::new(stdout)), width })
    }
}

fn terminal_width() -> usize {
    const WIDTH_MIN: usize = 40;
    let from_environment = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let measured = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    from_environment.or_else(measured).unwrap_or(100).max(WIDTH_MIN)
}

fn write_line(text: &str) {
    // Standard error may be closed; there is nobody left to tell.
    let written = writeln!(anstream::stderr(), "{text}");
    drop(written);
}

/// Standard output for alerts.
pub(crate) struct Stdout;

impl LineWriter for Stdout {
    fn write(&self, lines: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(lines.as_bytes())?;
        out.flush()
    }
}
