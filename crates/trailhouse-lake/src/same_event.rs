//! Finds rows that are the same event as another row.
//!
//! Rows are the same event where recipient account, event id and all content are equal; where a row
//! came from is no content. A row without an event id, or with an empty one, is never the same as
//! another. It is what the view `events_unique` says of the whole table, for the rows that a process
//! has at hand.

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map::Entry},
    hash::{BuildHasher, RandomState},
    ops::Range,
};

use arrow_array::{
    Array, BooleanArray, RecordBatch, StringArray, cast::AsArray, types::TimestampMicrosecondType,
};
use arrow_row::{OwnedRow, RowConverter, SortField};
use arrow_schema::ArrowError;
use arrow_select::filter::filter_record_batch;
use trailhouse_decode::column;

use crate::{
    error::LakeError,
    event_files::{gathered, mismatch},
    tables::TableName,
};

/// What makes an event known.
pub const EVENT_IDENTITY: [&str; 2] = [column::RECIPIENT_ACCOUNT_ID, column::EVENT_ID];
/// Where a row came from: no content, but different in every row.
pub const EVENT_PROVENANCE: [&str; 2] = [column::SOURCE_OBJECT_ID, column::SOURCE_ROW];
/// Rows whose content is compared at a time.
const COMPARED_ROWS: usize = 4_096;
/// Rows of one time that wait for the next ones; with more, some repeats stay.
const WAITING_ROWS_MAX: usize = 65_536;

/// Where a row lies: the number of its batch, and its own in it.
pub(crate) type Place = (usize, usize);

/// Rows that stand together in a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// The number of the batch.
    pub(crate) batch: usize,
    pub(crate) rows: Range<usize>,
}

/// A row whose account and event id stand more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Suspect {
    /// Of account and id. Where two share it by chance, they are compared in vain.
    identity: u64,
    place: Place,
}

/// Returns the places of rows that repeat an earlier one, in their order. Only the rows of the runs
/// are looked at.
pub(crate) fn repeats(batches: &[RecordBatch], runs: &[Run]) -> Result<Vec<Place>, LakeError> {
    let mut suspects = suspects(batches, runs)?;
    suspects.sort_unstable();
    let mut repeats = equal_rows(batches, &suspects)
        .map_err(LakeError::rows(TableName::Events, "compare rows"))?;
    repeats.sort_unstable();
    Ok(repeats)
}

fn suspects(batches: &[RecordBatch], runs: &[Run]) -> Result<Vec<Suspect>, LakeError> {
    let hasher = RandomState::new();
    let rows = runs.iter().map(|run| run.rows.len()).sum();
    let identities = batches.iter().map(|batch| {
        let [accounts, ids] = EVENT_IDENTITY.map(|column| texts(batch, column));
        Ok((accounts?, ids?))
    });
    let identities: Vec<_> = identities.collect::<Result<_, LakeError>>()?;
    // The first place of each identity, until a second is found.
    let mut seen: HashMap<u64, Option<Place>> = HashMap::with_capacity(rows);
    let mut suspects = Vec::new();
    for run in runs {
        let Some((accounts, ids)) = identities.get(run.batch) else { continue };
        for row in run.rows.clone() {
            let Some(id) = text(ids, row).filter(|id| !id.is_empty()) else { continue };
            let (identity, place) = (hasher.hash_one((text(accounts, row), id)), (run.batch, row));
            match seen.entry(identity) {
                Entry::Vacant(entry) => {
                    entry.insert(Some(place));
                }
                Entry::Occupied(mut entry) => {
                    let first = entry.get_mut().take();
                    let places = first.into_iter().chain([place]);
                    suspects.extend(places.map(|place| Suspect { identity, place }));
                }
            }
        }
    }
    Ok(suspects)
}

fn texts<'a>(batch: &'a RecordBatch, column: &str) -> Result<&'a StringArray, LakeError> {
    let array = batch.column_by_name(column);
    array.and_then(|array| array.as_string_opt()).ok_or_else(|| mismatch(column))
}

fn text(texts: &StringArray, row: usize) -> Option<&str> {
    texts.is_valid(row).then(|| texts.value(row))
}

