//! `trailhouse quarantine`.

use trailhouse_service::{
    ServiceError,
    quarantine::{self, RetryOutcome, StoredQuarantine},
};

use super::{
    ingest_settings, lake_address,
    query::print_query,
    rows::{Cells, write},
    summary::plural,
};
use crate::{
    args::{Global, QuarantineCommand},
    exit::Exit,
    terminal::Terminal,
};

/// Digits of an entry's identity that a list shows; enough to tell entries apart.
const ID_DIGITS: usize = 12;

const ALL_SQL: &str = "\
SELECT left(quarantine_id, 12) AS id,
       is_open,
       reason,
       record_index,
       bucket,
       key,
       detail,
       quarantined_at
FROM quarantine
ORDER BY quarantined_at, quarantine_id";

pub(super) async fn run(
    global: &Global,
    command: &QuarantineCommand,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    match command {
        QuarantineCommand::Ls { all: true } => print_query(global, ALL_SQL, None).await?,
        QuarantineCommand::Ls { all: false } => list(global, terminal).await?,
        QuarantineCommand::Show { id } => show(global, id).await?,
        QuarantineCommand::Retry { ids, all: _ } => return retry(global, ids, terminal).await,
    }
    Ok(Exit::Done)
}

async fn list(global: &Global, terminal: &Terminal) -> Result<(), ServiceError> {
    let open = quarantine::list_open(&lake_address(global)).await?;
    if open.is_empty() {
        terminal.say("Nothing is in quarantine.");
    }
    let text = |of: &dyn Fn(&StoredQuarantine) -> Option<String>| {
        Cells::Text(open.iter().map(of).collect())
    };
    write(
        global,
        vec![
            ("id", text(&|row| Some(short_id(row)))),
            ("reason", text(&|row| Some(row.entry.reason.to_string()))),
            ("record", text(&|row| row.entry.record_index.map(|index| index.to_string()))),
            ("object", text(&|row| Some(quarantine::place(&row.entry)))),
            ("detail", text(&|row| Some(row.entry.detail.clone()))),
            ("quarantined_at", text(&|row| Some(row.entry.quarantined_at.to_string()))),
        ],
    )
}

async fn show(global: &Global, id: &str) -> Result<(), ServiceError> {
    let found = quarantine::find(&lake_address(global), id).await?;
    let raw = String::from_utf8_lossy(&found.entry.raw).into_owned();
    let facts = [
        ("id", found.id.to_string()),
        ("reason", found.entry.reason.to_string()),
        ("detail", found.entry.detail.clone()),
        ("object", quarantine::place(&found.entry)),
        ("record", found.entry.record_index.map_or_else(String::new, |index| index.to_string())),
        ("quarantined_at", found.entry.quarantined_at.to_string()),
        ("first_bytes", raw),
    ];
    let names = facts.iter().map(|(name, _)| Some((*name).to_owned())).collect();
    let values = facts.iter().map(|(_, value)| Some(value.clone())).collect();
    write(global, vec![("fact", Cells::Text(names)), ("value", Cells::Text(values))])
}

async fn retry(global: &Global, ids: &[String], terminal: &Terminal) -> Result<Exit, ServiceError> {
    let retried = quarantine::retry(&ingest_settings(global), ids).await?;
    let mut still_bad = 0_u64;
    for one in &retried {
        let id = short_id(&one.entry);
        let place = quarantine::place(&one.entry.entry);
        match &one.outcome {
            RetryOutcome::Stored { events } => {
                terminal.say(&format!("stored     {id}  {}  {place}", plural(*events, "event")));
            }
            RetryOutcome::AlreadyStored => terminal.say(&format!("had it     {id}  {place}")),
            RetryOutcome::StillBad { detail } => {
                still_bad += 1;
                terminal.say(&format!("still bad  {id}  {place}: {detail}"));
            }
        }
    }
    if retried.is_empty() {
        terminal.say("Nothing is in quarantine.");
    }
    Ok(if still_bad > 0 { Exit::Partial } else { Exit::Done })
}

fn short_id(row: &StoredQuarantine) -> String {
    row.id.to_string().chars().take(ID_DIGITS).collect()
}
