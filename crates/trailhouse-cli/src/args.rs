//! The command line.

mod alert;
mod context;
mod detect;
mod format;

use std::path::PathBuf;

use clap::{
    Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, error::ErrorKind,
    parser::ValueSource,
};
use trailhouse_model::{EventTime, QuarantineReason};
use trailhouse_service::{Durability, LoopbackAddress, TableName};

pub(crate) use self::{
    alert::AlertCommand,
    context::{HuntArgs, IntelCommand},
    detect::{
        BackfillArgs, DaemonArgs, DetectCommand, ExplainArgs, NewArgs, PacksArgs, RuleLimitArgs,
        RunArgs, SchemaOf, ShowAs, TestArgs,
    },
    format::FormatName,
};
use crate::logging::LogFormat;

/// CloudTrail logs into a Delta lake that you query with SQL and that detections watch.
#[derive(Debug, Parser)]
#[command(name = "trailhouse", version, after_long_help = crate::exit::table(), max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Reads the command line. Ends the program where it is wrong.
    pub(crate) fn read() -> Self {
        let mut command = Self::command();
        let given = command.get_matches_mut();
        let cli = Self::from_arg_matches(&given);
        let cli = cli.unwrap_or_else(|error| error.format(&mut command).exit());
        let names_lake = given.value_source("lake") == Some(ValueSource::CommandLine);
        if names_lake && matches!(cli.command, Command::Demo(_)) {
            let why = "the demo makes a lake of its own, in the folder that --dir names";
            command.error(ErrorKind::ArgumentConflict, why).exit();
        }
        cli
    }
}

/// Flags that mean the same everywhere.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The lake: a folder or s3://bucket/prefix, made where there is none by `ingest` and `watch`
    #[arg(
        long,
        global = true,
        value_name = "URI",
        env = "TRAILHOUSE_LAKE",
        default_value = "./trailhouse-lake"
    )]
    pub(crate) lake: String,
    /// Output format: table, json, ndjson, csv, tsv, parquet or arrow; `detect lint` has text and sarif too
    ///
    /// The default is a table on a terminal and ndjson in a pipe; with -o the file's extension decides.
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) format: Option<FormatName>,
    /// Write the result to a file instead of standard output
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The site's folder: exceptions, overlays, alerts.toml, accounts, assets, lookups, intel, geo
    #[arg(long, global = true, env = "TRAILHOUSE_CONTEXT", value_name = "DIR")]
    pub(crate) context: Option<PathBuf>,
    /// AWS profile
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// AWS region
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Endpoint for S3 and SQS, for stand-ins and private endpoints
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// What a commit to a lake on a local disk survives: a loss of power, or the end of the program only
    #[arg(long, global = true, value_enum, default_value_t = Durable::Fsync, value_name = "HOW")]
    pub(crate) durability: Durable,
    /// Role to assume before using S3 and SQS
    #[arg(long, global = true, value_name = "ARN")]
    pub(crate) role_arn: Option<String>,
    /// Memory that queries may use, such as 512MiB or 2GiB
    #[arg(long, global = true, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) memory: Option<u64>,
    /// Largest object after inflation, such as 1GiB; what is larger goes to quarantine
    #[arg(long, global = true, default_value = "256MiB", value_name = "SIZE", value_parser = parse_size)]
    pub(crate) inflated_limit: u64,
    /// Worker threads; the default is one a core
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Only errors on standard error
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// More on standard error; twice for debugging
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Lines on standard error: text for people, or json with one object a line
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
    /// Colours
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    pub(crate) color: When,
    /// Progress bar
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    pub(crate) progress: When,
}

/// When to do something that suits a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    Auto,
    Always,
    Never,
}

/// How far a commit to a local lake has come when it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durable {
    /// On the disk
    Fsync,
    /// With the operating system, which writes it to the disk some time later
    Os,
}

