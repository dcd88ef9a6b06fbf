//! Many small files of a table become few large ones, beside those who append to it.
//!
//! Each group of files is a commit of its own. It takes place only where all its files are still
//! in the table, so whoever took one of them out meanwhile wins; appends are stepped over. The
//! commit changes no data, and says so: what was judged is not judged again.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use arrow_schema::{Schema, SchemaRef};
use deltalake_core::{
    datafusion::{
        common::DataFusionError,
        execution::runtime_env::RuntimeEnvBuilder,
        prelude::{SessionConfig, SessionContext, col},
    },
    kernel::{Remove, Snapshot},
};
use futures::TryStreamExt;
use tokio::{sync::mpsc, task::spawn_blocking};
use trailhouse_failpoint::{Failpoint, reach};
use trailhouse_model::TableVersion;
use uuid::Uuid;

use crate::{
    clock,
    data_file::{EncodedFile, FileShape, discard_files, encode_file, is_ordered, write_file},
    entry::{Payload, RewriteEntry},
    error::LakeError,
    lake::Lake,
    log::{CONFLICTS_MAX, Claim, TableLog},
    same_event::Distinct,
    scan::{Columns, rows_of_files},
    schema_check::{check_entry, check_snapshot},
    spill::spill_files,
    tables::TableName,
};

/// Rows that are being put in order take no more memory than this; the rest waits on disk.
const SORT_BYTES_MAX: usize = 192 * 1024 * 1024;
/// Batches that wait for the encoder.
const BATCHES_WAITING_MAX: usize = 2;
/// Rows of events are wide, and the merge of what waits on disk holds some of each part.
const BATCH_ROWS: usize = 1_024;
const MERGE_BYTES: usize = 32 * 1024 * 1024;

/// Which files are worth becoming one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactionOptions {
    /// The most bytes of the files that become one. A file of half of it or more whose rows are in
    /// order stays as it is.
    pub target_bytes: u64,
    /// The fewest files that become one. A file whose rows are not in order yet is worth writing
    /// anew by itself; other files take two.
    pub files_min: usize,
}

impl Default for CompactionOptions {
    fn default() -> Self {
        Self { target_bytes: 64 * 1024 * 1024, files_min: 1 }
    }
}

/// Files of one partition that become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactionGroup {
    /// The table.
    pub table: TableName,
    /// The value of the partition's column; nothing where it is null or the table has none.
    pub partition: Option<String>,
    /// The files by their paths in the log.
    pub files: Vec<String>,
    /// Their bytes.
    pub bytes: u64,
}

/// What became of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compacted {
    /// One file took its place.
    Done {
        /// The version of the table.
        version: TableVersion,
        /// Bytes of the new file.
        bytes: u64,
        /// Events that are not in it, because they repeat another that is.
        repeats: u64,
    },
    /// Somebody else took one of its files out of the table first.
    Overtaken,
}

/// A file that may be compacted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SmallFile {
    path: String,
    bytes: u64,
    /// Its rows are in the order of the table.
    is_ordered: bool,
}

impl Lake {
    /// Returns the groups of files of a table that are worth becoming one each, as it is now.
    pub async fn compaction_groups(
        &self,
        table: TableName,
        options: &CompactionOptions,
    ) -> Result<Vec<CompactionGroup>, LakeError> {
        let log = self.log(table);
        let snapshot = log.latest().await?;
        check_snapshot(table, &snapshot)?;
        let mut partitions: BTreeMap<Option<String>, Vec<SmallFile>> = BTreeMap::new();
        for file in log.files(&snapshot).await? {
            // What is deleted in it stands in another file.
            if file.deletion_vector_descriptor().is_some() {
                continue;
            }
            let bytes = u64::try_from(file.size()).unwrap_or(0);
            let path = file.path().into_owned();
            let small = SmallFile { bytes, is_ordered: is_ordered(table, &path), path };
            partitions.entry(log.partition_of(&file)).or_default().push(small);
        }
        let mut groups = Vec::new();
        for (partition, files) in partitions {
            for files in groups_of(files, options) {
                groups.push(CompactionGroup {
                    table,
                    partition: partition.clone(),
                    bytes: files.iter().map(|file| file.bytes).sum(),
                    files: files.into_iter().map(|file| file.path).collect(),
                });
            }
        }
        Ok(groups)
    }

