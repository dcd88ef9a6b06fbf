//! The rows of cases and of files, through the decoder that production uses.

use arrow_array::{RecordBatch, UInt64Array};
use arrow_select::take::take_record_batch;
use trailhouse_decode::{DecodeContext, DecodeLimits, Decoder};
use trailhouse_detect::Case;
use trailhouse_model::{EventTime, ObjectId};
use trailhouse_runtime::error_chain;

/// The rows of one case.
#[derive(Debug, Clone)]
pub(super) struct CaseRows {
    /// What is judged.
    pub(super) events: Vec<RecordBatch>,
    /// What was there before.
    pub(super) history: Vec<RecordBatch>,
}

/// Decodes documents with one set of buffers.
pub(super) struct CaseDecoder {
    decoder: Decoder,
}

impl CaseDecoder {
    pub(super) fn new() -> Self {
        Self { decoder: Decoder::new(DecodeLimits::default()) }
    }

    /// Decodes a case; every record must become a row.
    pub(super) fn case(&mut self, case: &Case) -> Result<CaseRows, String> {
        let events = self.document(&case.events_document())?;
        let history = self.document(&case.history_document())?;
        Ok(CaseRows { events: vec![events], history: vec![history] })
    }

    /// Decodes one object of CloudTrail; every record must become a row.
    pub(super) fn document(&mut self, document: &[u8]) -> Result<RecordBatch, String> {
        // 2026-06-01: cases have times of that year, and decoding needs to know what is far off.
        let decoded_at = EventTime::from_micros(1_780_272_000_000_000);
        let context =
            DecodeContext { object_id: ObjectId([0; 16]), delivered_at: None, decoded_at };
        let decoded = self.decoder.decode(&context, document).map_err(|it| error_chain(&it))?;
        match decoded.rejects.first() {
            Some(reject) => {
                Err(format!("record {} is refused: {}", reject.record_index, reject.reason))
            }
            None => Ok(decoded.events),
        }
    }
}

impl CaseRows {
    /// Returns the same rows, the last one first, each in a batch of its own.
    pub(super) fn reversed_one_by_one(&self) -> Result<Self, String> {
        let turned = |batches: &[RecordBatch]| -> Result<Vec<RecordBatch>, String> {
            let mut rows = Vec::new();
            for batch in batches {
                for row in 0..batch.num_rows() {
                    rows.push(one_row(batch, row)?);
                }
            }
            rows.reverse();
            Ok(rows)
        };
        Ok(Self { events: turned(&self.events)?, history: turned(&self.history)? })
    }
}

fn one_row(batch: &RecordBatch, row: usize) -> Result<RecordBatch, String> {
    let index = u64::try_from(row).map_err(|error| error.to_string())?;
    take_record_batch(batch, &UInt64Array::from(vec![index])).map_err(|error| error.to_string())
}
