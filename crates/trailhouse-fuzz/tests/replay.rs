//! Every input that the fuzzer has kept, replayed without it.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail loudly")]

use std::{fs, path::Path};

/// Runs the target on each input of its corpus. A failure names the input.
fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{target} has no inputs");
    for path in paths {
        eprintln!("{}", path.display());
        run(&fs::read(&path).unwrap());
    }
}

#[test]
fn bodies_of_queue_messages() {
    replay("sqs_body", trailhouse_fuzz::sqs_body);
}

#[test]
fn keys_of_objects() {
    replay("s3_key", trailhouse_fuzz::s3_key);
}

#[test]
fn objects() {
    replay("object", trailhouse_fuzz::object);
}

#[test]
fn detection_files() {
    replay("front_matter", trailhouse_fuzz::front_matter);
}

#[test]
fn histories_of_the_machine() {
    replay("machine", trailhouse_fuzz::machine);
}
