//! The command line of `trailhouse detect`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use trailhouse_detect::{DetectionId, author::skeleton::SkeletonKind};
use trailhouse_model::{EventTime, Severity};

use super::{alert::SpoolArgs, parse_duration, parse_size, parse_time};

/// Which detections, of one pack or several.
#[derive(Debug, Clone, Args)]
pub(crate) struct PacksArgs {
    /// Folder of a detection pack, or `builtin`; may be repeated; the built-in one where it is left out
    #[arg(long = "pack", value_name = "DIR")]
    pub(crate) packs: Vec<PathBuf>,
}

/// A file that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// The front matter of a detection, as TOML
    Detection,
    /// pack.toml
    Pack,
}

/// A form in which a detection is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowAs {
    /// For a person
    Text,
    /// Its front matter as TOML, for what checks TOML against a schema
    Toml,
    /// Its SQL alone
    Sql,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DetectCommand {
    /// List the detections
    Ls {
        #[command(flatten)]
        packs: PacksArgs,
        /// List the SQL files without front matter instead, which are run by hand
        #[arg(long)]
        queries: bool,
    },
    /// Show one detection: what it is for, its SQL and its runbook
    Show {
        #[command(flatten)]
        packs: PacksArgs,
        /// The detection's id
        id: String,
        /// In which form
        #[arg(long = "as", value_enum, default_value_t = ShowAs::Text, value_name = "FORM")]
        show_as: ShowAs,
    },
    /// Write a new detection from a skeleton: SQL, runbook and cases that pass
    New(NewArgs),
    /// Print the JSON Schema of a file, for editors
    Schema {
        /// Of which file
        #[arg(value_enum, default_value_t = SchemaOf::Detection, value_name = "FILE")]
        of: SchemaOf,
    },
    /// Check front matter, SQL, cases, runbooks and --context files; --format text, sarif, or one of rows
    Lint {
        #[command(flatten)]
        packs: PacksArgs,
        /// Also warn of SQL that other engines do not read alike
        #[arg(long)]
        portable: bool,
    },
    /// Run the cases of the detections
    Test(TestArgs),
    /// Show which ATT&CK techniques the detections find
    Coverage {
        #[command(flatten)]
        packs: PacksArgs,
        /// Show the techniques of IaaS clouds that no detection finds
        #[arg(long)]
        gaps: bool,
        /// Write a layer of the ATT&CK Navigator to a file, - for standard output
        #[arg(long, value_name = "FILE")]
        navigator: Option<PathBuf>,
    },
    /// Say why a detection did or did not find an event, and what it reads
    Explain(ExplainArgs),
    /// Judge what has arrived since each detection's last run
    Run(RunArgs),
    /// Run the detections on their schedule and send alerts, until it is stopped
    Daemon(DaemonArgs),
    /// Judge a stretch of history with some detections; never alerts
    Backfill(BackfillArgs),
    /// Show how far each detection has come, and what is open, late or failed
    Ledger,
    /// Show what each detection took and gave
    Stats {
        /// Only runs of the last 30m, 12h, 7d or 2w
        #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
        last: Option<u32>,
    },
    /// Show the exceptions of the site, and to how many findings each has applied
    Exceptions {
        /// Only runs of the last 30m, 12h, 7d or 2w
        #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
        last: Option<u32>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DaemonArgs {
    #[command(flatten)]
    pub(crate) packs: PacksArgs,
    /// How often detections run that name no time
    #[arg(long, default_value = "5m", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) every: u32,
    /// Move the times of detections apart by up to this; without it those of one interval share a scan
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) jitter: Option<u32>,
    /// The most detections of one round
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) rules_per_round: u16,
    #[command(flatten)]
    pub(crate) limits: RuleLimitArgs,
    #[command(flatten)]
    pub(crate) spool: SpoolArgs,
    /// Where summaries of what was there before are kept; may be deleted at any time
    #[arg(
        long,
        default_value = "./trailhouse-cache",
        env = "TRAILHOUSE_CACHE",
        value_name = "DIR"
    )]
    pub(crate) cache: PathBuf,
    /// Leave small files of the lake alone; otherwise they are put together every hour
    #[arg(long)]
    pub(crate) no_optimize: bool,
    /// Give every detection one turn, send what there is to send, then exit
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BackfillArgs {
    #[command(flatten)]
    pub(crate) packs: PacksArgs,
    /// The detections, by id
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// The first event time: RFC 3339, or YYYY-MM-DD (UTC)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) from: EventTime,
    /// The first event time after it
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) to: EventTime,
    #[command(flatten)]
    pub(crate) limits: RuleLimitArgs,
}

/// The limits of one detection.
#[derive(Debug, Args)]
pub(crate) struct RuleLimitArgs {
    /// The longest that one detection may take; its rows stay open for the next run
    #[arg(long, default_value = "5m", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) rule_timeout: u32,
    /// The most memory that one detection's joins, sorts and groups may take
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) rule_memory: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) packs: PacksArgs,
    /// Only detections whose id contains this
    #[arg(short = 'k', long = "match", value_name = "TEXT")]
    pub(crate) matching: Option<String>,
    /// Judge the whole lake again; findings that are known are not written twice
    #[arg(long)]
    pub(crate) all: bool,
    /// Show only findings of this severity and above
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) min_severity: Option<Severity>,
    /// Exit with 1 where a finding of this run has this severity or a higher one
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Severity>,
    #[command(flatten)]
    pub(crate) limits: RuleLimitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// The id: lower-case words joined by dots; the last one names the files, the one before the theme
    #[arg(value_parser = parse_id)]
    pub(crate) id: DetectionId,
    /// Folder of the pack; made where there is none
    #[arg(long, default_value = "detections", value_name = "DIR")]
    pub(crate) pack: PathBuf,
    /// What it looks for: event, threshold, distinct, sequence, first-seen, list or absence
    #[arg(long, default_value = "event", value_parser = parse_kind, value_name = "KIND")]
    pub(crate) kind: SkeletonKind,
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    pub(crate) packs: PacksArgs,
    /// Only detections whose id, or cases whose id and name, contain this
    #[arg(short = 'k', long = "match", value_name = "TEXT")]
    pub(crate) matching: Option<String>,
    /// Every detection must have so many cases
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub(crate) min_cases: usize,
    /// Also show each case that fires to all other detections, which must find nothing in it
    #[arg(long)]
    pub(crate) cross_noise: bool,
    /// Also write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Also run over harmless traffic: a CloudTrail file or a folder of them
    #[arg(long, value_name = "PATH")]
    pub(crate) benign: Option<PathBuf>,
    /// Findings that one detection may have there; [benign] of pack.toml has the defaults
    #[arg(long, requires = "benign", value_name = "N")]
    pub(crate) budget: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) packs: PacksArgs,
    /// The detection's id
    pub(crate) id: String,
    /// The event
    #[arg(long, value_name = "EVENT_ID")]
    pub(crate) event: Option<String>,
    /// Show the whole plan with its measurements
    #[arg(long)]
    pub(crate) plan: bool,
}

fn parse_id(text: &str) -> Result<DetectionId, String> {
    DetectionId::parse(text).ok_or_else(|| {
        "write lower-case words joined by dots, like acme.s3.bucket-listed".to_owned()
    })
}

fn parse_kind(text: &str) -> Result<SkeletonKind, String> {
    let words: Vec<&str> = SkeletonKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let kind = SkeletonKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    kind.ok_or_else(|| format!("write one of {}", words.join(", ")))
}
