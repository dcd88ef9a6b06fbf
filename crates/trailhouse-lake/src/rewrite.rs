//! Changes and takes out rows of tables whose rows have an identity.

use std::collections::{BTreeSet, HashSet};

use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::{concat::concat_batches, filter::filter_record_batch};
use deltalake_core::{
    datafusion::{common::DataFusionError, prelude::SessionContext},
    kernel::{Add, Remove, Snapshot},
};
use serde_json::Value;
use trailhouse_model::{ObjectId, TableVersion};
use uuid::Uuid;

use crate::{
    clock,
    data_file::{discard_files, write_rows},
    entry::{Payload, RewriteEntry},
    error::LakeError,
    keyed::KeyedTable,
    log::{CONFLICTS_MAX, Claim},
    scan::{Columns, rows_of_files},
    schema_check::check_snapshot,
};

/// What is to become of rows.
#[derive(Clone, Copy)]
pub(crate) enum RowChange<'a> {
    /// They are taken out.
    Drop,
    /// They are replaced by what this makes of them; it is given the rows of one file, those that
    /// are meant, and keeps the order of all.
    Replace(&'a (dyn Fn(&RecordBatch, &BooleanArray) -> Result<RecordBatch, LakeError> + Sync)),
}

/// The files that are to go, those that take their place, and the rows that were found.
#[derive(Default)]
struct Rewrite {
    removes: Vec<Remove>,
    adds: Vec<Add>,
    found: HashSet<ObjectId>,
}

impl KeyedTable {
    /// Changes the rows with these identities in one commit; returns those that were there. A row
    /// that is taken out may be appended again.
    pub(crate) async fn rewrite(
        &self,
        ids: &BTreeSet<ObjectId>,
        change: RowChange<'_>,
    ) -> Result<HashSet<ObjectId>, LakeError> {
        let mut payload = Payload { batch_id: Uuid::now_v7().to_string(), ..Payload::default() };
        // The next append of this process reads the table anew.
        *self.state.lock().await = None;
        for attempt in 0..CONFLICTS_MAX {
            let snapshot = self.log.latest().await?;
            check_snapshot(self.log.table, &snapshot)?;
            let version = TableVersion(snapshot.version()).next();
            let rewrite = self.rewrite_files(&snapshot, ids, change).await?;
            if rewrite.found.is_empty() {
                return Ok(rewrite.found);
            }
            if let RowChange::Drop = change {
                let found: BTreeSet<_> = rewrite.found.iter().collect();
                payload.dropped = found.into_iter().map(ToString::to_string).collect();
            }
            match self.claim_rewrite(version, &payload, &rewrite, change).await? {
                Claim::Won => return Ok(rewrite.found),
                Claim::Lost(_) => discard_files(&self.log, &rewrite.adds).await,
                Claim::Unknown => return Err(LakeError::Unknown { table: self.log.table }),
                Claim::Refused(error) => {
                    discard_files(&self.log, &rewrite.adds).await;
                    return Err(error);
                }
            }
            self.log.backoff.wait(&payload.batch_id, attempt).await;
        }
        Err(LakeError::Contended { table: self.log.table })
    }

    async fn claim_rewrite(
        &self,
        version: TableVersion,
        payload: &Payload,
        rewrite: &Rewrite,
        change: RowChange<'_>,
    ) -> Result<Claim, LakeError> {
        let operation = match change {
            RowChange::Drop => "DELETE",
            RowChange::Replace(_) => "UPDATE",
        };
        let Rewrite { removes, adds, .. } = rewrite;
        let entry = RewriteEntry { operation, payload, removes, adds, now: clock::now() };
        let bytes = entry.to_bytes().map_err(LakeError::rows(self.log.table, "write log entry"))?;
        Ok(self.log.claim(version, payload, &bytes.into()).await)
    }

    /// Writes anew those files that hold one of the rows, one at a time.
    async fn rewrite_files(
        &self,
        snapshot: &Snapshot,
        ids: &BTreeSet<ObjectId>,
        change: RowChange<'_>,
    ) -> Result<Rewrite, LakeError> {
        let table = self.log.table;
        let wanted: BTreeSet<String> = ids.iter().map(ToString::to_string).collect();
        let mut rewrite = Rewrite::default();
        for file in self.log.files(snapshot).await? {
            if !may_hold(file.stats().as_deref(), self.id_column, &wanted) {
                continue;
            }
            let rows = self.rows_of(snapshot, &file.path()).await?;
            let column = Columns { table, batch: &rows }.texts(self.id_column)?;
            let id_at = |text: Option<&str>| {
                text.and_then(ObjectId::parse_hex).filter(|id| ids.contains(id))
            };
            let mask: BooleanArray =
                column.iter().map(|text| Some(id_at(text).is_some())).collect();
            if mask.true_count() == 0 {
                continue;
            }
            rewrite.found.extend(column.iter().filter_map(id_at));
            rewrite.removes.push(file.remove_action(true));
            let rows = changed(table, &rows, &mask, change)?;
            if rows.num_rows() > 0 {
                rewrite.adds.push(write_rows(&self.log, None, rows).await?);
            }
        }
        Ok(rewrite)
    }

    /// Reads the rows of one file in the types of the table's own files.
    async fn rows_of(&self, snapshot: &Snapshot, path: &str) -> Result<RecordBatch, LakeError> {
        let table = self.log.table;
        let failed = |error: DataFusionError| LakeError::rows(table, "read rows")(error);
        let rows = rows_of_files(&SessionContext::new(), &self.log, snapshot, [path]).await?;
        let batches = rows.collect().await.map_err(failed)?;
        let schema = table.file_schema();
        let mut read = Vec::with_capacity(batches.len());
        for batch in &batches {
            read.push(Columns { table, batch }.all_as_stored(&schema)?);
        }
        concat_batches(&schema, &read).map_err(LakeError::rows(table, "read rows"))
    }
}

fn changed(
    table: crate::TableName,
    rows: &RecordBatch,
    mask: &BooleanArray,
    change: RowChange<'_>,
) -> Result<RecordBatch, LakeError> {
    match change {
        RowChange::Drop => {
            let kept: BooleanArray = mask.iter().map(|meant| meant.map(|meant| !meant)).collect();
            filter_record_batch(rows, &kept).map_err(LakeError::rows(table, "choose rows"))
        }
        RowChange::Replace(replace) => replace(rows, mask),
    }
}

/// Says whether the bounds of a file leave room for one of the identities.
fn may_hold(stats: Option<&str>, id_column: &str, wanted: &BTreeSet<String>) -> bool {
    let stats: Value = stats.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let bound = |which: &str| stats[which][id_column].as_str().map(str::to_owned);
    match (bound("minValues"), bound("maxValues")) {
        (Some(min), Some(max)) if min <= max => wanted.range(min..=max).next().is_some(),
        (Some(_) | None, Some(_) | None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_rule_files_out_but_their_absence_does_not() {
        let wanted = BTreeSet::from(["4a".to_owned(), "90".to_owned()]);
        let check = |stats: Option<&str>, expected| {
            assert_eq!(may_hold(stats, "id", &wanted), expected, "{stats:?}");
        };
        check(Some(r#"{"minValues":{"id":"40"},"maxValues":{"id":"4a"}}"#), true);
        check(Some(r#"{"minValues":{"id":"4b"},"maxValues":{"id":"8f"}}"#), false);
        check(Some(r#"{"minValues":{"id":"4b"}}"#), true);
        check(Some("{}"), true);
        check(None, true);
    }
}
