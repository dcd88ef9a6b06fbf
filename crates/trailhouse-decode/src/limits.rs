//! How much one object may cost.

/// The bounds that no object passes, whatever it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// The size of the object as read.
    pub compressed_bytes_max: u64,
    /// The size after inflation; at most 4 GiB whatever is asked for.
    pub inflated_bytes_max: u64,
    /// How many times its compressed size an object may have after inflation ...
    pub inflate_ratio_max: u32,
    /// ... once it is larger than this.
    pub inflate_ratio_grace_bytes: u64,
    /// Records in one object, rejects included.
    pub records_max: u32,
    /// Rejects of one object. Each becomes a row of quarantine, so a small object of nothing but
    /// bad records would cost a million times its size.
    pub rejects_max: u32,
    /// The size of one record as JSON text; larger ones are rejects. A document up to this size
    /// is parsed in one go, a larger one is split into its records first.
    pub record_bytes_max: u32,
    /// How deep the objects and arrays of one record may nest; deeper ones are rejects. At most
    /// 1,024 whatever is asked for.
    pub depth_max: u16,
}

/// Writing JSON recurses as deep as the record; this depth fits any thread's stack.
const DEPTH_CEILING: u16 = 1_024;

const MEBIBYTE: u64 = 1024 * 1024;

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            compressed_bytes_max: 128 * MEBIBYTE,
            inflated_bytes_max: 256 * MEBIBYTE,
            inflate_ratio_max: 200,
            inflate_ratio_grace_bytes: 16 * MEBIBYTE,
            records_max: 10_000_000,
            rejects_max: 10_000,
            record_bytes_max: 8 * 1024 * 1024,
            depth_max: 256,
        }
    }
}

impl DecodeLimits {
    /// Returns the limits with those lowered that the formats in use cannot honour.
    pub(crate) fn within_reach(self) -> Self {
        Self {
            inflated_bytes_max: self.inflated_bytes_max.min(4_095 * MEBIBYTE),
            records_max: self.records_max.min(u32::MAX / 2),
            depth_max: self.depth_max.clamp(1, DEPTH_CEILING),
            ..self
        }
    }
}
