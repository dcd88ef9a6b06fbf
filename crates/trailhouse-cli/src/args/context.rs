//! The command line of `trailhouse intel`.

use clap::{Args, Subcommand};
use trailhouse_model::EventTime;

use super::parse_time;

#[derive(Debug, Subcommand)]
pub(crate) enum IntelCommand {
    /// List the lists of indicators, and what of them cannot be looked for
    Ls,
    /// Look for every indicator in the history of the lake
    Hunt(HuntArgs),
}

#[derive(Debug, Args)]
pub(crate) struct HuntArgs {
    /// Only events from this time on: RFC 3339, or YYYY-MM-DD (UTC)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) from: Option<EventTime>,
    /// Only events before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) to: Option<EventTime>,
    /// Exit with 1 where an indicator was seen
    #[arg(long)]
    pub(crate) fail_on_match: bool,
}
