//! One pass over the events of a session in search of indicators.

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray},
    compute::cast,
    datatypes::{DataType, TimeUnit, TimestampMicrosecondType},
    error::ArrowError,
};
use trailhouse_detect::context::{Hunt, HuntedEvent};
use trailhouse_model::EventTime;

use crate::{error::QueryError, session::QuerySession};

/// The columns that name who did it; the first is how sightings show the principal.
const IDENTITIES: [&str; 6] = [
    "user_identity_arn",
    "user_identity_access_key_id",
    "user_identity_account_id",
    "user_identity_user_name",
    "session_issuer_arn",
    "session_issuer_user_name",
];

impl QuerySession {
    /// Shows every event of a period to a hunt, in one scan of the columns that it looks at, and
    /// returns how many there were. `from` is the first moment of the period and `to` the first
    /// one after it.
    pub async fn hunt(
        &self,
        hunt: &mut Hunt,
        from: Option<EventTime>,
        to: Option<EventTime>,
    ) -> Result<u64, QueryError> {
        let mut rows = self.run(&hunt_sql(hunt, from, to)).await?;
        let mut events = 0_u64;
        while let Some(batch) = rows.next_batch().await? {
            let columns = HuntColumns::of(&batch)
                .map_err(|error| QueryError::Bug { message: error.to_string() })?;
            for row in 0..batch.num_rows() {
                columns.show(row, hunt);
            }
            events = events.saturating_add(u64::try_from(batch.num_rows()).unwrap_or(u64::MAX));
        }
        Ok(events)
    }
}

fn hunt_sql(hunt: &Hunt, from: Option<EventTime>, to: Option<EventTime>) -> String {
    let mut columns = vec!["event_time", "source_ip_address", "user_agent"];
    columns.extend(IDENTITIES);
    // They are most of an event's bytes.
    if hunt.reads_request_parameters() {
        columns.push("request_parameters");
    }
    let bound = |sign, time: EventTime| format!("event_time {sign} TIMESTAMP '{time}'");
    let bounds: Vec<String> = from
        .map(|time| bound(">=", time))
        .into_iter()
        .chain(to.map(|time| bound("<", time)))
        .collect();
    let filter =
        if bounds.is_empty() { String::new() } else { format!(" WHERE {}", bounds.join(" AND ")) };
    format!("SELECT {} FROM events{filter}", columns.join(", "))
}

/// The columns of one batch in the types that are read here.
struct HuntColumns {
    times: ArrayRef,
    address: StringViewArray,
    agent: StringViewArray,
    identities: Vec<StringViewArray>,
    parameters: Option<StringViewArray>,
}

impl HuntColumns {
    fn of(batch: &RecordBatch) -> Result<Self, ArrowError> {
        let column = |name: &str| {
            batch.column_by_name(name).ok_or_else(|| ArrowError::SchemaError(name.to_owned()))
        };
        let text = |name: &str| {
            Ok::<_, ArrowError>(cast(column(name)?, &DataType::Utf8View)?.as_string_view().clone())
        };
        let time_type = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let has_parameters = batch.column_by_name("request_parameters").is_some();
        Ok(Self {
            times: cast(column("event_time")?, &time_type)?,
            address: text("source_ip_address")?,
            agent: text("user_agent")?,
            identities: IDENTITIES.iter().map(|name| text(name)).collect::<Result<_, _>>()?,
            parameters: has_parameters.then(|| text("request_parameters")).transpose()?,
        })
    }

    fn show(&self, row: usize, hunt: &mut Hunt) {
        let times = self.times.as_primitive::<TimestampMicrosecondType>();
        let identities = self.identities.iter().filter_map(|column| text_at(column, row));
        let identities: Vec<&str> = identities.collect();
        hunt.observe(&HuntedEvent {
            time: times.is_valid(row).then(|| EventTime::from_micros(times.value(row))),
            source_ip_address: text_at(&self.address, row),
            user_agent: text_at(&self.agent, row),
            identities: &identities,
            request_parameters: self.parameters.as_ref().and_then(|column| text_at(column, row)),
            principal: identities.first().copied(),
        });
    }
}

fn text_at(column: &StringViewArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}