impl From<Durable> for Durability {
    fn from(durable: Durable) -> Self {
        match durable {
            Durable::Fsync => Self::Fsync,
            Durable::Os => Self::Os,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a small lake from a built-in synthetic organisation and find the attack in it; no AWS, no network
    Demo(DemoArgs),
    /// Store CloudTrail objects: files, folders, globs, s3://bucket/prefix, or - for standard input
    Ingest(IngestArgs),
    /// Follow an SQS queue or a folder until stopped
    Watch(WatchArgs),
    /// Look at what could not be stored, and try it again
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Show what is in the lake and how fresh it is
    Status(StatusArgs),
    /// Run SQL over the lake
    Query(QueryArgs),
    /// Look after the lake's tables
    #[command(subcommand)]
    Table(TableCommand),
    /// Detections: list, show, check and run them
    #[command(subcommand)]
    Detect(DetectCommand),
    /// Alerts: try the sinks out, send what waits, look after what could not be sent
    #[command(subcommand)]
    Alert(AlertCommand),
    /// Indicators of the site: list them, and hunt for them in the history
    #[command(subcommand)]
    Intel(IntelCommand),
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Where to put the sample logs and its lake
    #[arg(long, default_value = "./trailhouse-demo")]
    pub(crate) dir: PathBuf,
    /// Another seed makes another organisation
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct IngestArgs {
    /// Files, folders, globs, s3://bucket/prefix, or - for standard input
    #[arg(required = true, value_name = "SRC")]
    pub(crate) sources: Vec<String>,
    /// Only objects that were delivered at this time or later: RFC 3339, or YYYY-MM-DD (UTC)
    ///
    /// The time of delivery stands in an object's name. It is later than that of its events, by
    /// about five minutes mostly.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) from: Option<EventTime>,
    /// Only objects that were delivered before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) to: Option<EventTime>,
    /// Only objects that were delivered in the last 30m, 12h, 7d or 2w
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with_all = ["from", "to"])]
    pub(crate) last: Option<u32>,
    /// Only objects of this account; may be repeated
    #[arg(long = "account", value_name = "ACCOUNT", value_parser = parse_account)]
    pub(crate) accounts: Vec<String>,
    /// Only objects of this region of the logs; may be repeated
    ///
    /// S3 is asked in the first of them; the region of each bucket is found by itself.
    // The identity of the global flag: that is the same flag with less meaning.
    #[arg(id = "region", long = "region", value_name = "REGION")]
    pub(crate) regions: Vec<String>,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("source").required(true))]
pub(crate) struct WatchArgs {
    /// The queue that receives the bucket's notifications: URL or ARN
    #[arg(long, group = "source", value_name = "URL")]
    pub(crate) queue_url: Option<String>,
    /// A folder to follow in place of a queue
    #[arg(group = "source", value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Store what is there, then exit
    #[arg(long)]
    pub(crate) once: bool,
    /// How long a message stays hidden from others while it is worked on, in seconds
    #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(10..=43_200))]
    pub(crate) visibility_timeout: u32,
    /// Commit at the latest after so many seconds
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub(crate) commit_interval: u32,
    /// Finish or give back what is held within so many seconds once told to stop
    #[arg(long, default_value_t = 25, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub(crate) drain_timeout: u32,
    /// Serve /metrics, /livez, /readyz and /statusz here: a loopback address and a port, 0 for a free one
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<LoopbackAddress>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TableCommand {
    /// Put large files in the place of many small ones; safe beside ingest and detections
    Optimize(OptimizeArgs),
    /// Show what was done to a table, the newest first
    History {
        /// The table
        #[arg(default_value = "events", value_name = "TABLE", value_parser = parse_table)]
        table: TableName,
        /// How many versions
        #[arg(long, default_value_t = 20, value_name = "N")]
        last: usize,
    },
    /// Take out days of events that are too old; without --yes, only say which
    Expire {
        /// How old events may become, in whole days (UTC)
        #[arg(long, default_value = "365d", value_name = "DURATION", value_parser = parse_duration)]
        keep: u32,
        /// Do it
        #[arg(long)]
        yes: bool,
    },
    /// Delete files that no recent version of a table needs; without --yes, only say how many
    Vacuum {
        /// Only this table; may be repeated
        #[arg(long = "table", value_name = "TABLE", value_parser = parse_table)]
        tables: Vec<TableName>,
        /// Versions of this time stay readable; longer than any detection is ever out of work
        #[arg(long, default_value = "7d", value_name = "DURATION", value_parser = parse_duration)]
        keep: u32,
        /// Do it
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct OptimizeArgs {
    /// Only this table; may be repeated
    #[arg(long = "table", value_name = "TABLE", value_parser = parse_table)]
    pub(crate) tables: Vec<TableName>,
    /// The most bytes of files that become one; a file of half of it whose rows are in order stays
    #[arg(long, default_value = "64MiB", value_name = "SIZE", value_parser = parse_size)]
    pub(crate) target_size: u64,
    /// The fewest files that become one; 1 puts the rows of a single file in order, too
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) min_files: u16,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List what is in quarantine
    Ls {
        /// Only what is there for this reason
        #[arg(long, value_parser = parse_reason, value_name = "REASON")]
        reason: Option<QuarantineReason>,
        /// Also what has been stored since
        #[arg(long)]
        all: bool,
    },
    /// Show one entry: its facts, the first bytes of what was refused, and what to do about it
    Show {
        /// The entry, or the first digits that tell it apart
        id: String,
    },
    /// Read the objects again and store what is good now, once
    Retry {
        #[command(flatten)]
        which: EntryArgs,
    },
    /// Take entries out of the table; without --yes, only say which
    Drop {
        #[command(flatten)]
        which: EntryArgs,
        /// Everything that has been stored since
        #[arg(long, group = "which", conflicts_with_all = ["ids", "all"])]
        stored: bool,
        /// Do it
        #[arg(long)]
        yes: bool,
    },
    /// Write the stored bytes and a manifest into a folder
    Export {
        /// The folder; made where there is none
        dir: PathBuf,
        #[command(flatten)]
        which: EntryArgs,
    },
}

/// Which entries of the quarantine.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
pub(crate) struct EntryArgs {
    /// The entries, or the first digits that tell them apart
    #[arg(group = "which", value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Those that wait for a retry for this reason
    #[arg(long, group = "which", value_parser = parse_reason, value_name = "REASON")]
    pub(crate) reason: Option<QuarantineReason>,
    /// Everything that waits for a retry
    #[arg(long, group = "which", conflicts_with = "ids")]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Count the repeats of a large lake too; that reads two columns of all its events
    #[arg(long)]
    pub(crate) repeats: bool,
}

#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    /// The SQL; `-` reads it from standard input
    #[arg(value_name = "SQL", required_unless_present = "file")]
    pub(crate) sql: Option<String>,
    /// Read the SQL from a file, such as a query of a pack
    #[arg(short, long, value_name = "FILE", conflicts_with = "sql")]
    pub(crate) file: Option<PathBuf>,
    /// Rows of a table on a terminal; 0 for all
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub(crate) max_rows: usize,
}

fn parse_time(text: &str) -> Result<EventTime, String> {
    EventTime::parse_rfc3339(text)
        .or_else(|_| EventTime::parse_rfc3339(&format!("{text}T00:00:00Z")))
        .map_err(|_| "it is no time; write 2026-06-01 or 2026-06-01T12:30:00Z".to_owned())
}

/// Reads a duration in seconds.
fn parse_duration(text: &str) -> Result<u32, String> {
    let wrong = || "it is no duration; write 30m, 12h, 7d or 2w".to_owned();
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (digits, unit) = text.split_at(split);
    let seconds: u32 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        "w" => 7 * 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u32 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).filter(|seconds| *seconds > 0).ok_or_else(wrong)
}