    /// Puts one file in the place of those of a group.
    pub async fn compact(&self, group: &CompactionGroup) -> Result<Compacted, LakeError> {
        let log = self.log(group.table);
        let snapshot = log.latest().await?;
        check_snapshot(group.table, &snapshot)?;
        let Some(Leaving { removes, rows }) = leaving(log, &snapshot, group).await? else {
            return Ok(Compacted::Overtaken);
        };
        let Merged { file, repeats } = merged(log, &snapshot, group, rows).await?;
        let mut add = write_file(log, file, clock::now()).await?;
        add.data_change = false;
        let bytes = u64::try_from(add.size).unwrap_or(0);
        reach(Failpoint::AfterCompactedFile);
        let batch_id = Uuid::now_v7().to_string();
        let payload = Payload { batch_id, repeats, ..Payload::default() };
        let adds = [add];
        let entry = RewriteEntry {
            operation: "OPTIMIZE",
            payload: &payload,
            removes: &removes,
            adds: &adds,
            now: clock::now(),
        };
        let entry = entry.to_bytes().map_err(LakeError::rows(group.table, "write log entry"))?;
        let entry = entry.into();
        let mut version = TableVersion(snapshot.version()).next();
        for attempt in 0..CONFLICTS_MAX {
            let claim = log.claim(version, &payload, &entry).await;
            reach(Failpoint::AfterCompactionPut);
            let refused = match claim {
                Claim::Won => return Ok(Compacted::Done { version, bytes, repeats }),
                Claim::Unknown => return Err(LakeError::Unknown { table: group.table }),
                Claim::Refused(error) => Err(error),
                Claim::Lost(other) => {
                    let took = |path: &String| group.files.contains(path);
                    if other.restored().is_some() || other.removed_files().iter().any(took) {
                        Ok(Compacted::Overtaken)
                    } else if let Err(error) = check_entry(group.table, &other) {
                        Err(error)
                    } else {
                        version = version.next();
                        log.backoff.wait(&payload.batch_id, attempt).await;
                        continue;
                    }
                }
            };
            discard_files(log, &adds).await;
            return refused;
        }
        discard_files(log, &adds).await;
        Err(LakeError::Contended { table: group.table })
    }
}

/// Puts files together in the order of their paths, which is that of their writing. A file in order
/// that is larger than all that would join it stays: writing it anew costs more than it gains.
fn groups_of(mut files: Vec<SmallFile>, options: &CompactionOptions) -> Vec<Vec<SmallFile>> {
    files.retain(|file| !file.is_ordered || file.bytes < options.target_bytes / 2);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let (mut groups, mut group, mut bytes) = (Vec::new(), Vec::new(), 0_u64);
    for file in files {
        if bytes.saturating_add(file.bytes) > options.target_bytes {
            groups.push(std::mem::take(&mut group));
            bytes = 0;
        }
        bytes += file.bytes;
        group.push(file);
    }
    groups.push(group);
    groups
        .into_iter()
        .map(without_giants)
        .filter(|group| group.len() >= options.files_min && gains(group))
        .collect()
}

/// Says whether there is more than one file, or rows to put in order.
fn gains(group: &[SmallFile]) -> bool {
    group.len() > 1 || group.iter().any(|file| !file.is_ordered)
}

fn without_giants(mut group: Vec<SmallFile>) -> Vec<SmallFile> {
    loop {
        let all: u64 = group.iter().map(|file| file.bytes).sum();
        let ordered = group.iter().enumerate().filter(|(_, file)| file.is_ordered);
        let largest = ordered.max_by_key(|(_, file)| file.bytes);
        match largest {
            Some((place, file)) if file.bytes > all - file.bytes => {
                group.remove(place);
            }
            Some(_) | None => return group,
        }
    }
}

/// The files of a group.
struct Leaving {
    /// What takes them out.
    removes: Vec<Remove>,
    /// Their rows, where all of them say so.
    rows: Option<usize>,
}

/// Finds the files of a group; nothing where one of them is not there any more, or has rows taken
/// out of it.
async fn leaving(
    log: &TableLog,
    snapshot: &Snapshot,
    group: &CompactionGroup,
) -> Result<Option<Leaving>, LakeError> {
    let wanted: HashSet<&str> = group.files.iter().map(String::as_str).collect();
    let mut files = log.files(snapshot).await?;
    files.retain(|file| {
        file.deletion_vector_descriptor().is_none() && wanted.contains(file.path().as_ref())
    });
    let leaving = Leaving {
        removes: files.iter().map(|file| file.remove_action(false)).collect(),
        rows: files.iter().map(|file| file.num_records()).sum(),
    };
    Ok((leaving.removes.len() == group.files.len()).then_some(leaving))
}

/// The rows of a group as one file.
struct Merged {
    file: EncodedFile,
    repeats: u64,
}

