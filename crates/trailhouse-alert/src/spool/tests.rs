//! The spool, with a crash at every file operation.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU32, Ordering},
};

use super::*;
use crate::samples::{alert, time};

/// Lets every file operation fail from the chosen one on, as after the end of the process.
#[derive(Debug)]
pub(crate) struct Crash {
    left: AtomicU32,
}

impl Default for Crash {
    fn default() -> Self {
        Self::after(u32::MAX)
    }
}

impl Crash {
    fn after(steps: u32) -> Self {
        Self { left: AtomicU32::new(steps) }
    }

    pub(super) fn step(&self) -> io::Result<()> {
        let one_less = |left: u32| left.checked_sub(1);
        let taken = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
        taken.map(drop).map_err(|_| io::Error::other("crashed"))
    }
}

const SINK: &str = "soc";

fn now() -> EventTime {
    time("2026-11-21T10:00:00Z")
}

fn numbered(number: u32) -> Alert {
    Alert { fingerprint: format!("f{number}"), ..alert() }
}

fn spool(root: &Path) -> Spool {
    Spool::open(root, SpoolOptions::default()).unwrap()
}

fn crashing(root: &Path, steps: u32) -> Result<Spool, SpoolError> {
    let files = Files { crash: Crash::after(steps) };
    Spool::with_files(root.to_owned(), SpoolOptions::default(), files)
}

fn waiting(spool: &Spool) -> Vec<String> {
    let ids = spool.pending(SINK).unwrap();
    let read = |id| spool.read(SINK, id).unwrap().unwrap().alert.fingerprint;
    ids.iter().map(read).collect()
}

fn dead(spool: &Spool) -> Vec<String> {
    let letters = spool.dead(SINK).unwrap();
    letters.into_iter().filter_map(|letter| Some(letter.alert?.fingerprint)).collect()
}

#[test]
fn alerts_wait_in_order_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    for number in [3, 1, 2] {
        assert_eq!(spool.enqueue(SINK, &numbered(number), now()).unwrap(), Enqueued::Added);
    }
    let again = spool.enqueue(SINK, &numbered(1), now()).unwrap();
    assert_eq!(again, Enqueued::AlreadyWaiting);
    // A clock that goes back does not change the order.
    let earlier = time("2020-01-01T00:00:00Z");
    let late = Spool::open(folder.path(), SpoolOptions::default()).unwrap();
    assert_eq!(late.enqueue(SINK, &numbered(4), earlier).unwrap(), Enqueued::Added);
    assert_eq!(waiting(&spool), ["f3", "f1", "f2", "f4"]);
    assert_eq!(spool.depth(SINK).unwrap(), SpoolDepth { pending: 4, dead: 0, oldest: Some(now()) });
    assert_eq!(spool.sinks().unwrap(), [SINK]);
}

#[test]
fn a_full_spool_takes_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let options = SpoolOptions { pending_max: 2, dead_max: 2 };
    let spool = Spool::open(folder.path(), options).unwrap();
    assert_eq!(spool.enqueue(SINK, &numbered(1), now()).unwrap(), Enqueued::Added);
    assert_eq!(spool.enqueue(SINK, &numbered(2), now()).unwrap(), Enqueued::Added);
    let full = spool.enqueue(SINK, &numbered(3), now());
    assert!(matches!(full, Err(SpoolError::Full { limit: 2, .. })), "{full:?}");
    assert_eq!(waiting(&spool), ["f1", "f2"]);
}

#[test]
fn dead_letters_are_listed_retried_and_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    for number in 1..=3 {
        assert_eq!(spool.enqueue(SINK, &numbered(number), now()).unwrap(), Enqueued::Added);
    }
    for id in spool.pending(SINK).unwrap().iter().take(2) {
        spool.bury(SINK, id, SendErrorKind::Rejected, "answered 400", now()).unwrap();
    }
    let letters = spool.dead(SINK).unwrap();
    assert_eq!(
        (letters[0].kind.as_str(), letters[0].reason.as_str()),
        ("rejected", "answered 400")
    );
    let again = spool.enqueue(SINK, &numbered(1), now()).unwrap();
    assert_eq!(again, Enqueued::AlreadyDead);
    assert!(spool.retry_dead(SINK, &letters[0].id, now()).unwrap());
    assert!(!spool.retry_dead(SINK, &letters[0].id, now()).unwrap());
    assert_eq!(
        (waiting(&spool), dead(&spool)),
        (vec!["f1".into(), "f3".into()], vec!["f2".into()])
    );
    assert!(spool.drop_dead(SINK, &letters[1].id).unwrap());
    assert!(!spool.drop_dead(SINK, &letters[1].id).unwrap());
    assert!(spool.dead(SINK).unwrap().is_empty());
}

