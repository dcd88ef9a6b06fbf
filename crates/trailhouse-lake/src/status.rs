//! What the tables hold, in numbers.

use futures::TryStreamExt;
use trailhouse_model::{EventTime, TableVersion};

use crate::{error::LakeError, lake::Lake, tables::TableName};

/// One table in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStatus {
    /// The table.
    pub table: TableName,
    /// Its newest version.
    pub version: TableVersion,
    /// Data files of that version.
    pub files: u64,
    /// Their size together.
    pub bytes: u64,
    /// Their rows together; `None` where a file of another writer does not say.
    pub rows: Option<u64>,
    /// When the version was committed.
    pub committed_at: Option<EventTime>,
}

impl Lake {
    /// Returns the numbers of all tables.
    pub async fn status(&self) -> Result<Vec<TableStatus>, LakeError> {
        let mut all = Vec::new();
        for table in TableName::ALL {
            all.push(self.table_status(table).await?);
        }
        Ok(all)
    }

    async fn table_status(&self, table: TableName) -> Result<TableStatus, LakeError> {
        let log = self.log(table);
        let snapshot = log.latest().await?;
        let version = TableVersion(snapshot.version());
        let (mut files, mut bytes, mut rows) = (0_u64, 0_u64, Some(0_u64));
        let mut views = snapshot.file_views(log.log_store().as_ref(), None);
        while let Some(file) =
            views.try_next().await.map_err(LakeError::delta(table, "list files"))?
        {
            files += 1;
            bytes = bytes.saturating_add(u64::try_from(file.size()).unwrap_or(0));
            let counted = file.num_records().and_then(|count| u64::try_from(count).ok());
            rows = rows.zip(counted).map(|(sum, count)| sum.saturating_add(count));
        }
        let committed_at = self.committed_at(table, version).await?;
        Ok(TableStatus { table, version, files, bytes, rows, committed_at })
    }
}
