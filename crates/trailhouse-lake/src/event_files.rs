//! Data files of events: one for each day in a commit, rows as their objects have them.
//!
//! Rows of an object are of one account and region and lie close in time. They compress better
//! beside each other than by time, and most of them need not be copied.

use std::{collections::HashMap, sync::Arc};

use arrow_array::{
    Array, Date32Array, RecordBatch, cast::AsArray, new_null_array, types::Date32Type,
};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use arrow_select::interleave::interleave;
use deltalake_core::kernel::Add;
use futures::{StreamExt, TryStreamExt, stream};
use trailhouse_model::EventTime;
use trailhouse_runtime::ports::CommitObject;

use crate::{
    clock,
    data_file::{EncodedFile, FileShape, encode_file, write_file},
    encoders::{encode, encoders},
    error::LakeError,
    log::TableLog,
    same_event::{Run, repeats},
    tables::{EVENT_DATE, TableName},
};

/// Rows that are gathered and encoded at a time.
const CHUNK_ROWS: usize = 8_192;
/// Rows that lie together are encoded where they are, from this many on. To encode a few rows by
/// themselves costs more than to copy them.
const RUN_ROWS_MIN: usize = 256;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Where one row lies, and the day that it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RowPlace {
    date: Option<i32>,
    batch: u32,
    row: u32,
}

impl RowPlace {
    fn in_batches(self) -> (usize, usize) {
        (index(self.batch), index(self.row))
    }

    /// Says whether the other row lies behind this one.
    fn is_before(self, other: Self) -> bool {
        self.batch == other.batch && self.row.checked_add(1) == Some(other.row)
    }
}

/// The events of a commit, and the order in which they are written.
struct CommitRows {
    /// The batches that have them, as they stand in files.
    batches: Vec<RecordBatch>,
    /// Those of them that are written.
    places: Vec<RowPlace>,
    repeats: usize,
}

/// Files of events that no version of the table names yet.
pub(crate) struct EventFiles {
    /// The actions that add them.
    pub(crate) adds: Vec<Add>,
    /// Rows that are not in them, because they repeat another that is.
    pub(crate) repeats: u64,
}

/// Writes the events of all objects to new files, each event once.
pub(crate) async fn write_event_files(
    log: &TableLog,
    objects: &Arc<[CommitObject]>,
) -> Result<EventFiles, LakeError> {
    let shared = Arc::clone(objects);
    let CommitRows { batches, places, repeats } =
        encode(log.table, move || commit_rows(&shared)).await?;
    let batches: Arc<[RecordBatch]> = batches.into();
    let days: Vec<Vec<RowPlace>> =
        places.chunk_by(|a, b| a.date == b.date).map(<[RowPlace]>::to_vec).collect();
    drop(places);
    let adds = stream::iter(days)
        .map(|day| {
            let batches = Arc::clone(&batches);
            async move {
                let file = encode(log.table, move || encode_day(&batches, &day)).await?;
                write_file(log, file, clock::now()).await
            }
        })
        .buffered(encoders())
        .try_collect()
        .await?;
    Ok(EventFiles { adds, repeats: u64::try_from(repeats).unwrap_or(u64::MAX) })
}

fn commit_rows(objects: &[CommitObject]) -> Result<CommitRows, LakeError> {
    let schema = TableName::Events.file_schema();
    // Batches may differ in notes beside the schema; the file has none.
    let schema = Arc::new(Schema::new(schema.fields().clone()));
    let (sources, runs) = sources(objects);
    let mut batches = Vec::with_capacity(sources.len());
    let mut days = Vec::with_capacity(sources.len());
    for source in sources {
        check_columns(source)?;
        batches.push(without_date(source, &schema)?);
        days.push(dates(source)?);
    }
    let repeats = repeats(&batches, &runs)?;
    let mut places = Vec::new();
    for run in runs {
        let Some(dates) = days.get(run.batch) else { continue };
        places.extend(run.rows.map(|row| RowPlace {
            date: dates.is_valid(row).then(|| dates.value(row)),
            batch: narrow(run.batch),
            row: narrow(row),
        }));
    }
    if !repeats.is_empty() {
        places.retain(|place| repeats.binary_search(&place.in_batches()).is_err());
    }
    places.sort_unstable();
    Ok(CommitRows { batches, places, repeats: repeats.len() })
}

