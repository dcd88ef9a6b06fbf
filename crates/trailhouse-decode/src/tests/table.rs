//! The hostile objects of `fixtures/hostile`, each compared with the table.

use std::collections::BTreeSet;

use trailhouse_testkit::{
    hostile::{Cases, ObjectCase, generate_large, kept},
    moto::PYTHON_VARIABLE,
};

use super::context;
use crate::{ContentKind, DecodeLimits, Decoder};

/// All objects go through one decoder, as in a worker: none leaves anything to the next.
fn check_all(cases: &[ObjectCase], read: impl Fn(&str) -> Vec<u8>) {
    let mut decoder = Decoder::new(DecodeLimits::default());
    let mut failures = Vec::new();
    for case in cases {
        let found = outcome(&mut decoder, &read(&case.name));
        let expected = expected(case);
        if found != expected {
            failures.push(format!("{}: {found} instead of {expected}", case.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn outcome(decoder: &mut Decoder, bytes: &[u8]) -> String {
    let object = match decoder.decode(&context(), bytes) {
        Ok(object) => object,
        Err(error) => return format!("quarantine {}", error.reason()),
    };
    match object.kind {
        ContentKind::Events | ContentKind::Insight => {
            let reasons: BTreeSet<&str> =
                object.rejects.iter().map(|reject| reject.reason.as_str()).collect();
            format!("{} rows, {} of {reasons:?}", object.events.num_rows(), object.rejects.len())
        }
        ContentKind::Empty => "empty".to_owned(),
        ContentKind::Digest
        | ContentKind::Aggregated
        | ContentKind::Control
        | ContentKind::Foreign => format!("skipped {}", object.kind.as_str()),
    }
}

fn expected(case: &ObjectCase) -> String {
    if let Some(reason) = &case.quarantine {
        return format!("quarantine {reason}");
    }
    if let Some(kind) = &case.skipped {
        return format!("skipped {kind}");
    }
    let rejects = case.rejects_expected();
    if case.events == 0 && rejects == 0 {
        return "empty".to_owned();
    }
    let reasons: BTreeSet<&str> = case.rejects.iter().map(String::as_str).collect();
    format!("{} rows, {rejects} of {reasons:?}", case.events)
}

#[test]
fn kept_objects_come_out_as_the_table_says() {
    let mut cases = Cases::read().unwrap().object;
    cases.retain(|case| !case.large);
    assert!(cases.len() >= 60, "{} cases", cases.len());
    check_all(&cases, |name| kept("objects", name).unwrap());
}

#[test]
fn kept_objects_come_out_together_as_alone() {
    let mut cases = Cases::read().unwrap().object;
    cases.retain(|case| !case.large);
    let bodies: Vec<Vec<u8>> =
        cases.iter().map(|case| kept("objects", &case.name).unwrap()).collect();
    // Bad objects twice, the second time behind rows that are all good.
    let context = context();
    let objects = bodies.iter().chain(bodies.iter().rev()).map(Vec::as_slice);
    let mut decoder = Decoder::new(DecodeLimits::default());
    let together = decoder.decode_all(objects.clone().map(|body| (&context, body)));
    let mut shared = 0;
    for (body, found) in objects.zip(together) {
        match (decoder.decode(&context, body), found) {
            (Ok(alone), Ok(found)) => {
                assert_eq!(alone.kind, found.kind);
                assert_eq!(alone.stats, found.stats);
                assert_eq!(alone.rejects, found.rejects);
                assert_eq!(alone.events, found.events.to_batch());
                let others = found.events.batch().num_rows() - found.events.num_rows();
                shared += usize::from(others > 0);
            }
            (Err(alone), Err(found)) => assert_eq!(alone.to_string(), found.to_string()),
            (alone, found) => panic!("{alone:?} is {found:?} beside others"),
        }
    }
    assert!(shared > 30, "{shared} objects share a batch");
}

#[test]
fn large_objects_come_out_as_the_table_says() {
    let Some(python) = std::env::var_os(PYTHON_VARIABLE) else {
        eprintln!("SKIPPED: {PYTHON_VARIABLE} is not set; scripts/test sets it");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    generate_large(&python, folder.path()).unwrap();
    let mut cases = Cases::read().unwrap().object;
    cases.retain(|case| case.large);
    assert!(!cases.is_empty());
    check_all(&cases, |name| std::fs::read(folder.path().join(name)).unwrap());
}
