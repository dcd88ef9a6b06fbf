//! The tables of a lake: names, columns, partitions, properties.

use std::{fmt, sync::Arc};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use trailhouse_decode::{column, event_schema};

/// One of the tables of a lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableName {
    /// One row per CloudTrail event.
    Events,
    /// One row per source object.
    Objects,
    /// What could not be used.
    Quarantine,
    /// What detections found.
    Findings,
    /// Which detection covered which table versions.
    Runs,
}

/// How data files hold a column. On real events this takes a tenth off a small file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    /// Hardly a value comes twice: a dictionary would be the column once more.
    Distinct,
    /// Numbers near the one before.
    Near,
    /// Times that are near the one before where rows are as they came, and like the next where they
    /// are in order.
    Arriving,
    /// Times that many rows share in a run; a dictionary of them would not be smaller.
    Repeated,
    /// Text that nobody looks up by its order, so that its bounds skip nothing.
    Unordered,
    /// Ids of which many come twice: the dictionary is most of the column.
    Ids,
}

const EVENTS_STORAGE: [(&str, Storage); 17] = [
    (column::EVENT_ID, Storage::Distinct),
    (column::REQUEST_ID, Storage::Distinct),
    (column::EVENT_TIME, Storage::Arriving),
    (column::SOURCE_ROW, Storage::Near),
    (column::SESSION_CREATION_DATE, Storage::Repeated),
    (column::ERROR_MESSAGE, Storage::Unordered),
    (column::REQUEST_PARAMETERS, Storage::Unordered),
    (column::RESPONSE_ELEMENTS, Storage::Unordered),
    (column::ADDITIONAL_EVENT_DATA, Storage::Unordered),
    (column::SERVICE_EVENT_DETAILS, Storage::Unordered),
    (column::INSIGHT_DETAILS, Storage::Unordered),
    (column::EDGE_DEVICE_DETAILS, Storage::Unordered),
    (column::EVENT_CONTEXT, Storage::Unordered),
    (column::EXTRA, Storage::Unordered),
    (column::SOURCE_OBJECT_ID, Storage::Ids),
    (column::SHARED_EVENT_ID, Storage::Ids),
    (column::USER_IDENTITY_ACCESS_KEY_ID, Storage::Ids),
];

/// The column by which events are partitioned.
pub(crate) const EVENT_DATE: &str = "event_date";
/// The column by which objects are partitioned.
pub(crate) const LEDGER_PARTITION: &str = "ledger_partition";

impl TableName {
    /// All tables.
    pub const ALL: [Self; 5] =
        [Self::Events, Self::Objects, Self::Quarantine, Self::Findings, Self::Runs];

    /// The order in which tables are made: a lake with an events table has all of them.
    pub(crate) const CREATION: [Self; 5] =
        [Self::Objects, Self::Quarantine, Self::Findings, Self::Runs, Self::Events];