/// Returns the batches that have rows of the objects, each once, and where in them the rows are.
fn sources(objects: &[CommitObject]) -> (Vec<&RecordBatch>, Vec<Run>) {
    let mut numbers = HashMap::new();
    let mut batches = Vec::new();
    let runs = objects.iter().map(|object| {
        let batch = object.events.batch();
        let number = *numbers.entry(Arc::as_ptr(batch)).or_insert_with(|| {
            batches.push(batch.as_ref());
            batches.len() - 1
        });
        Run { batch: number, rows: object.events.range() }
    });
    let runs = runs.collect();
    (batches, runs)
}

fn dates(batch: &RecordBatch) -> Result<&Date32Array, LakeError> {
    let dates = batch.column_by_name(EVENT_DATE);
    dates
        .and_then(|column| column.as_primitive_opt::<Date32Type>())
        .ok_or_else(|| mismatch(EVENT_DATE))
}

/// A batch with other columns would make a file that no reader can join with the rest.
fn check_columns(batch: &RecordBatch) -> Result<(), LakeError> {
    let schema = TableName::Events.schema();
    let found = batch.schema();
    if found.fields().len() != schema.fields().len() {
        return Err(mismatch("(their number)"));
    }
    let differs = schema.fields().iter().zip(found.fields()).find(|(ours, theirs)| {
        ours.name() != theirs.name() || ours.data_type() != theirs.data_type()
    });
    match differs {
        Some((ours, _)) => Err(mismatch(ours.name())),
        None => Ok(()),
    }
}

pub(crate) fn mismatch(column: &str) -> LakeError {
    LakeError::SchemaMismatch { table: TableName::Events, column: column.to_owned() }
}

fn encode_day(batches: &[RecordBatch], places: &[RowPlace]) -> Result<EncodedFile, LakeError> {
    let chunks = chunks(places).into_iter().map(|chunk| {
        let rows = chunk_rows(batches, chunk);
        rows.map_err(LakeError::rows(TableName::Events, "gather rows"))
    });
    let table = TableName::Events;
    let date = places.first().and_then(|place| place.date);
    let (schema, partition) = (table.file_schema(), date.map(date_text));
    let shape = FileShape { table, schema, partition, rows_max: places.len(), is_ordered: false };
    encode_file(shape, chunks)
}

/// Cuts the rows of a day into those that are encoded at a time: long runs by themselves, what is
/// between them together.
fn chunks(places: &[RowPlace]) -> Vec<&[RowPlace]> {
    let mut chunks = Vec::new();
    // What is before `start` is in chunks, what is from there to `end` waits for company.
    let (mut start, mut end) = (0, 0);
    for run in places.chunk_by(|a, b| a.is_before(*b)) {
        let is_long = run.len() >= RUN_ROWS_MIN;
        if is_long || end - start + run.len() > CHUNK_ROWS {
            chunks.extend(places.get(start..end).filter(|chunk| !chunk.is_empty()));
            start = end;
        }
        end += run.len();
        if is_long {
            chunks.push(run);
            start = end;
        }
    }
    chunks.extend(places.get(start..end).filter(|chunk| !chunk.is_empty()));
    chunks
}

fn chunk_rows(batches: &[RecordBatch], chunk: &[RowPlace]) -> Result<RecordBatch, ArrowError> {
    let is_run = chunk.windows(2).all(|pair| matches!(pair, [a, b] if a.is_before(*b)));
    if let (true, Some(first)) = (is_run, chunk.first()) {
        let (batch, row) = first.in_batches();
        if let Some(batch) = batches.get(batch) {
            return Ok(batch.slice(row, chunk.len()));
        }
    }
    let chunk: Vec<_> = chunk.iter().map(|place| place.in_batches()).collect();
    gathered(batches, &chunk)
}