/// Goes through suspects, which are in order, and returns those that are equal to one before.
fn equal_rows(batches: &[RecordBatch], suspects: &[Suspect]) -> Result<Vec<Place>, ArrowError> {
    let (Some(first), Some(batch)) = (suspects.first(), batches.first()) else {
        return Ok(Vec::new());
    };
    let schema = batch.schema();
    let is_content =
        |column: &usize| !EVENT_PROVENANCE.contains(&schema.field(*column).name().as_str());
    let content: Vec<usize> = (0..schema.fields().len()).filter(is_content).collect();
    let fields = content.iter().map(|column| schema.field(*column).data_type().clone());
    // The form that rows are sorted by is the same for equal rows only.
    let converter = RowConverter::new(fields.map(SortField::new).collect())?;
    let mut repeats = Vec::new();
    // The rows of one identity; it may reach from one portion into the next.
    let (mut identity, mut distinct) = (first.identity, HashSet::<OwnedRow>::new());
    for portion in suspects.chunks(COMPARED_ROWS) {
        let places: Vec<Place> = portion.iter().map(|suspect| suspect.place).collect();
        let rows = gathered(batches, &places)?.project(&content)?;
        for (suspect, row) in portion.iter().zip(&converter.convert_columns(rows.columns())?) {
            if suspect.identity != identity {
                identity = suspect.identity;
                distinct.clear();
            }
            if !distinct.insert(row.owned()) {
                repeats.push(suspect.place);
            }
        }
    }
    Ok(repeats)
}

/// Rows in an order in which equal events stand together, and in it by time, without those that
/// repeat another: equal events have equal times, so only rows of one time are held.
pub(crate) struct Distinct<I> {
    rows: I,
    /// Rows that the next ones may repeat.
    waiting: Vec<RecordBatch>,
    /// Rows that nothing can repeat any more.
    ready: VecDeque<RecordBatch>,
    left_out: u64,
}

impl<I: Iterator<Item = Result<RecordBatch, LakeError>>> Distinct<I> {
    /// Wraps rows of the events table.
    pub(crate) fn new(rows: I) -> Self {
        Self { rows, waiting: Vec::new(), ready: VecDeque::new(), left_out: 0 }
    }

    /// Returns how many rows were left out.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out
    }

    fn push(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let cut = start_of_last_time(batch)?;
        if cut > 0 {
            self.waiting.push(batch.slice(0, cut));
        }
        let waiting: usize = self.waiting.iter().map(RecordBatch::num_rows).sum();
        if cut > 0 || waiting >= WAITING_ROWS_MAX {
            self.decide()?;
        }
        self.waiting.push(batch.slice(cut, batch.num_rows() - cut));
        Ok(())
    }

    fn decide(&mut self) -> Result<(), LakeError> {
        let batches = std::mem::take(&mut self.waiting);
        let run = |(batch, rows): (usize, &RecordBatch)| Run { batch, rows: 0..rows.num_rows() };
        let runs: Vec<Run> = batches.iter().enumerate().map(run).collect();
        let repeats = repeats(&batches, &runs)?;
        let count = u64::try_from(repeats.len()).unwrap_or(u64::MAX);
        self.left_out = self.left_out.saturating_add(count);
        for (number, batch) in batches.into_iter().enumerate() {
            self.ready.push_back(without(batch, number, &repeats)?);
        }
        Ok(())
    }
}