    /// Returns the name in SQL and in the lake's folder.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Objects => "objects",
            Self::Quarantine => "quarantine",
            Self::Findings => "findings",
            Self::Runs => "runs",
        }
    }

    /// Returns the columns.
    pub fn schema(self) -> SchemaRef {
        match self {
            Self::Events => event_schema(),
            Self::Objects => schema_of(OBJECTS),
            Self::Quarantine => schema_of(QUARANTINE),
            Self::Findings => schema_of(FINDINGS),
            Self::Runs => schema_of(RUNS),
        }
    }

    /// Returns the column by which the table is partitioned.
    pub fn partition_column(self) -> Option<&'static str> {
        match self {
            Self::Events => Some(EVENT_DATE),
            Self::Objects => Some(LEDGER_PARTITION),
            Self::Quarantine | Self::Findings | Self::Runs => None,
        }
    }

    /// Returns the columns by which a compaction puts rows in order. Calls of one name and principal
    /// lie together: they compress better than rows by time, and a query for some calls skips most
    /// pages. Rows of equal events stand side by side, because they are equal in these too.
    pub(crate) fn row_order(self) -> &'static [&'static str] {
        match self {
            Self::Events => &[column::EVENT_NAME, column::USER_IDENTITY_ARN, column::EVENT_TIME],
            Self::Objects | Self::Quarantine | Self::Findings | Self::Runs => &[],
        }
    }

    /// Returns the columns as data files hold them: all but the partition column.
    pub(crate) fn file_schema(self) -> SchemaRef {
        let partition = self.partition_column();
        let fields: Vec<_> = self
            .schema()
            .fields()
            .iter()
            .filter(|field| Some(field.name().as_str()) != partition)
            .map(Arc::clone)
            .collect();
        Arc::new(Schema::new(fields))
    }

    /// Returns the columns whose bounds stand in the log, so that files are skipped by them.
    pub(crate) fn stats_columns(self) -> &'static [&'static str] {
        match self {
            Self::Events => &[
                "event_time",
                "event_source",
                "event_name",
                "aws_region",
                "recipient_account_id",
                "source_ip_address",
                "error_code",
                "user_identity_type",
                "user_identity_arn",
                "user_identity_account_id",
                "user_identity_access_key_id",
                "user_identity_user_name",
                "session_issuer_arn",
            ],
            Self::Objects => &[
                "object_id",
                "delivered_at",
                "first_event_time",
                "last_event_time",
                "events_version",
            ],
            Self::Quarantine => &["quarantine_id", "quarantined_at"],
            Self::Findings => &["detection_id", "first_event_time", "last_event_time", "found_at"],
            Self::Runs => &["detection_id", "to_version", "started_at"],
        }
    }

    /// Returns the columns that data files hold in a way of their own; the others have a
    /// dictionary, and bounds for each page.
    pub(crate) fn storage(self) -> &'static [(&'static str, Storage)] {
        match self {
            Self::Events => &EVENTS_STORAGE,
            Self::Objects | Self::Quarantine | Self::Findings | Self::Runs => &[],
        }
    }

    /// Returns the columns with few values, of which a dictionary says almost all: a stronger
    /// compression of them gains a third of a percent of a file, and setting it up is a tenth of what
    /// a query over many files takes.
    pub fn coded_columns(self) -> Vec<String> {
        let schema = match self {
            Self::Events => self.file_schema(),
            Self::Objects | Self::Quarantine | Self::Findings | Self::Runs => return Vec::new(),
        };
        let is_listed = |name: &str| self.storage().iter().any(|(column, _)| *column == name);
        let fields = schema.fields().iter();
        let coded = fields.filter(|it| !it.data_type().is_nested() && !is_listed(it.name()));
        coded.map(|field| field.name().clone()).collect()
    }

    /// Returns the columns whose bounds are kept page by page: in the table's order the pages of
    /// these differ. Nothing where all columns are.
    pub(crate) fn paged_columns(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Events => Some(&[
                column::EVENT_TIME,
                column::EVENT_NAME,
                column::EVENT_SOURCE,
                column::USER_IDENTITY_ARN,
            ]),
            Self::Objects | Self::Quarantine | Self::Findings | Self::Runs => None,
        }
    }

    /// Returns the columns that are asked for one value among very many: row groups without it are
    /// told apart by a filter, because bounds tell nothing.
    pub fn needle_columns(self) -> &'static [&'static str] {
        match self {
            Self::Events => &[
                column::EVENT_ID,
                column::SOURCE_IP_ADDRESS,
                column::USER_IDENTITY_PRINCIPAL_ID,
                column::USER_IDENTITY_ARN,
                column::USER_IDENTITY_ACCESS_KEY_ID,
                column::SESSION_ISSUER_ARN,
            ],
            Self::Objects | Self::Quarantine | Self::Findings | Self::Runs => &[],
        }
    }

    /// Returns the table properties of a new table.
    ///
    /// The log is kept well beyond the 14 days that a queue keeps a message, because the ledger
    /// and the runs are read from it. Checkpoints are written by maintenance, and by any other
    /// program that follows the interval.
    pub(crate) fn properties(self) -> Vec<(&'static str, String)> {
        vec![
            ("delta.logRetentionDuration", "interval 60 days".to_owned()),
            ("delta.checkpointInterval", crate::maintenance::CHECKPOINT_COMMITS.to_string()),
            ("delta.dataSkippingStatsColumns", self.stats_columns().join(",")),
        ]
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Texts,
    Bytes,
    Int,
    Long,
    Time,
}

