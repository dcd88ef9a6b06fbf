//! A lake: one place that holds the tables.

use std::{collections::HashMap, fmt, sync::Arc};

use bytes::Bytes;
use deltalake_core::{DeltaTable, kernel::Add};
use trailhouse_failpoint::{Failpoint, reach};
use trailhouse_model::{EventTime, TableVersion};
use url::Url;
use uuid::Uuid;

use crate::{
    clock,
    entry::Payload,
    entry::creation_entry,
    error::LakeError,
    event_writer::EventWriter,
    keyed::KeyedTable,
    log::{Claim, TableLog},
    schema_check::schema_string,
    store::{LakeOptions, LakeStore},
    table_states::TableStates,
    tables::TableName,
    uri::parse_lake_uri,
};

/// A lake that is open. Cheap to clone; its clones share what they know of the tables: identities of rows, and
/// the states that were read last.
#[derive(Clone)]
pub struct Lake {
    inner: Arc<LakeInner>,
}

struct LakeInner {
    store: LakeStore,
    logs: [TableLog; 5],
    quarantine: KeyedTable,
    findings: KeyedTable,
    states: TableStates,
}

/// A file that brought new events.
#[derive(Debug, Clone, PartialEq)]
pub struct AddedFile {
    /// What the log says of it.
    pub add: Add,
    /// The last version, of those that were looked at, at which it was known to be in the table.
    pub last_in: TableVersion,
}

impl fmt::Debug for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lake").field("url", &self.url().as_str()).finish_non_exhaustive()
    }
}

impl Lake {
    /// Opens the lake, making it where there is none. Two creators at once make one lake.
    pub async fn create_or_open(uri: &str) -> Result<Self, LakeError> {
        Self::create_or_open_with(uri, &LakeOptions::default()).await
    }

    /// Opens the lake as [`Lake::create_or_open`] does.
    pub async fn create_or_open_with(uri: &str, options: &LakeOptions) -> Result<Self, LakeError> {
        let store = LakeStore::new(parse_lake_uri(uri)?, options)?;
        let lake = Self::new(store)?;
        lake.check_for_writing().await?;
        for table in TableName::CREATION {
            create(lake.log(table)).await?;
            reach(Failpoint::AfterTableCreated);
        }
        Ok(lake)
    }

    /// Opens a lake that is there.
    pub async fn open(uri: &str) -> Result<Self, LakeError> {
        Self::open_with(uri, &LakeOptions::default()).await
    }

    /// Opens the lake as [`Lake::open`] does.
    pub async fn open_with(uri: &str, options: &LakeOptions) -> Result<Self, LakeError> {
        let store = LakeStore::new(parse_lake_uri(uri)?, options)?;
        let lake = Self::new(store)?;
        if lake.log(TableName::Events).snapshot(None).await?.is_some() {
            return Ok(lake);
        }
        let uri = uri.to_owned();
        Err(if lake.inner.store.is_empty().await {
            LakeError::Missing { uri }
        } else {
            LakeError::NotALake { uri }
        })
    }

