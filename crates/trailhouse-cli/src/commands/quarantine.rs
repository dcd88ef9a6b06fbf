//! `trailhouse quarantine`.

use std::path::Path;

use trailhouse_model::QuarantineReason;
use trailhouse_service::{
    ServiceError,
    quarantine::{self, EntryState, RetryOutcome, Selection, StoredQuarantine},
};

use super::{
    ingest_settings, lake_address,
    rows::{Cells, write},
    summary::{count, grouped, plural},
};
use crate::{
    args::{EntryArgs, Global, QuarantineCommand},
    exit::Exit,
    terminal::Terminal,
};

/// Digits of an entry's identity that a list shows; enough to tell entries apart.
const ID_DIGITS: usize = 12;
const NOTHING: &str = "Nothing is in quarantine.";

pub(super) async fn run(
    global: &Global,
    command: &QuarantineCommand,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    match command {
        QuarantineCommand::Ls { reason, all } => {
            let state = if *all { EntryState::Any } else { EntryState::Open };
            let selection = Selection { ids: Vec::new(), reason: *reason, state };
            list(global, &selection, terminal).await?;
        }
        QuarantineCommand::Show { id } => show(global, id).await?,
        QuarantineCommand::Retry { which } => {
            return retry(global, &selection(which, EntryState::Open), terminal).await;
        }
        QuarantineCommand::Drop { which, stored, yes } => {
            let state = if *stored { EntryState::Stored } else { EntryState::Open };
            let entries = quarantine::list(&lake_address(global), &selection(which, state)).await?;
            if *yes {
                drop_entries(global, &entries, terminal).await?;
            } else {
                preview_drop(&entries, terminal);
            }
        }
        QuarantineCommand::Export { dir, which } => {
            export(global, &selection(which, EntryState::Open), dir, terminal).await?;
        }
    }
    Ok(Exit::Done)
}

fn selection(which: &EntryArgs, state: EntryState) -> Selection {
    Selection { ids: which.ids.clone(), reason: which.reason, state }
}

async fn list(
    global: &Global,
    selection: &Selection,
    terminal: &Terminal,
) -> Result<(), ServiceError> {
    let rows = quarantine::list(&lake_address(global), selection).await?;
    if rows.is_empty() {
        terminal.say(NOTHING);
    }
    let text = |of: &dyn Fn(&StoredQuarantine) -> Option<String>| {
        Cells::Text(rows.iter().map(of).collect())
    };
    write(
        global,
        vec![
            ("id", text(&|row| Some(short_id(row)))),
            ("state", text(&|row| Some(state(row).to_owned()))),
            ("reason", text(&|row| Some(row.entry.reason.to_string()))),
            ("stage", text(&|row| Some(row.stage.to_string()))),
            ("attempts", Cells::Count(rows.iter().map(|row| row.attempts.into()).collect())),
            ("record", text(&|row| row.entry.record_index.map(|index| index.to_string()))),
            ("object", text(&|row| Some(quarantine::place(&row.entry)))),
            ("detail", text(&|row| Some(row.entry.detail.clone()))),
            ("quarantined_at", text(&|row| Some(row.entry.quarantined_at.to_string()))),
        ],
    )
}

async fn show(global: &Global, id: &str) -> Result<(), ServiceError> {
    let found = quarantine::find(&lake_address(global), id).await?;
    let entry = &found.entry;
    let facts = [
        ("id", found.id.to_string()),
        ("state", state(&found).to_owned()),
        ("reason", entry.reason.to_string()),
        ("stage", found.stage.to_string()),
        ("detail", entry.detail.clone()),
        ("object", quarantine::place(entry)),
        ("record", entry.record_index.map_or_else(String::new, |index| index.to_string())),
        ("attempts", found.attempts.to_string()),
        ("quarantined_at", entry.quarantined_at.to_string()),
        ("last_tried_at", found.last_tried_at.to_string()),
        ("what_to_do", what_to_do(&found).to_owned()),
        ("bytes_kept", entry.raw.len().to_string()),
        ("first_bytes", escaped(&entry.raw)),
    ];
    let names = facts.iter().map(|(name, _)| Some((*name).to_owned())).collect();
    let values = facts.iter().map(|(_, value)| Some(value.clone())).collect();
    write(global, vec![("fact", Cells::Text(names)), ("value", Cells::Text(values))])
}

