//! The questions, in each engine's words.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::measure::Failed;

/// The questions and the values that they ask for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuerySet {
    /// Statements that find a value in the corpus.
    needles: BTreeMap<String, String>,
    /// The questions.
    pub(crate) query: Vec<Query>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    pub(crate) name: String,
    sql: String,
}

impl QuerySet {
    /// Reads the set that stands beside the program.
    pub(crate) fn load() -> Result<Self, Failed> {
        Ok(toml::from_str(include_str!("../../queries.toml"))?)
    }

    /// Returns the statements that find values, by name.
    pub(crate) fn needles(&self) -> Value {
        json!(self.needles)
    }

    /// Puts the values that were found into the statements.
    pub(crate) fn with(mut self, found: &Value) -> Result<Self, Failed> {
        for name in self.needles.keys() {
            let value = found.get(name).and_then(Value::as_str).ok_or("a needle is text")?;
            let value = value.replace('\'', "''");
            for query in &mut self.query {
                query.sql = query.sql.replace(&format!("{{{name}}}"), &value);
            }
        }
        Ok(self)
    }

    /// Returns the statements as an engine takes them.
    pub(crate) fn texts(&self, engine: &str) -> Value {
        let is_clickhouse = engine == "clickhouse";
        let text = |query: &Query| with_members(&query.sql, is_clickhouse);
        self.query.iter().map(text).collect()
    }
}

/// Writes `{json COLUMN MEMBER}` out.
fn with_members(sql: &str, is_clickhouse: bool) -> String {
    let mut pieces = sql.split("{json ");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (mark, rest) = piece.split_once('}').unwrap_or((piece, ""));
        let (column, member) = mark.split_once(' ').unwrap_or((mark, ""));
        text.push_str(&if is_clickhouse {
            // A member that is not there is an empty text otherwise.
            format!("nullIf(JSONExtractString({column}, '{member}'), '')")
        } else {
            format!("({column}->>'{member}')")
        });
        text.push_str(rest);
    }
    text
}