fn parse_account(text: &str) -> Result<String, String> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_account { Ok(text.to_owned()) } else { Err("an account has twelve digits".to_owned()) }
}

fn parse_table(text: &str) -> Result<TableName, String> {
    TableName::ALL
        .into_iter()
        .find(|table| table.as_str() == text)
        .ok_or_else(|| format!("it is one of {}", TableName::ALL.map(TableName::as_str).join(", ")))
}

fn parse_reason(text: &str) -> Result<QuarantineReason, String> {
    QuarantineReason::parse(text).ok_or_else(|| {
        let reasons = QuarantineReason::ALL.map(QuarantineReason::as_str).join(", ");
        format!("it is one of {reasons}")
    })
}

fn parse_size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(format!("`{unit}` is not a unit; use KiB, MiB, GiB, kB, MB or GB")),
    };
    let number: u64 =
        digits.parse().map_err(|_| format!("`{text}` is not a size; use 512MiB or 2GiB"))?;
    number.checked_mul(factor).ok_or_else(|| format!("`{text}` is too large"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_and_durations_are_read() {
        let check = |text, expected: Option<&str>| {
            let read = parse_time(text).ok().map(|time| time.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        };
        check("2026-06-01", Some("2026-06-01T00:00:00Z"));
        check("2026-06-01T12:30:00+02:00", Some("2026-06-01T10:30:00Z"));
        check("2026-06-31", None);
        check("yesterday", None);
        assert_eq!(parse_duration("7d"), Ok(604_800));
        assert_eq!(parse_duration("90m"), Ok(5_400));
        for wrong in ["7", "d", "0d", "7 days", "-1d", "9999w"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_region_after_ingest_is_one_of_the_logs() {
        let read = |arguments: &[&str]| {
            let cli = Cli::try_parse_from(arguments).unwrap();
            let Command::Ingest(ingest) = cli.command else { panic!("not an ingest") };
            (cli.global.region, ingest.regions)
        };
        let texts = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let one = read(&["trailhouse", "ingest", "s3://b/", "--region", "x"]);
        assert_eq!(one, (Some("x".to_owned()), texts(&["x"])));
        let two = read(&["trailhouse", "ingest", "s3://b/", "--region", "x", "--region", "y"]);
        assert_eq!(two, (Some("x".to_owned()), texts(&["x", "y"])));
        let none = read(&["trailhouse", "ingest", "s3://b/"]);
        assert_eq!(none, (None, texts(&[])));
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("512MiB"), Ok(512 << 20));
        assert_eq!(parse_size("2gb"), Ok(2_000_000_000));
        assert_eq!(parse_size("17"), Ok(17));
        assert!(parse_size("2 parsecs").is_err());
        assert!(parse_size("99999999999GiB").is_err());
    }
}
