//! From the bytes as read to the bytes of JSON text, within a budget.
//!
//! What the bytes are is judged by their first ones, never by a name or a header of the transport.
//! An object as it is delivered is one gzip member that ends with its size; libdeflate inflates it in
//! one go. All else, and what is damaged, is inflated piece by piece, which says what is wrong.

use std::io::ErrorKind;

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Decompress, FlushDecompress, Status};
use libdeflater::Decompressor;
use memchr::memmem;

use crate::{error::DecodeError, limits::DecodeLimits};

const GZIP_MAGIC: &[u8] = &[0x1F, 0x8B];
/// The flag of a header that ends with a checksum of its own, which libdeflate passes over.
const HEADER_CHECKSUM: u8 = 0x02;
/// Bytes at the end of a member that say to how many it inflates.
const SIZE_BYTES: usize = 4;
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

/// Inflates objects, one after the other.
pub(crate) struct Inflater {
    whole: Decompressor,
}

impl Inflater {
    pub(crate) fn new() -> Self {
        Self { whole: Decompressor::new() }
    }

    /// Makes `out` the inflated bytes of the object.
    pub(crate) fn inflate(
        &mut self,
        compressed: &[u8],
        limits: &DecodeLimits,
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        let compressed_bytes = length(compressed);
        if compressed_bytes <= limits.compressed_bytes_max && compressed.starts_with(GZIP_MAGIC) {
            return self.members(compressed, &Budget::of(compressed, limits), out);
        }
        out.clear();
        if compressed_bytes > limits.compressed_bytes_max {
            let limit_bytes = limits.compressed_bytes_max;
            return Err(DecodeError::CompressedTooLarge { compressed_bytes, limit_bytes });
        }
        if let Some((_, format)) = REFUSED.iter().find(|(magic, _)| compressed.starts_with(magic)) {
            return Err(DecodeError::UnsupportedCompression { format });
        }
        if compressed_bytes > limits.inflated_bytes_max {
            return Err(DecodeError::InflatedTooLarge { limit_bytes: limits.inflated_bytes_max });
        }
        out.extend_from_slice(compressed);
        Ok(())
    }

    /// Makes `out`, which is inflated bytes, their text: without the byte order mark, and with the
    /// base64 of a CloudWatch Logs payload resolved.
    pub(crate) fn resolve_text(
        &mut self,
        limits: &DecodeLimits,
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        if out.starts_with(UTF8_MARK) {
            out.drain(..UTF8_MARK.len());
        }
        if is_utf16(out) {
            return Err(DecodeError::Utf16);
        }
        if out.starts_with(BASE64_GZIP_START) {
            out.retain(|byte| !byte.is_ascii_whitespace());
            let payload = STANDARD.decode(&*out).map_err(|_| DecodeError::NotJson)?;
            self.members(&payload, &Budget::of(&payload, limits), out)?;
        }
        Ok(())
    }

    fn members(
        &mut self,
        compressed: &[u8],
        budget: &Budget,
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        if self.has_inflated_whole(compressed, budget, out) {
            return Ok(());
        }
        out.clear();
        inflate_members(compressed, budget, out)
    }

    /// Inflates a single member, and says whether it was one and nothing else. The bytes that `out`
    /// has are written over, so nothing has to be cleared for each object.
    fn has_inflated_whole(
        &mut self,
        compressed: &[u8],
        budget: &Budget,
        out: &mut Vec<u8>,
    ) -> bool {
        if !matches!(compressed, [_, _, _, flags, ..] if flags & HEADER_CHECKSUM == 0) {
            return false;
        }
        let Some((_, size)) = compressed.split_last_chunk::<SIZE_BYTES>() else { return false };
        let believable = |promised: &u64| *promised <= believable_bytes(compressed, budget);
        let promised = promised_bytes(compressed).filter(believable);
        let Some(promised) = promised.and_then(|promised| usize::try_from(promised).ok()) else {
            return false;
        };
        // libdeflate does not say where the member ends. It ends with its size, so it does not end
        // before these bytes where they stand nowhere else.
        let (_, before) = compressed.split_last().unwrap_or((&0, &[]));
        if memmem::find(before, size).is_some() {
            return false;
        }
        out.resize(promised, 0);
        self.whole.gzip_decompress(compressed, out) == Ok(promised)
    }
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

/// Makes room for what the stream promises, as far as it is believable.
fn reserve_hint(compressed: &[u8], budget: &Budget, out: &mut Vec<u8>) {
    let Some(promised) = promised_bytes(compressed) else { return };
    let promised = promised.min(believable_bytes(compressed, budget));
    out.reserve(usize::try_from(promised).unwrap_or(0).saturating_add(1));
}

/// Returns how many bytes the last member is said to inflate to, in its last four.
fn promised_bytes(compressed: &[u8]) -> Option<u64> {
    compressed.last_chunk::<SIZE_BYTES>().map(|size| u64::from(u32::from_le_bytes(*size)))
}

fn believable_bytes(compressed: &[u8], budget: &Budget) -> u64 {
    /// Deflate cannot do better.
    const RATIO_CEILING: u64 = 1_032;
    length(compressed).saturating_mul(RATIO_CEILING).min(budget.inflated_bytes_max)
}

/// UTF-16 has a mark, or a zero byte beside its first ASCII character.
fn is_utf16(text: &[u8]) -> bool {
    matches!(
        text,
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [b'{' | b'[', 0, ..] | [0, b'{' | b'[', ..]
    )
}
