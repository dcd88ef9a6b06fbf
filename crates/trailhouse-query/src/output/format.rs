//! The names of the output formats.

use std::{fmt, path::Path, str::FromStr};

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Aligned columns for people. Text is cut to the width and escaped.
    Table,
    /// One JSON array of objects.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated values that a spreadsheet takes for text.
    Csv,
    /// Tab-separated values with backslash escapes.
    Tsv,
    /// A Parquet file.
    Parquet,
    /// An Arrow IPC file.
    Arrow,
    /// An Arrow IPC stream, for a pipe.
    ArrowStream,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 8] = [
        Self::Table,
        Self::Json,
        Self::Ndjson,
        Self::Csv,
        Self::Tsv,
        Self::Parquet,
        Self::Arrow,
        Self::ArrowStream,
    ];

    /// Returns the name that options take.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::ArrowStream => "arrow-stream",
        }
    }

    /// Says whether the output is bytes that no terminal should get.
    pub fn is_binary(self) -> bool {
        match self {
            Self::Parquet | Self::Arrow | Self::ArrowStream => true,
            Self::Table | Self::Json | Self::Ndjson | Self::Csv | Self::Tsv => false,
        }
    }

    /// Guesses the format from the extension of a file name.
    pub fn from_extension(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "txt" => Some(Self::Table),
            "json" => Some(Self::Json),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "csv" => Some(Self::Csv),
            "tsv" | "tab" => Some(Self::Tsv),
            "parquet" | "pq" => Some(Self::Parquet),
            "arrow" | "feather" | "ipc" => Some(Self::Arrow),
            "arrows" => Some(Self::ArrowStream),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text names no output format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a format; use table, json, ndjson, csv, tsv, parquet, arrow or arrow-stream"
)]
pub struct FormatError {
    /// What stood there.
    pub text: String,
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| FormatError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for format in Format::ALL {
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        assert!("xlsx".parse::<Format>().is_err());
    }

    #[test]
    fn extensions_name_formats() {
        assert_eq!(Format::from_extension(Path::new("a/b.JSONL")), Some(Format::Ndjson));
        assert_eq!(Format::from_extension(Path::new("a.parquet")), Some(Format::Parquet));
        assert_eq!(Format::from_extension(Path::new("a.docx")), None);
        assert_eq!(Format::from_extension(Path::new("a")), None);
    }
}
