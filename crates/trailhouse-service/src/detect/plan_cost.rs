//! What running a query takes, read from the measured plan.

use std::collections::BTreeMap;

use serde_json::Value;
use trailhouse_query::QuerySession;

use super::explain::ask;
use crate::error::ServiceError;

/// A plan, and what it read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanCost {
    /// The plan with its measurements, as the engine writes it.
    pub plan: String,
    /// Bytes that were read from files.
    pub bytes: u64,
    /// Rows that came out.
    pub rows: u64,
    /// What was looked at and what was passed over by statistics: name, looked at, left to read.
    pub pruned: Vec<(String, u64, u64)>,
}

/// Runs the query and measures it.
pub(super) async fn plan_cost(session: &QuerySession, sql: &str) -> Result<PlanCost, ServiceError> {
    let rows = ask(session, &format!("EXPLAIN ANALYZE {sql}")).await?;
    let texts = rows.iter().filter_map(|row| row.get("plan").and_then(Value::as_str));
    let plan: Vec<&str> = texts.collect();
    Ok(read_cost(&plan.join("\n")))
}

/// Reads the measurements of a plan: `bytes_scanned=1.2 K` and `row_groups_pruned_statistics=3
/// total -> 1 matched`, with an arrow for `->`.
fn read_cost(plan: &str) -> PlanCost {
    let mut cost = PlanCost { plan: plan.trim_end().to_owned(), ..PlanCost::default() };
    let mut pruned: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let is_separator = |c: char| matches!(c, ',' | '[' | ']');
    for measured in plan.split(is_separator).filter_map(|part| part.trim().split_once('=')) {
        let (name, value) = measured;
        if name == "bytes_scanned" {
            cost.bytes = cost.bytes.saturating_add(number(value));
        }
        let counts = value.split_once(" total ").and_then(|(total, rest)| {
            let matched = rest.split_whitespace().nth(1)?;
            Some((number(total), number(matched)))
        });
        if let Some((total, matched)) = counts {
            let sum = pruned.entry(name).or_default();
            *sum = (sum.0.saturating_add(total), sum.1.saturating_add(matched));
        }
    }
    cost.rows = plan.lines().find_map(output_rows).unwrap_or_default();
    let rows = pruned.into_iter().filter(|(_, (total, _))| *total > 0);
    cost.pruned = rows.map(|(name, (total, left))| (name.to_owned(), total, left)).collect();
    cost
}

fn output_rows(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("output_rows=")?;
    Some(number(rest.split([',', ']']).next()?))
}

/// Reads a number as the engine writes it: `17`, `1.5 K`, `2.0 MB`.
fn number(text: &str) -> u64 {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let kilo = if unit.contains('B') { 1024_u64 } else { 1000 };
    let factor = match unit.trim().chars().next() {
        Some('K') => kilo,
        Some('M') => kilo.pow(2),
        Some('G') => kilo.pow(3),
        Some('T') => kilo.pow(4),
        Some(_) | None => 1,
    };
    let whole = whole.parse::<u64>().unwrap_or_default().saturating_mul(factor);
    let tenths = fraction.get(..1).and_then(|digit| digit.parse::<u64>().ok()).unwrap_or_default();
    whole.saturating_add(tenths.saturating_mul(factor) / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_are_read_from_the_plan() {
        let plan = "FilterExec, metrics=[output_rows=1.5 K, elapsed_compute=1ms]\n  \
                    DataSourceExec: x, metrics=[output_rows=3, bytes_scanned=2.5 KB, \
                    row_groups_pruned_statistics=4 total \u{2192} 1 matched]\n  \
                    DataSourceExec: y, metrics=[bytes_scanned=17, \
                    row_groups_pruned_statistics=2 total \u{2192} 2 matched]\n";
        let cost = read_cost(plan);
        assert_eq!((cost.bytes, cost.rows), (2_577, 1_500));
        assert_eq!(cost.pruned, [("row_groups_pruned_statistics".to_owned(), 6, 3)]);
        assert_eq!(read_cost(""), PlanCost::default());
    }
}
