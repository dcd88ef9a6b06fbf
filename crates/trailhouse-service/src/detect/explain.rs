//! Why a detection did or did not find an event, and what reading for it costs.

use std::collections::BTreeMap;

use serde_json::Value;
use trailhouse_detect::{
    Detection,
    author::conditions::{Condition, EventsSelect, events_selects},
};
use trailhouse_lake::{Lake, TableName};
use trailhouse_model::TableVersion;
use trailhouse_query::{EventsScope, QueryError, QuerySession, SessionOptions, rows_as_json};

use super::plan_cost::{PlanCost, plan_cost};
use crate::{
    error::{FailureKind, ServiceError},
    lake::LakeAddress,
    query::query_error,
};

/// A detection over a lake, and one event of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The event, where one was asked for.
    pub event: Option<EventExplanation>,
    /// What running it over the whole lake took.
    pub cost: PlanCost,
}

/// How a detection sees one event.
#[derive(Debug, Clone, PartialEq)]
pub struct EventExplanation {
    /// What the event is: columns and their values; empty where the lake has no such event.
    pub facts: Vec<(String, String)>,
    /// Whether the detection has judged it.
    pub standing: EventStanding,
    /// Titles of the findings of the detection that name it as evidence.
    pub findings: Vec<String>,
    /// What each SELECT over `events` asks of it.
    pub selects: Vec<SelectExplanation>,
    /// Whether the conditions saw an empty `events_before` although the detection reads it.
    pub without_history: bool,
}

/// Whether a detection has judged an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventStanding {
    /// The lake has no such event.
    NotThere,
    /// The detection has not run yet.
    NeverRun,
    /// It arrived after the last version that the detection has judged.
    Waiting(TableVersion),
    /// A run has judged it, up to this version.
    Judged(TableVersion),
}

/// What one SELECT asks.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectExplanation {
    /// The CTE that it is the body of; absent for the query itself.
    pub cte: Option<String>,
    /// The conditions on the row.
    pub conditions: Vec<ConditionOutcome>,
    /// The conditions on each group that holds the event; empty where rows are not grouped, and
    /// where the row never came into a group.
    pub groups: Vec<Vec<ConditionOutcome>>,
}

/// How one condition ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ConditionOutcome {
    /// Its SQL.
    pub sql: String,
    /// Whether it holds.
    pub verdict: Verdict,
    /// What it is about, with the values there.
    pub values: Vec<(String, String)>,
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    True,
    /// It does not.
    False,
    /// A value is null, so nothing holds.
    Null,
    /// It does not hold, and may be null.
    NotTrue,
    /// It cannot be evaluated by itself.
    Unknown,
}

impl Verdict {
    /// Returns the word that stands for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Null => "null",
            Self::NotTrue => "not true",
            Self::Unknown => "unknown",
        }
    }
}

type Row = BTreeMap<String, Value>;

/// The columns that say what an event is.
const FACTS: [&str; 8] = [
    "event_time",
    "event_source",
    "event_name",
    "recipient_account_id",
    "aws_region",
    "user_identity_arn",
    "source_ip_address",
    "error_code",
];

/// Groups of one event that are looked at; an event lies in more only where a join multiplies it.
const GROUPS_MAX: usize = 10;

/// Explains a detection over a lake.
pub async fn explain(
    address: &LakeAddress,
    detection: &Detection,
    event_id: Option<&str>,
    options: &SessionOptions,
) -> Result<Explanation, ServiceError> {
    let lake = address.open().await?;
    let whole = open(&lake, options, EventsScope::Whole).await?;
    let event = match event_id {
        Some(id) => Some(explain_event(&lake, &whole, detection, id, options).await?),
        None => None,
    };
    let cost = plan_cost(&whole, &detection.sql).await?;
    Ok(Explanation { event, cost })
}

async fn explain_event(
    lake: &Lake,
    whole: &QuerySession,
    detection: &Detection,
    event_id: &str,
    options: &SessionOptions,
) -> Result<EventExplanation, ServiceError> {
    let id = quoted(event_id);
    let columns = FACTS.join(", ");
    let sql = format!("SELECT {columns} FROM events WHERE event_id = {id} LIMIT 1");
    let facts = ask(whole, &sql).await?.pop();
    let Some(facts) = facts else {
        return Ok(EventExplanation {
            facts: Vec::new(),
            standing: EventStanding::NotThere,
            findings: Vec::new(),
            selects: Vec::new(),
            without_history: false,
        });
    };
    let (standing, waiting) = standing(lake, detection, &id, options).await?;
    let session = waiting.as_ref().unwrap_or(whole);
    let mut selects = Vec::new();
    for select in events_selects(&detection.sql) {
        selects.push(explain_select(session, &select, event_id).await);
    }
    let detection_id = quoted(detection.id.as_str());
    let sql = format!(
        "SELECT title FROM findings WHERE detection_id = {detection_id} \
         AND array_has(event_ids, {id}) ORDER BY title"
    );
    let findings = ask(whole, &sql).await?;
    let title = |row: &Row| row.get("title").map(shown).unwrap_or_default();
    Ok(EventExplanation {
        facts: FACTS.iter().map(|name| ((*name).to_owned(), fact(&facts, name))).collect(),
        standing,
        findings: findings.iter().map(title).collect(),
        selects,
        without_history: waiting.is_none() && detection.sql.contains("events_before"),
    })
}

