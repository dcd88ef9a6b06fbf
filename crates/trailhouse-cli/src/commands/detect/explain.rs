//! `trailhouse detect explain`.

use trailhouse_service::{
    PackPlace, ServiceError,
    detect::{
        self, ConditionOutcome, EventExplanation, EventStanding, Explanation, SelectExplanation,
    },
    load_packs,
};

use super::author::find;
use crate::{
    args::{ExplainArgs, Global},
    commands::{
        lake_address, session_options,
        summary::{bytes, grouped},
    },
    exit::Exit,
    terminal::Terminal,
};

/// The most characters of a value that are shown.
const VALUE_CHARS_MAX: usize = 120;

pub(super) async fn run(
    global: &Global,
    arguments: &ExplainArgs,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let packs = load_packs(&PackPlace::all(&arguments.packs.packs))?;
    let (_, entry) = find(&packs, &arguments.id)?;
    let explained = detect::explain(
        &lake_address(global),
        &entry.detection,
        arguments.event.as_deref(),
        &session_options(global),
    )
    .await?;
    let mut lines = vec![format!("{}  {}", entry.detection.id, entry.detection.title)];
    if let Some(event) = &explained.event {
        lines.push(String::new());
        push_event(&mut lines, event, arguments.event.as_deref().unwrap_or_default());
    }
    lines.push(String::new());
    push_cost(&mut lines, &explained, arguments.plan);
    terminal.print(&lines.join("\n"))?;
    Ok(Exit::Done)
}

fn push_event(lines: &mut Vec<String>, event: &EventExplanation, event_id: &str) {
    if event.standing == EventStanding::NotThere {
        lines.push(format!("The lake has no event {event_id}"));
        return;
    }
    lines.push(format!("Event {event_id}"));
    for (name, value) in &event.facts {
        lines.push(format!("  {name:<22}{}", cut(value)));
    }
    lines.push(String::new());
    lines.push(standing(event.standing));
    match event.findings.as_slice() {
        [] => lines.push("No finding names it".to_owned()),
        titles => {
            lines.extend(titles.iter().map(|title| format!("It is evidence of: {}", cut(title))));
        }
    }
    for select in &event.selects {
        lines.push(String::new());
        push_select(lines, select);
    }
    if event.selects.is_empty() {
        lines.push(
            "No SELECT of the detection reads `events` in a form that can be taken apart"
                .to_owned(),
        );
    }
    if event.without_history {
        lines.push(String::new());
        lines.push("events_before was empty here: conditions on it see no history".to_owned());
    }
}

fn standing(standing: EventStanding) -> String {
    match standing {
        EventStanding::NotThere => "The lake has no such event".to_owned(),
        EventStanding::NeverRun => "The detection has not run yet".to_owned(),
        EventStanding::Waiting(version) => format!(
            "Not judged yet: it arrived after version {version}, up to which the detection has run"
        ),
        EventStanding::Judged(version) => {
            format!("In scope: the detection has judged what arrived up to version {version}")
        }
    }
}

fn push_select(lines: &mut Vec<String>, select: &SelectExplanation) {
    lines.push(match &select.cte {
        Some(name) => format!("Conditions of {name}"),
        None => "Conditions".to_owned(),
    });
    if select.conditions.is_empty() {
        lines.push("  none: every event passes".to_owned());
    }
    for condition in &select.conditions {
        push_condition(lines, condition);
    }
    for group in select.groups.iter().filter(|group| !group.is_empty()) {
        lines.push("Conditions on its group".to_owned());
        for condition in group {
            push_condition(lines, condition);
        }
    }
}

fn push_condition(lines: &mut Vec<String>, condition: &ConditionOutcome) {
    lines.push(format!("  {:<9}{}", condition.verdict.as_str(), condition.sql));
    for (operand, value) in &condition.values {
        lines.push(format!("           {operand} is {}", cut(value)));
    }
}

fn push_cost(lines: &mut Vec<String>, explained: &Explanation, whole_plan: bool) {
    let cost = &explained.cost;
    lines.push(format!(
        "Over the whole lake: {} read from files, {} out",
        bytes(cost.bytes),
        rows(cost.rows)
    ));
    for (name, total, left) in &cost.pruned {
        let what = name.trim_end_matches("_pruned_statistics").replace('_', " ");
        let passed = total.saturating_sub(*left);
        lines.push(format!("  {what}: {} of {} passed over", grouped(passed), grouped(*total)));
    }
    if whole_plan {
        lines.push(String::new());
        lines.push(cost.plan.clone());
    }
}

fn rows(number: u64) -> String {
    crate::commands::summary::plural(number, "row")
}

/// Cuts a value that would fill the screen: values come from whoever made the event.
fn cut(value: &str) -> String {
    let mut chars = value.chars();
    let mut shown: String = chars.by_ref().take(VALUE_CHARS_MAX).collect();
    if chars.next().is_some() {
        shown.push_str("...");
    }
    shown
}