impl<I: Iterator<Item = Result<RecordBatch, LakeError>>> Iterator for Distinct<I> {
    type Item = Result<RecordBatch, LakeError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            let step = match self.rows.next() {
                Some(Ok(batch)) => self.push(&batch),
                Some(Err(error)) => Err(error),
                None if self.waiting.is_empty() => return None,
                None => self.decide(),
            };
            if let Err(error) = step {
                return Some(Err(error));
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

/// Returns the first of the rows at the end that have one time.
fn start_of_last_time(batch: &RecordBatch) -> Result<usize, LakeError> {
    let times = batch.column_by_name(column::EVENT_TIME);
    let times = times
        .and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>())
        .ok_or_else(|| mismatch(column::EVENT_TIME))?;
    let time = |row: usize| times.is_valid(row).then(|| times.value(row));
    let Some(last) = times.len().checked_sub(1) else { return Ok(0) };
    let earlier = (0..last).rev().take_while(|row| time(*row) == time(last)).count();
    Ok(last - earlier)
}

fn without(batch: RecordBatch, number: usize, repeats: &[Place]) -> Result<RecordBatch, LakeError> {
    let is_repeat = |row| repeats.binary_search(&(number, row)).is_ok();
    if !repeats.iter().any(|place| place.0 == number) {
        return Ok(batch);
    }
    let kept: BooleanArray = (0..batch.num_rows()).map(|row| Some(!is_repeat(row))).collect();
    filter_record_batch(&batch, &kept).map_err(LakeError::rows(TableName::Events, "choose rows"))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use arrow_array::{ArrayRef, Int32Array, TimestampMicrosecondArray};
    use arrow_schema::{DataType, Field, Schema, TimeUnit};

    use super::*;

    /// Time, event id and content of an event.
    type Event = (Option<i64>, Option<&'static str>, &'static str);

    fn batch_of(events: &[Event], first_row: usize) -> RecordBatch {
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let fields = [
            (column::EVENT_TIME, time),
            (column::RECIPIENT_ACCOUNT_ID, DataType::Utf8),
            (column::EVENT_ID, DataType::Utf8),
            (column::REQUEST_PARAMETERS, DataType::Utf8),
            (column::SOURCE_ROW, DataType::Int32),
        ];
        let fields = fields.map(|(name, kind)| Field::new(name, kind, true)).to_vec();
        let times: TimestampMicrosecondArray = events.iter().map(|event| event.0).collect();
        let rows = first_row..first_row + events.len();
        let rows: Int32Array = rows.map(|row| i32::try_from(row).ok()).collect();
        let accounts = StringArray::new_null(events.len());
        let ids: StringArray = events.iter().map(|event| event.1).collect();
        let contents: StringArray = events.iter().map(|event| Some(event.2)).collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(times.with_timezone("UTC")),
            Arc::new(accounts),
            Arc::new(ids),
            Arc::new(contents),
            Arc::new(rows),
        ];
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }

    const IDS: [&str; 4] = ["", "a", "b", "c"];
    const CONTENTS: [&str; 2] = ["x", "y"];

    /// Events in the order of their time, drawn by a small generator.
    fn drawn(seed: usize) -> Vec<Event> {
        let mut state = seed;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let mut events: Vec<Event> = (0..draw(60))
            .map(|_| {
                let time = i64::try_from(draw(6)).unwrap();
                let id = IDS.get(draw(IDS.len() + 1)).copied();
                ((time < 5).then_some(time), id, CONTENTS[draw(2)])
            })
            .collect();
        events.sort_by_key(|event| (event.0.is_none(), event.0));
        events
    }

    /// What is left of events that come in portions.
    fn distinct(events: &[Event], portion: usize) -> (Vec<i32>, u64) {
        let starts = (0..events.len()).step_by(portion);
        let batches = starts.map(|start| {
            let end = (start + portion).min(events.len());
            Ok(batch_of(&events[start..end], start))
        });
        let mut distinct = Distinct::new(batches);
        let mut rows = Vec::new();
        for batch in &mut distinct {
            let batch = batch.unwrap();
            let column = batch.column_by_name(column::SOURCE_ROW).unwrap();
            rows.extend(column.as_primitive::<arrow_array::types::Int32Type>().values().iter());
        }
        (rows, distinct.left_out())
    }

    #[test]
    fn what_is_left_does_not_depend_on_how_rows_come() {
        for seed in 0..500 {
            let events = drawn(seed);
            let mut seen = BTreeSet::new();
            let mut is_first = |event: &Event| {
                event.1.is_none_or(str::is_empty) || seen.insert((event.0, event.1, event.2))
            };
            let expected: Vec<i32> = (0_i32..)
                .zip(&events)
                .filter_map(|(row, event)| Some(row).filter(|_| is_first(event)))
                .collect();
            let left_out = u64::try_from(events.len() - expected.len()).unwrap();
            for portion in [1, 2, 3, 7, 100] {
                let found = distinct(&events, portion);
                assert_eq!(found, (expected.clone(), left_out), "seed {seed} by {portion}");
            }
        }
    }

    #[test]
    fn rows_of_one_time_do_not_wait_without_end() {
        let events = vec![(Some(1), Some("a"), "x"); WAITING_ROWS_MAX * 2];
        let batches: Vec<_> = events.chunks(1_000).map(|chunk| Ok(batch_of(chunk, 0))).collect();
        let mut distinct = Distinct::new(batches.into_iter());
        let rows: usize = distinct.by_ref().map(|batch| batch.unwrap().num_rows()).sum();
        assert!(distinct.waiting.is_empty() && (1..10).contains(&rows), "{rows}");
    }
}