    fn new(store: LakeStore) -> Result<Self, LakeError> {
        let [events, objects, quarantine, findings, runs] = TableName::ALL;
        let inner = LakeInner {
            logs: [
                store.table_log(events)?,
                store.table_log(objects)?,
                store.table_log(quarantine)?,
                store.table_log(findings)?,
                store.table_log(runs)?,
            ],
            quarantine: KeyedTable::new(store.table_log(quarantine)?, "quarantine_id"),
            findings: KeyedTable::new(store.table_log(findings)?, "finding_id"),
            states: TableStates::default(),
            store,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Returns where the lake lies, as a URL that ends in a slash.
    pub fn url(&self) -> &Url {
        self.inner.store.url()
    }

    /// Makes sure that the store keeps writers apart; asked before anything is written.
    pub(crate) async fn check_for_writing(&self) -> Result<(), LakeError> {
        self.inner.store.check_for_writing().await
    }

    pub(crate) fn log(&self, table: TableName) -> &TableLog {
        let [events, objects, quarantine, findings, runs] = &self.inner.logs;
        match table {
            TableName::Events => events,
            TableName::Objects => objects,
            TableName::Quarantine => quarantine,
            TableName::Findings => findings,
            TableName::Runs => runs,
        }
    }

    pub(crate) fn quarantine(&self) -> &KeyedTable {
        &self.inner.quarantine
    }

    pub(crate) fn findings(&self) -> &KeyedTable {
        &self.inner.findings
    }

    /// Returns a writer of events, its ledger at the newest version.
    pub async fn event_writer(&self) -> Result<EventWriter, LakeError> {
        self.check_for_writing().await?;
        EventWriter::open(self.clone()).await
    }

    /// Returns the table at its newest version, with its list of files.
    pub async fn table(&self, table: TableName) -> Result<DeltaTable, LakeError> {
        let newest = self.latest_version(table).await?;
        self.table_at(table, newest).await
    }

    /// Returns the table as it was at a version.
    pub async fn table_at(
        &self,
        table: TableName,
        version: TableVersion,
    ) -> Result<DeltaTable, LakeError> {
        if let Some(known) = self.inner.states.get(table, version) {
            return Ok(known);
        }
        let mut delta = self.log(table).delta_table();
        delta.load_version(version.0).await.map_err(LakeError::delta(table, "read state"))?;
        self.inner.states.keep(table, version, &delta);
        Ok(delta)
    }

    /// Returns the newest version of the table.
    pub async fn latest_version(&self, table: TableName) -> Result<TableVersion, LakeError> {
        let log = self.log(table);
        let latest = match self.inner.states.newest(table) {
            Some(seen) => log.newest_after(seen).await?,
            None => None,
        };
        let latest = match latest {
            Some(latest) => latest,
            None => TableVersion(log.latest().await?.version()),
        };
        self.inner.states.saw(table, latest);
        Ok(latest)
    }

    /// Returns the files that brought new events after one version (`None`: from the beginning) up
    /// to another. Compactions and deletions bring none. [`LakeError::VersionGone`] where the log
    /// entry of one of the versions has been cleaned up.
    pub async fn files_added(
        &self,
        after: Option<TableVersion>,
        up_to: TableVersion,
    ) -> Result<Vec<AddedFile>, LakeError> {
        let log = self.log(TableName::Events);
        let mut added: Vec<AddedFile> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        // Version 0 makes the table and holds no files.
        for entry in log.entries(after.unwrap_or(TableVersion(0)), up_to).await? {
            for path in entry.removed_files() {
                if let Some(file) = places.remove(path).and_then(|place| added.get_mut(place)) {
                    file.last_in = entry.version.previous();
                }
            }
            let files =
                entry.new_files().map_err(LakeError::rows(TableName::Events, "read log entry"))?;
            for add in files {
                places.insert(add.path.clone(), added.len());
                added.push(AddedFile { add, last_in: up_to });
            }
        }
        Ok(added)
    }

    /// Returns when the version was committed, where its log entry still says so.
    pub async fn committed_at(
        &self,
        table: TableName,
        version: TableVersion,
    ) -> Result<Option<EventTime>, LakeError> {
        let entry = self.log(table).entry(version).await?;
        Ok(entry.and_then(|entry| entry.committed_at()))
    }
}

async fn create(log: &TableLog) -> Result<(), LakeError> {
    if log.snapshot(None).await?.is_some() {
        return Ok(());
    }
    let schema = schema_string(log.table)?;
    let id = Uuid::now_v7().to_string();
    let entry = creation_entry(log.table, &schema, &id, clock::now())
        .map_err(LakeError::rows(log.table, "write log entry"))?;
    let payload = Payload { batch_id: id, ..Payload::default() };
    match log.claim(TableVersion(0), &payload, &Bytes::from(entry)).await {
        // Somebody else made it in the meantime.
        Claim::Won | Claim::Lost(_) => Ok(()),
        Claim::Unknown => Err(LakeError::Unknown { table: log.table }),
        Claim::Refused(error) => Err(error),
    }
}