const OBJECTS: &[(&str, Kind)] = &[
    ("object_id", Kind::Text),
    ("bucket", Kind::Text),
    ("key", Kind::Text),
    ("e_tag", Kind::Text),
    ("size_bytes", Kind::Long),
    ("inflated_bytes", Kind::Long),
    ("inflated_sha256", Kind::Text),
    ("events", Kind::Long),
    ("rejects", Kind::Long),
    ("first_event_time", Kind::Time),
    ("last_event_time", Kind::Time),
    ("delivered_at", Kind::Time),
    ("ingested_at", Kind::Time),
    ("outcome", Kind::Text),
    ("batch_id", Kind::Text),
    ("events_version", Kind::Long),
    (LEDGER_PARTITION, Kind::Text),
];

const QUARANTINE: &[(&str, Kind)] = &[
    ("quarantine_id", Kind::Text),
    ("quarantined_at", Kind::Time),
    ("reason", Kind::Text),
    ("detail", Kind::Text),
    ("bucket", Kind::Text),
    ("key", Kind::Text),
    ("object_id", Kind::Text),
    ("record_index", Kind::Int),
    ("raw", Kind::Bytes),
    ("stage", Kind::Text),
    ("attempts", Kind::Int),
    ("last_tried_at", Kind::Time),
];

const FINDINGS: &[(&str, Kind)] = &[
    ("finding_id", Kind::Text),
    ("fingerprint", Kind::Text),
    ("detection_id", Kind::Text),
    ("detection_version", Kind::Text),
    ("title", Kind::Text),
    ("severity", Kind::Text),
    ("entity", Kind::Text),
    ("key", Kind::Text),
    ("first_event_time", Kind::Time),
    ("last_event_time", Kind::Time),
    ("events", Kind::Long),
    ("event_ids", Kind::Texts),
    ("recipient_account_id", Kind::Texts),
    ("aws_region", Kind::Texts),
    ("techniques", Kind::Texts),
    ("row", Kind::Text),
    ("suppressed_by", Kind::Text),
    ("alert", Kind::Text),
    ("tags", Kind::Texts),
    ("run_id", Kind::Text),
    ("from_version", Kind::Long),
    ("to_version", Kind::Long),
    ("found_at", Kind::Time),
];

const RUNS: &[(&str, Kind)] = &[
    ("run_id", Kind::Text),
    ("detection_id", Kind::Text),
    ("detection_version", Kind::Text),
    ("kind", Kind::Text),
    ("from_version", Kind::Long),
    ("to_version", Kind::Long),
    ("from_time", Kind::Time),
    ("to_time", Kind::Time),
    ("started_at", Kind::Time),
    ("finished_at", Kind::Time),
    ("status", Kind::Text),
    ("rows_judged", Kind::Long),
    ("late_rows", Kind::Long),
    ("bytes_read", Kind::Long),
    ("millis", Kind::Long),
    ("findings", Kind::Long),
    ("suppressed", Kind::Long),
    ("alerts", Kind::Long),
    ("exception_hits", Kind::Text),
    ("error", Kind::Text),
];

fn schema_of(columns: &[(&str, Kind)]) -> SchemaRef {
    let fields: Vec<_> =
        columns.iter().map(|(name, kind)| Field::new(*name, data_type(*kind), true)).collect();
    Arc::new(Schema::new(fields))
}

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text => DataType::Utf8,
        Kind::Texts => DataType::List(Arc::new(Field::new("element", DataType::Utf8, true))),
        Kind::Bytes => DataType::Binary,
        Kind::Int => DataType::Int32,
        Kind::Long => DataType::Int64,
        Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    }
}
