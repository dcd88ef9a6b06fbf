//! The command line of `trailhouse alert`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum AlertCommand {
    /// Check alerts.toml: every sink, with the variables and files that it names
    Check,
    /// Send a test alert to the sinks, or to one of them
    Test {
        /// The sink; all of them where it is left out
        sink: Option<String>,
    },
    /// Send what waits in the spool, once
    Send {
        #[command(flatten)]
        spool: SpoolArgs,
    },
    /// List what waits, and what could not be sent
    Ls {
        #[command(flatten)]
        spool: SpoolArgs,
    },
    /// Let dead letters of a sink wait again
    Retry {
        /// The sink
        sink: String,
        #[command(flatten)]
        spool: SpoolArgs,
    },
    /// Throw dead letters of a sink away; the findings stay in the lake
    Drop {
        /// The sink
        sink: String,
        #[command(flatten)]
        spool: SpoolArgs,
    },
}

/// Which spool.
#[derive(Debug, Args)]
pub(crate) struct SpoolArgs {
    /// Where alerts wait until they are sent
    #[arg(
        long,
        default_value = "./trailhouse-alerts",
        env = "TRAILHOUSE_SPOOL",
        value_name = "DIR"
    )]
    pub(crate) spool: PathBuf,
}