/// Says whether the detection has judged the event; with the session of what it has not judged,
/// where the event is in that.
async fn standing(
    lake: &Lake,
    detection: &Detection,
    quoted_id: &str,
    options: &SessionOptions,
) -> Result<(EventStanding, Option<QuerySession>), ServiceError> {
    let coverage = lake.coverage().await?;
    let Some(covered) = coverage.detections.get(detection.id.as_str()) else {
        return Ok((EventStanding::NeverRun, None));
    };
    let covered = covered.version;
    let up_to = lake.latest_version(TableName::Events).await?;
    if up_to == covered {
        return Ok((EventStanding::Judged(covered), None));
    }
    let scope = EventsScope::Arrived { after: Some(covered), up_to, lookback: None };
    let session = open(lake, options, scope).await?;
    let sql = format!("SELECT event_id FROM events WHERE event_id = {quoted_id} LIMIT 1");
    if ask(&session, &sql).await?.is_empty() {
        return Ok((EventStanding::Judged(covered), None));
    }
    Ok((EventStanding::Waiting(covered), Some(session)))
}

async fn explain_select(
    session: &QuerySession,
    select: &EventsSelect,
    event_id: &str,
) -> SelectExplanation {
    let row = ask(session, &select.row_sql(event_id)).await.ok().and_then(|mut rows| rows.pop());
    let conditions = match row {
        Some(row) => outcomes(&select.conditions, &row),
        None => one_by_one(session, select, event_id).await,
    };
    let mut groups = Vec::new();
    if let (Some(sql), Some(grouping)) = (select.group_sql(event_id), &select.grouping) {
        let rows = ask(session, &sql).await.unwrap_or_default();
        let some = rows.iter().take(GROUPS_MAX);
        groups = some.map(|row| outcomes(&grouping.conditions, row)).collect();
    }
    SelectExplanation { cte: select.cte.clone(), conditions, groups }
}

fn outcomes(conditions: &[Condition], row: &Row) -> Vec<ConditionOutcome> {
    let mut outcomes = Vec::new();
    let mut value_index = 0;
    for (index, condition) in conditions.iter().enumerate() {
        let mut values = Vec::new();
        for operand in &condition.operands {
            values.push((operand.clone(), fact(row, &format!("v{value_index}"))));
            value_index += 1;
        }
        let verdict = match row.get(&format!("c{index}")) {
            Some(Value::Bool(true)) => Verdict::True,
            Some(Value::Bool(false)) => Verdict::False,
            Some(Value::Null) => Verdict::Null,
            Some(Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_))
            | None => Verdict::Unknown,
        };
        outcomes.push(ConditionOutcome { sql: condition.sql.clone(), verdict, values });
    }
    outcomes
}

/// Asks for each condition by itself: one that holds a subquery cannot stand in a SELECT list.
async fn one_by_one(
    session: &QuerySession,
    select: &EventsSelect,
    event_id: &str,
) -> Vec<ConditionOutcome> {
    let mut outcomes = Vec::new();
    for condition in &select.conditions {
        let alone = select.with_only(condition);
        let row = ask(session, &alone.row_sql(event_id)).await.ok().and_then(|mut it| it.pop());
        let outcome = row.and_then(|row| self::outcomes(&alone.conditions, &row).pop());
        if let Some(outcome) = outcome {
            outcomes.push(outcome);
            continue;
        }
        let met = ask(session, &select.count_sql(condition, event_id)).await;
        let met = met.ok().and_then(|mut rows| rows.pop()).and_then(|row| row.get("met")?.as_u64());
        let verdict = match met {
            Some(0) => Verdict::NotTrue,
            Some(_) => Verdict::True,
            None => Verdict::Unknown,
        };
        let sql = condition.sql.clone();
        outcomes.push(ConditionOutcome { sql, verdict, values: Vec::new() });
    }
    outcomes
}

async fn open(
    lake: &Lake,
    options: &SessionOptions,
    scope: EventsScope,
) -> Result<QuerySession, ServiceError> {
    let opened = QuerySession::open_scoped(lake, options, scope).await;
    opened.map_err(|error| query_error(&error, ""))
}

/// Runs a query of few rows.
pub(super) async fn ask(session: &QuerySession, sql: &str) -> Result<Vec<Row>, ServiceError> {
    let failed = |error: QueryError| query_error(&error, sql);
    let batches = session.run(sql).await.map_err(failed)?.collect().await.map_err(failed)?;
    rows_as_json(&batches).map_err(|error| ServiceError::new(FailureKind::Bug, error.to_string()))
}

fn fact(row: &Row, column: &str) -> String {
    row.get(column).map_or_else(|| "?".to_owned(), shown)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