async fn retry(
    global: &Global,
    selection: &Selection,
    terminal: &Terminal,
) -> Result<Exit, ServiceError> {
    let retried = Box::pin(quarantine::retry(&ingest_settings(global), selection)).await?;
    let mut is_partial = false;
    for one in &retried {
        let id = short_id(&one.entry);
        let place = quarantine::place(&one.entry.entry);
        match &one.outcome {
            RetryOutcome::Stored { events, refused: 0 } => {
                terminal.say(&format!("stored     {id}  {}  {place}", plural(*events, "event")));
            }
            RetryOutcome::Stored { events, refused } => {
                is_partial = true;
                let (events, refused) =
                    (plural(*events, "event"), format!("{} new in quarantine", grouped(*refused)));
                terminal.say(&format!("stored     {id}  {events}, {refused}  {place}"));
            }
            RetryOutcome::AlreadyStored => terminal.say(&format!("had it     {id}  {place}")),
            RetryOutcome::StillBad { detail } => {
                is_partial = true;
                terminal.say(&format!("still bad  {id}  {place}: {detail}"));
            }
        }
    }
    if retried.is_empty() {
        terminal.say(NOTHING);
    }
    Ok(if is_partial { Exit::Partial } else { Exit::Done })
}

async fn drop_entries(
    global: &Global,
    entries: &[StoredQuarantine],
    terminal: &Terminal,
) -> Result<(), ServiceError> {
    let dropped = quarantine::drop_entries(&lake_address(global), entries).await?;
    terminal.say(&format!("Dropped {} of the quarantine.", plural(dropped, "row")));
    Ok(())
}

fn preview_drop(entries: &[StoredQuarantine], terminal: &Terminal) {
    for row in entries {
        let (id, place) = (short_id(row), quarantine::place(&row.entry));
        terminal.say(&format!("would drop  {id}  {}  {place}", row.entry.reason));
    }
    let rows = plural(count(entries.len()), "row");
    terminal.say(&format!("{rows} to drop. Nothing was changed; add --yes to do it."));
}

async fn export(
    global: &Global,
    selection: &Selection,
    folder: &Path,
    terminal: &Terminal,
) -> Result<(), ServiceError> {
    let exported = quarantine::export(&lake_address(global), selection, folder).await?;
    let rows = plural(exported.entries, "row");
    terminal.say(&format!("Wrote {rows}, listed in {}", exported.manifest.display()));
    Ok(())
}

fn short_id(row: &StoredQuarantine) -> String {
    row.id.to_string().chars().take(ID_DIGITS).collect()
}

fn state(row: &StoredQuarantine) -> &'static str {
    if row.is_open { "open" } else { "stored" }
}

/// Says what a person can do about an entry.
fn what_to_do(row: &StoredQuarantine) -> &'static str {
    if !row.is_open {
        return "nothing: what it is about has been stored since; `quarantine drop --stored` tidies up";
    }
    match row.entry.reason {
        QuarantineReason::UnknownMessage => {
            "find out who sends it: the queue should get S3, SNS or EventBridge notices of the \
             bucket only; retry reads the kept body again, drop it where it is no notice"
        }
        QuarantineReason::Missing => {
            "the object was named but is not there: deleted, expired, or in another account's \
             bucket; retry once it is back, drop it where it is gone for good"
        }
        QuarantineReason::Archived => {
            "restore the object from its archive tier (aws s3api restore-object), then retry"
        }
        QuarantineReason::Corrupt => {
            "put an undamaged copy in its place (another trail, a replica, a backup), then retry; \
             a CloudTrail digest tells which copy is the original"
        }
        QuarantineReason::UnsupportedCompression => {
            "put it in its place as gzip or plain JSON, then retry"
        }
        QuarantineReason::LimitExceeded => {
            "look at the object before you trust it: CloudTrail writes none of this size; retry \
             with a larger --inflated-limit where that is what it exceeds, else split it and \
             ingest the parts"
        }
        QuarantineReason::NotCloudTrail => {
            "if it is no log, drop it, and narrow the prefix or the notification to AWSLogs/"
        }
        QuarantineReason::BadRecord => {
            "the rest of the object is stored; retry after an upgrade, or after the object in the \
             bucket was put right, stores this record alone"
        }
    }
}

/// Writes bytes as text; what is no UTF-8 becomes `\xNN`. Control characters are escaped by whoever
/// prints it.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.push_str(&chunk.invalid().escape_ascii().to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_still_told() {
        assert_eq!(escaped(b"\x1f\x8b\xc3\xa9{"), "\u{1f}\\x8b\u{e9}{");
    }
}
