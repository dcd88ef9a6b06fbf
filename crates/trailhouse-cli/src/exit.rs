//! The exit codes: what a script may rely on.

use std::process::ExitCode;

use trailhouse_service::FailureKind;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    FailOn,
    Usage,
    Configuration,
    Partial,
    Permission,
    Query,
    Limit,
    Table,
    Temporary,
    Bug,
    Interrupted,
    Terminated,
}

/// Every code with its meaning, as `--help` and the README print it.
pub(crate) const EXIT_CODES: &[(Exit, u8, &str)] = &[
    (Exit::Done, 0, "done; findings may exist"),
    (
        Exit::FailOn,
        1,
        "done, and what you asked to fail on is there (--fail-on, failing cases, lint errors)",
    ),
    (Exit::Usage, 2, "the command line is wrong"),
    (Exit::Configuration, 3, "the configuration or a detection pack is wrong"),
    (
        Exit::Partial,
        4,
        "partial: something was quarantined or could not be read; the rest is stored",
    ),
    (Exit::Permission, 5, "no permission, or no credentials"),
    (Exit::Query, 6, "the query is wrong or failed"),
    (Exit::Limit, 7, "a limit was hit (memory)"),
    (Exit::Table, 8, "the lake is missing, damaged or newer than this build"),
    (Exit::Temporary, 9, "temporarily unavailable: throttled, network; try again"),
    (Exit::Bug, 70, "a bug in trailhouse"),
    (
        Exit::Interrupted,
        130,
        "interrupted at once by a second signal (SIGINT); the lake is consistent",
    ),
    (Exit::Terminated, 143, "ended at once by a second signal (SIGTERM); the lake is consistent"),
];

impl Exit {
    fn code(self) -> u8 {
        EXIT_CODES.iter().find(|(exit, _, _)| *exit == self).map_or(70, |(_, code, _)| *code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<FailureKind> for Exit {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Usage => Self::Usage,
            FailureKind::Configuration => Self::Configuration,
            FailureKind::Permission => Self::Permission,
            FailureKind::Query => Self::Query,
            FailureKind::Limit => Self::Limit,
            FailureKind::Table => Self::Table,
            FailureKind::Temporary => Self::Temporary,
            FailureKind::Interrupted => Self::Interrupted,
            FailureKind::Bug => Self::Bug,
        }
    }
}

/// The table of codes as text, one a line.
pub(crate) fn table() -> String {
    let mut text = String::from("Exit codes:\n");
    for (_, code, meaning) in EXIT_CODES {
        text.push_str(&format!("  {code:>3}  {meaning}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_lists_the_same_codes() {
        let readme = include_str!("../../../README.md");
        for (_, code, meaning) in EXIT_CODES {
            let row = format!("| {code} | {meaning} |");
            assert!(readme.contains(&row), "the README lacks: {row}");
        }
    }
}
