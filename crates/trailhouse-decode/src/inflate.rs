//! From the bytes as read to the bytes of JSON text, within a budget.
//!
//! What the bytes are is judged by their first ones, never by a name or a header of the transport.

use std::io::ErrorKind;

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Decompress, FlushDecompress, Status};

use crate::{error::DecodeError, limits::DecodeLimits};

const GZIP_MAGIC: &[u8] = &[0x1F, 0x8B];
const UTF8_MARK: &[u8] = &[0xEF, 0xBB, 0xBF];
/// Deflate has no larger window.
const WINDOW_BITS_MAX: u8 = 15;
/// A text that is larger than its stream promised grows by no less.
const GROWTH_BYTES_MIN: usize = 64 * 1024;
/// How base64 text of a gzip stream begins.
const BASE64_GZIP_START: &[u8] = b"H4sI";

/// Formats that are refused by name, with the bytes they begin with.
const REFUSED: [(&[u8], &str); 4] = [
    (b"BZh", "bzip2"),
    (&[0x28, 0xB5, 0x2F, 0xFD], "zstd"),
    (&[0xFD, b'7', b'z', b'X', b'Z'], "xz"),
    (b"PK\x03\x04", "zip"),
];

/// Fills `out` with the inflated bytes of the object.
pub(crate) fn inflate(
    compressed: &[u8],
    limits: &DecodeLimits,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    out.clear();
    let compressed_bytes = length(compressed);
    if compressed_bytes > limits.compressed_bytes_max {
        let limit_bytes = limits.compressed_bytes_max;
        return Err(DecodeError::CompressedTooLarge { compressed_bytes, limit_bytes });
    }
    if let Some((_, format)) = REFUSED.iter().find(|(magic, _)| compressed.starts_with(magic)) {
        return Err(DecodeError::UnsupportedCompression { format });
    }
    if compressed.starts_with(GZIP_MAGIC) {
        return inflate_members(compressed, &Budget::of(compressed, limits), out);
    }
    if compressed_bytes > limits.inflated_bytes_max {
        return Err(DecodeError::InflatedTooLarge { limit_bytes: limits.inflated_bytes_max });
    }
    out.extend_from_slice(compressed);
    Ok(())
}

/// Returns the text of the inflated bytes: without the byte order mark, and with the base64 of a
/// CloudWatch Logs payload resolved into `out`.
pub(crate) fn resolve_text(limits: &DecodeLimits, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    if out.starts_with(UTF8_MARK) {
        out.drain(..UTF8_MARK.len());
    }
    if is_utf16(out) {
        return Err(DecodeError::Utf16);
    }
    if out.starts_with(BASE64_GZIP_START) {
        out.retain(|byte| !byte.is_ascii_whitespace());
        let payload = STANDARD.decode(&*out).map_err(|_| DecodeError::NotJson)?;
        out.clear();
        inflate_members(&payload, &Budget::of(&payload, limits), out)?;
    }
    Ok(())
}

/// Returns the length of a slice as it is counted and reported.
pub(crate) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

struct Budget {
    inflated_bytes_max: u64,
    on_excess: fn(&DecodeLimits) -> DecodeError,
    limits: DecodeLimits,
}

impl Budget {
    /// Takes the smaller of the absolute limit and what the ratio allows.
    fn of(compressed: &[u8], limits: &DecodeLimits) -> Self {
        let by_ratio = length(compressed)
            .saturating_mul(u64::from(limits.inflate_ratio_max))
            .max(limits.inflate_ratio_grace_bytes);
        if by_ratio < limits.inflated_bytes_max {
            let on_excess = |limits: &DecodeLimits| DecodeError::RatioTooHigh {
                limit: limits.inflate_ratio_max,
            };
            Self { inflated_bytes_max: by_ratio, on_excess, limits: *limits }
        } else {
            let on_excess = |limits: &DecodeLimits| DecodeError::InflatedTooLarge {
                limit_bytes: limits.inflated_bytes_max,
            };
            Self { inflated_bytes_max: limits.inflated_bytes_max, on_excess, limits: *limits }
        }
    }
}

/// Inflates gzip members one after the other. Zeros after the last one are padding.
fn inflate_members(
    compressed: &[u8],
    budget: &Budget,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    reserve_hint(compressed, budget, out);
    let mut rest = compressed;
    loop {
        rest = inflate_member(rest, budget, out)?;
        if rest.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        if !rest.starts_with(GZIP_MAGIC) {
            return Err(DecodeError::TrailingGarbage { bytes: length(rest) });
        }
    }
}

/// Inflates one gzip member behind what `out` has, and returns what follows it. The decompressor
/// writes straight into the free part of `out`, so that all of a small object is one call.
fn inflate_member<'c>(
    compressed: &'c [u8],
    budget: &Budget,
    out: &mut Vec<u8>,
) -> Result<&'c [u8], DecodeError> {
    let mut member = Decompress::new_gzip(WINDOW_BITS_MAX);
    let mut rest = compressed;
    loop {
        let read_before = member.total_in();
        let status = member
            .decompress_vec(rest, out, FlushDecompress::None)
            .map_err(|error| DecodeError::Gzip { source: error.into() })?;
        let read = member.total_in().saturating_sub(read_before);
        rest = usize::try_from(read).ok().and_then(|read| rest.get(read..)).unwrap_or_default();
        if length(out) > budget.inflated_bytes_max {
            return Err((budget.on_excess)(&budget.limits));
        }
        if status == Status::StreamEnd {
            return Ok(rest);
        }
        // It stops for want of room or for want of input.
        if out.len() < out.capacity() {
            return Err(DecodeError::Gzip { source: ErrorKind::UnexpectedEof.into() });
        }
        let left = budget.inflated_bytes_max.saturating_sub(length(out)).saturating_add(1);
        let more = out.len().max(GROWTH_BYTES_MIN);
        out.reserve_exact(usize::try_from(left).map_or(more, |left| left.min(more)));
    }
}

/// Makes room for what the last four bytes of the stream promise, as far as it is believable.
fn reserve_hint(compressed: &[u8], budget: &Budget, out: &mut Vec<u8>) {
    /// Deflate cannot do better.
    const RATIO_CEILING: u64 = 1_032;
    let Some(trailer) = compressed.last_chunk::<4>() else { return };
    let promised = u64::from(u32::from_le_bytes(*trailer))
        .min(budget.inflated_bytes_max)
        .min(length(compressed).saturating_mul(RATIO_CEILING));
    out.reserve(usize::try_from(promised).unwrap_or(0).saturating_add(1));
}

/// UTF-16 has a mark, or a zero byte beside its first ASCII character.
fn is_utf16(text: &[u8]) -> bool {
    matches!(
        text,
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [b'{' | b'[', 0, ..] | [0, b'{' | b'[', ..]
    )
}
