//! The names that `--format` takes.

use std::str::FromStr;

use trailhouse_query::Format;

/// A format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormatName {
    /// Rows, as every command can write them.
    Rows(Format),
    /// Text for a person.
    Text,
    /// SARIF 2.1.0.
    Sarif,
}

impl FormatName {
    /// Returns the format of rows that it names.
    pub(crate) fn rows(self) -> Option<Format> {
        match self {
            Self::Rows(format) => Some(format),
            Self::Text | Self::Sarif => None,
        }
    }
}

impl FromStr for FormatName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "sarif" => Ok(Self::Sarif),
            _ => text
                .parse()
                .map(Self::Rows)
                .map_err(|error: trailhouse_query::FormatError| error.to_string()),
        }
    }
}