/// Gathers rows by the numbers of their batch and their own. Only the batches that have some of them
/// are looked at: a commit has hundreds of batches, and most days are in few of them.
pub(crate) fn gathered(
    batches: &[RecordBatch],
    places: &[(usize, usize)],
) -> Result<RecordBatch, ArrowError> {
    let mut used: Vec<usize> = places.iter().map(|place| place.0).collect();
    used.sort_unstable();
    used.dedup();
    let sources: Vec<&RecordBatch> = used.iter().filter_map(|at| batches.get(*at)).collect();
    let rows: Vec<(usize, usize)> =
        places.iter().map(|place| (used.partition_point(|at| *at < place.0), place.1)).collect();
    let schema = batches.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
    let columns = schema.fields().iter().enumerate().map(|(column, field)| {
        let arrays: Vec<&dyn Array> =
            sources.iter().map(|batch| batch.column(column).as_ref()).collect();
        // Most columns of most events are empty.
        if arrays.iter().all(|array| array.null_count() == array.len()) {
            return Ok(new_null_array(field.data_type(), rows.len()));
        }
        interleave(&arrays, &rows)
    });
    let columns = columns.collect::<Result<_, _>>()?;
    RecordBatch::try_new(schema, columns)
}

/// A batch has at most 2^31 rows, and a commit fewer batches.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn without_date(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, LakeError> {
    let columns = batch.schema_ref().fields().iter().zip(batch.columns());
    let kept = columns.filter(|(field, _)| field.name() != EVENT_DATE);
    let kept = kept.map(|(_, column)| Arc::clone(column)).collect();
    RecordBatch::try_new(Arc::clone(schema), kept)
        .map_err(LakeError::rows(TableName::Events, "gather rows"))
}

fn date_text(days: i32) -> String {
    let time = EventTime::from_micros(i64::from(days) * MICROS_PER_DAY);
    let (year, month, day) = time.civil_date();
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_written_as_readers_expect_it() {
        assert_eq!(date_text(0), "1970-01-01");
        assert_eq!(date_text(19_548), "2023-07-10");
        assert_eq!(date_text(-1), "1969-12-31");
    }

    fn place(date: Option<i32>, batch: u32, row: u32) -> RowPlace {
        RowPlace { date, batch, row }
    }

    #[test]
    fn rows_of_a_day_are_in_the_order_of_their_objects() {
        let mut places = [place(Some(1), 1, 2), place(None, 3, 1), place(Some(1), 0, 7)];
        places.sort_unstable();
        assert_eq!(places, [place(None, 3, 1), place(Some(1), 0, 7), place(Some(1), 1, 2)]);
    }

    #[test]
    fn long_runs_are_encoded_by_themselves() {
        let run =
            |batch: u32, rows: std::ops::Range<u32>| rows.map(move |row| place(None, batch, row));
        let places: Vec<_> = run(0, 0..3)
            .chain(run(1, 5..1_000))
            .chain(run(2, 1..2))
            .chain(run(3, 0..200))
            .chain(run(4, 0..300))
            .collect();
        let chunks: Vec<_> = chunks(&places);
        assert_eq!(chunks.iter().map(|chunk| chunk.len()).collect::<Vec<_>>(), [3, 995, 201, 300]);
        assert_eq!(chunks.concat(), places);
    }

    #[test]
    fn short_runs_are_gathered_some_at_a_time() {
        let places: Vec<_> = (0..10_000_u32).map(|number| place(None, number, 0)).collect();
        let chunks: Vec<_> = chunks(&places);
        assert_eq!(chunks.iter().map(|chunk| chunk.len()).collect::<Vec<_>>(), [8_192, 1_808]);
        assert_eq!(chunks.concat(), places);
    }
}
