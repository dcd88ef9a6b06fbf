//! Why a whole object could not be decoded.

use trailhouse_model::{Classify, Disposition, QuarantineReason};

/// Why no row was made of an object. Decoding the same bytes again ends the same way.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The object as read is too large.
    #[error("object of {compressed_bytes} bytes exceeds {limit_bytes} bytes")]
    CompressedTooLarge {
        /// Its size.
        compressed_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// The inflated object is too large.
    #[error("inflated object exceeds {limit_bytes} bytes")]
    InflatedTooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The object inflates to suspiciously many times its size.
    #[error("object inflates to more than {limit} times its compressed size")]
    RatioTooHigh {
        /// The limit.
        limit: u32,
    },
    /// The object has too many records.
    #[error("object has more than {limit} records")]
    TooManyRecords {
        /// The limit.
        limit: u32,
    },
    /// The object has too many records that cannot become rows.
    #[error("object has more than {limit} bad records")]
    TooManyRejects {
        /// The limit.
        limit: u32,
    },
    /// The values of one column together are too large for one batch.
    #[error("values of one column exceed {limit_bytes} bytes")]
    ColumnTooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The gzip stream is broken or cut off.
    #[error("failed to inflate gzip stream")]
    Gzip {
        /// What the decompressor says.
        source: std::io::Error,
    },
    /// Bytes that belong to nothing follow the gzip stream.
    #[error("gzip stream is followed by {bytes} bytes of something else")]
    TrailingGarbage {
        /// How many.
        bytes: u64,
    },
    /// The JSON text ends in the middle of a value.
    #[error("JSON text ends in the middle of a value")]
    Truncated,
    /// Compressed in a way that CloudTrail does not use.
    #[error("object is compressed with {format}, only gzip is supported")]
    UnsupportedCompression {
        /// The name of the format.
        format: &'static str,
    },
    /// The text is UTF-16.
    #[error("object is UTF-16 text, only UTF-8 is supported")]
    Utf16,
    /// Nothing in the object is JSON.
    #[error("object is not JSON")]
    NotJson,
}

impl DecodeError {
    pub(crate) fn column_too_large() -> Self {
        Self::ColumnTooLarge { limit_bytes: u64::from(i32::MAX.unsigned_abs()) }
    }

    /// Returns the reason under which the object goes to quarantine.
    pub fn reason(&self) -> QuarantineReason {
        match self {
            Self::CompressedTooLarge { .. }
            | Self::InflatedTooLarge { .. }
            | Self::RatioTooHigh { .. }
            | Self::TooManyRecords { .. }
            | Self::TooManyRejects { .. }
            | Self::ColumnTooLarge { .. } => QuarantineReason::LimitExceeded,
            Self::Gzip { .. } | Self::TrailingGarbage { .. } | Self::Truncated => {
                QuarantineReason::Corrupt
            }
            Self::UnsupportedCompression { .. } => QuarantineReason::UnsupportedCompression,
            Self::Utf16 | Self::NotJson => QuarantineReason::NotCloudTrail,
        }
    }
}

impl Classify for DecodeError {
    fn disposition(&self) -> Disposition {
        Disposition::Quarantine
    }
}