/// Encodes the rows of a group as one file, in the table's order; those that are the same event once.
async fn merged(
    log: &TableLog,
    snapshot: &Snapshot,
    group: &CompactionGroup,
    rows: Option<usize>,
) -> Result<Merged, LakeError> {
    let table = group.table;
    let failed = |error: DataFusionError| LakeError::rows(table, "read rows")(error);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_limit(SORT_BYTES_MAX, 1.0)
        .with_disk_manager_builder(spill_files())
        .build_arc()
        .map_err(failed)?;
    let config = SessionConfig::new()
        .with_batch_size(BATCH_ROWS)
        .with_target_partitions(1)
        .with_sort_spill_reservation_bytes(MERGE_BYTES);
    let session = SessionContext::new_with_config_rt(config, runtime);
    let paths = group.files.iter().map(String::as_str);
    let mut merged = rows_of_files(&session, log, snapshot, paths).await?;
    let order = table.row_order();
    if !order.is_empty() {
        let sorts = order.iter().map(|name| col(*name).sort(true, false)).collect();
        merged = merged.sort(sorts).map_err(failed)?;
    }
    let mut batches = merged.execute_stream().await.map_err(failed)?;
    let schema = schema_of(table, snapshot);
    let (sender, mut receiver) = mpsc::channel(BATCHES_WAITING_MAX);
    let shape = FileShape {
        table,
        schema: Arc::clone(&schema),
        partition: group.partition.clone(),
        rows_max: rows.unwrap_or(usize::MAX),
        is_ordered: !order.is_empty(),
    };
    // Not on a thread for encoding: it waits for rows.
    let encoding = spawn_blocking(move || {
        let batches = std::iter::from_fn(|| receiver.blocking_recv());
        if table != TableName::Events {
            return Ok(Merged { file: encode_file(shape, batches)?, repeats: 0 });
        }
        let mut distinct = Distinct::new(batches);
        let file = encode_file(shape, &mut distinct)?;
        Ok(Merged { file, repeats: distinct.left_out() })
    });
    let reading = async move {
        loop {
            let batch = match batches.try_next().await {
                Ok(Some(batch)) => Columns { table, batch: &batch }.all_as_stored(&schema),
                Ok(None) => return,
                Err(error) => Err(failed(error)),
            };
            // An encoder that has stopped says why itself.
            if sender.send(batch).await.is_err() {
                return;
            }
        }
    };
    let (merged, ()) = tokio::join!(encoding, reading);
    merged.map_err(LakeError::rows(table, "encode rows"))?
}

/// Returns the columns of the table's files: ours, and those that others have added.
fn schema_of(table: TableName, snapshot: &Snapshot) -> SchemaRef {
    let ours = table.file_schema();
    let mut fields: Vec<_> = ours.fields().iter().map(Arc::clone).collect();
    for field in snapshot.arrow_schema().fields() {
        let is_known = ours.column_with_name(field.name()).is_some();
        if !is_known && Some(field.name().as_str()) != table.partition_column() {
            fields.push(Arc::clone(field));
        }
    }
    Arc::new(Schema::new(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: CompactionOptions = CompactionOptions { target_bytes: 100, files_min: 2 };

    fn sizes(bytes: &[u64]) -> Vec<Vec<u64>> {
        let file = |(index, bytes): (usize, &u64)| SmallFile {
            path: format!("part-{index:03}"),
            bytes: *bytes,
            is_ordered: true,
        };
        let files = bytes.iter().enumerate().map(file).collect();
        let of = |group: &Vec<SmallFile>| group.iter().map(|file| file.bytes).collect();
        groups_of(files, &OPTIONS).iter().map(of).collect()
    }

    #[test]
    fn small_files_are_put_together_up_to_the_target() {
        assert_eq!(sizes(&[]), Vec::<Vec<u64>>::new());
        assert_eq!(sizes(&[10]), Vec::<Vec<u64>>::new());
        assert_eq!(sizes(&[10, 20]), Vec::<Vec<u64>>::new(), "20 is more than all the rest");
        assert_eq!(sizes(&[10, 20, 15]), [[10, 20, 15]]);
        assert_eq!(sizes(&[10, 90, 20, 15]), [[10, 20, 15]], "90 is large enough");
        assert_eq!(sizes(&[40, 40, 30, 30, 30]), [vec![40, 40], vec![30, 30, 30]]);
    }

    #[test]
    fn rows_that_are_not_in_order_are_put_in_order() {
        let file =
            |name: &str, bytes, is_ordered| SmallFile { path: name.to_owned(), bytes, is_ordered };
        let groups = |files: &[&SmallFile], files_min| {
            let options = CompactionOptions { files_min, ..OPTIONS };
            groups_of(files.iter().copied().cloned().collect(), &options)
        };
        let (large, small) = (file("part-1", 90, false), file("part-2", 5, false));
        assert_eq!(groups(&[&small], 2), Vec::<Vec<_>>::new());
        assert_eq!(groups(&[&small], 1), [vec![small.clone()]]);
        assert_eq!(groups(&[&large, &small], 1), [[large, small.clone()]]);
        let done = file("ordered-1", 40, true);
        assert_eq!(groups(&[&done], 1), Vec::<Vec<_>>::new());
        assert_eq!(groups(&[&done, &small], 1), [[small]], "40 is more than all the rest");
    }

    #[test]
    fn what_is_already_together_waits_for_as_much_again() {
        assert_eq!(sizes(&[49, 1, 1, 1]), [[1, 1, 1]]);
        assert_eq!(sizes(&[40, 21, 20]), [[40, 21, 20]]);
    }
}
