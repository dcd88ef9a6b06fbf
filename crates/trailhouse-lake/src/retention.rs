//! Takes out what is too old: whole days of events, and files that no version needs any more.

use std::time::Duration;

use chrono::TimeDelta;
use deltalake_core::kernel::Remove;
use trailhouse_model::TableVersion;
use uuid::Uuid;

use crate::{
    clock,
    entry::{Payload, RewriteEntry},
    error::LakeError,
    lake::Lake,
    log::{CONFLICTS_MAX, Claim},
    schema_check::check_snapshot,
    tables::TableName,
};

/// The days that are older than retention allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expired {
    /// The days, the oldest first, as in `2026-06-01`.
    pub days: Vec<String>,
    /// Their files.
    pub files: u64,
    /// The bytes of these files.
    pub bytes: u64,
    /// The version in which they are gone, where they are.
    pub version: Option<TableVersion>,
}

/// Files that no version that is kept needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vacuumed {
    /// The table.
    pub table: TableName,
    /// The files, by their paths in the table's folder.
    pub files: Vec<String>,
}

impl Lake {
    /// Finds the days of events before a day, given as in `2026-06-01`, and takes them out of the
    /// table where that is asked for. Events without a time stay. What the files hold is not read.
    pub async fn expire(&self, before: &str, is_rehearsal: bool) -> Result<Expired, LakeError> {
        let table = TableName::Events;
        let log = self.log(table);
        let payload = Payload { batch_id: Uuid::now_v7().to_string(), ..Payload::default() };
        for attempt in 0..CONFLICTS_MAX {
            let snapshot = log.latest().await?;
            check_snapshot(table, &snapshot)?;
            let (mut expired, mut removes) = (Expired::default(), Vec::<Remove>::new());
            for file in log.files(&snapshot).await? {
                let day = log.partition_of(&file).filter(|day| day.as_str() < before);
                let Some(day) = day else { continue };
                expired.files += 1;
                expired.bytes += u64::try_from(file.size()).unwrap_or(0);
                expired.days.push(day);
                removes.push(file.remove_action(true));
            }
            expired.days.sort_unstable();
            expired.days.dedup();
            if is_rehearsal || removes.is_empty() {
                return Ok(expired);
            }
            let entry = RewriteEntry {
                operation: "DELETE",
                payload: &payload,
                removes: &removes,
                adds: &[],
                now: clock::now(),
            };
            let entry = entry.to_bytes().map_err(LakeError::rows(table, "write log entry"))?;
            let version = TableVersion(snapshot.version()).next();
            match log.claim(version, &payload, &entry.into()).await {
                Claim::Won => return Ok(Expired { version: Some(version), ..expired }),
                // Others may have brought files of these days, or taken some out.
                Claim::Lost(_) => log.backoff.wait(&payload.batch_id, attempt).await,
                Claim::Unknown => return Err(LakeError::Unknown { table }),
                Claim::Refused(error) => return Err(error),
            }
        }
        Err(LakeError::Contended { table })
    }

    /// Deletes files that no version of the last `keep` needs. A version before that cannot be read
    /// any more, and a detection that has not run since then cannot make up for it.
    pub async fn vacuum(
        &self,
        table: TableName,
        keep: Duration,
        is_rehearsal: bool,
    ) -> Result<Vacuumed, LakeError> {
        let keep = i64::try_from(keep.as_secs()).unwrap_or(i64::MAX);
        let keep = TimeDelta::try_seconds(keep).unwrap_or(TimeDelta::MAX);
        let (_, metrics) = self
            .table(table)
            .await?
            .vacuum()
            .with_retention_period(keep)
            .with_enforce_retention_duration(false)
            .with_dry_run(is_rehearsal)
            .await
            .map_err(LakeError::delta(table, "vacuum"))?;
        Ok(Vacuumed { table, files: metrics.files_deleted })
    }
}