#[test]
fn the_oldest_dead_letters_make_room() {
    let folder = tempfile::tempdir().unwrap();
    let options = SpoolOptions { dead_max: 2, ..SpoolOptions::default() };
    let spool = Spool::open(folder.path(), options).unwrap();
    for number in 1..=4 {
        assert_eq!(spool.enqueue(SINK, &numbered(number), now()).unwrap(), Enqueued::Added);
        let id = spool.pending(SINK).unwrap().remove(0);
        spool.bury(SINK, &id, SendErrorKind::Permanent, "gone", now()).unwrap();
    }
    assert_eq!(dead(&spool), ["f3", "f4"]);
}

#[test]
fn a_damaged_file_becomes_a_dead_letter_without_an_alert() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    assert_eq!(spool.enqueue(SINK, &numbered(1), now()).unwrap(), Enqueued::Added);
    let id = spool.pending(SINK).unwrap().remove(0);
    let path = folder.path().join(SINK).join("pending").join(id.file_name());
    std::fs::write(path, b"{\"enqueued").unwrap();
    assert!(matches!(spool.read(SINK, &id), Err(SpoolError::Damaged { .. })));
    spool.bury(SINK, &id, SendErrorKind::Rejected, "damaged", now()).unwrap();
    assert_eq!(spool.dead(SINK).unwrap()[0].alert, None);
    assert!(!spool.retry_dead(SINK, &id, now()).unwrap());
}

#[test]
fn no_name_leads_out_of_the_spool() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    for name in ["", "..", "a/b", "A", "a.b"] {
        let refused = spool.enqueue(name, &alert(), now());
        assert!(matches!(refused, Err(SpoolError::NotASink { .. })), "{name}");
    }
    assert!("../../etc/passwd".parse::<EntryId>().is_err());
}

#[test]
fn only_one_may_send() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (spool(folder.path()), spool(folder.path()));
    let held = first.lock().unwrap();
    assert!(held.is_some());
    assert!(second.lock().unwrap().is_none());
    drop(held);
    assert!(second.lock().unwrap().is_some());
}

/// What a caller does: enqueue from the cursor on, then move the cursor.
fn enqueue_from_cursor(spool: &Spool) -> Result<(), SpoolError> {
    let start: u32 = spool.cursor(SINK)?.map_or(1, |cursor| cursor.parse().unwrap());
    for number in start..=3 {
        let _settled: Enqueued = spool.enqueue(SINK, &numbered(number), now())?;
        spool.set_cursor(SINK, &(number + 1).to_string())?;
    }
    Ok(())
}

/// Takes dead letters back, sends the first, gives the second up and takes it back, keeps the third.
fn deliver(spool: &Spool, sent: &mut Vec<String>) -> Result<(), SpoolError> {
    for letter in spool.dead(SINK)? {
        assert!(spool.retry_dead(SINK, &letter.id, now())?);
    }
    for id in spool.pending(SINK)? {
        let Some(entry) = spool.read(SINK, &id)? else { continue };
        match entry.alert.fingerprint.as_str() {
            "f1" => {
                sent.push(entry.alert.idempotency_key());
                spool.settle(SINK, &id)?;
            }
            "f2" => {
                spool.bury(SINK, &id, SendErrorKind::Rejected, "answered 400", now())?;
                assert!(spool.retry_dead(SINK, &id, now())?);
            }
            _ => {}
        }
    }
    Ok(())
}

#[test]
fn nothing_is_lost_by_a_crash_at_any_file_operation() {
    let mut steps = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let mut sent = Vec::new();
        let run = crashing(folder.path(), steps).and_then(|spool| {
            enqueue_from_cursor(&spool)?;
            deliver(&spool, &mut sent)
        });
        let after = spool(folder.path());
        after.recover(SINK).unwrap();
        enqueue_from_cursor(&after).unwrap();
        deliver(&after, &mut sent).unwrap();
        let keys: BTreeSet<&str> = sent.iter().map(String::as_str).collect();
        assert_eq!(keys, BTreeSet::from(["f1-new"]), "after {steps} steps");
        assert_eq!(waiting(&after), ["f2", "f3"], "after {steps} steps");
        assert!(dead(&after).is_empty(), "after {steps} steps");
        let left = walk(folder.path());
        assert!(!left.iter().any(|name| name.ends_with(".unfinished")), "{left:?}");
        if run.is_ok() {
            break;
        }
        steps += 1;
    }
    assert!(steps > 30, "there were {steps} operations");
}

fn walk(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            names.extend(walk(&entry.path()));
        }
        names.push(entry.file_name().into_string().unwrap());
    }
    names
}
