//! Files, folders, patterns and pipes, as a user names them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;
use trailhouse_local::{
    FileReader, FolderOptions, FolderQueue, SourceError, SourceLimits, SourcePlan, WhenEmpty, plan,
};
use trailhouse_model::{ContentHash, ObjectRef};
use trailhouse_runtime::{
    MessageBody, NotificationQueue, ObjectReader, PortErrorKind, QueueMessage, ReceiptHandle,
};

const LIMITS: SourceLimits = SourceLimits { stdin_bytes_max: 8, file_bytes_max: 64 };

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        write(folder.path(), name, content);
    }
    folder
}

fn write(folder: &Path, name: &str, content: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn planned(sources: &[&str], stdin: &str) -> Result<SourcePlan, SourceError> {
    plan(sources, stdin.as_bytes(), LIMITS)
}

fn named(messages: &[QueueMessage]) -> Vec<ObjectRef> {
    let objects = messages.iter().flat_map(|message| match &message.body {
        MessageBody::Objects(objects) => objects.clone(),
        MessageBody::Notification(_) => Vec::new(),
    });
    objects.collect()
}

/// Receives everything; keys are given below the folder.
async fn names(queue: &impl NotificationQueue, root: &Path) -> Vec<String> {
    let mut keys = Vec::new();
    loop {
        let messages = queue.receive(10, Duration::ZERO).await.unwrap();
        if messages.is_empty() {
            return keys;
        }
        let receipts: Vec<ReceiptHandle> =
            messages.iter().map(|message| message.receipt.clone()).collect();
        assert_eq!(queue.acknowledge(&receipts).await.done, receipts);
        let prefix = format!("{}/", root.display());
        let below = |object: ObjectRef| object.key.as_str().replacen(&prefix, "", 1);
        keys.extend(named(&messages).into_iter().map(below));
    }
}

#[tokio::test]
async fn a_folder_is_read_by_name_without_its_companions() {
    let folder = folder(&[
        ("b/2.json.gz", "22"),
        ("b/1.ndjson", "1"),
        ("a.json", "aaa"),
        ("c.log", ""),
        (".hidden/x.json", "x"),
        ("lake/events/_delta_log/0.json", "{}"),
        ("lake/events/part.parquet", ""),
        ("README.md", "text"),
    ]);
    let plan = planned(&[folder.path().to_str().unwrap()], "").unwrap();
    assert_eq!((plan.objects, plan.bytes, plan.other_files), (4, 6, 2));
    let (queue, reader) = plan.into_ports();
    let objects = named(&queue.receive(1, Duration::ZERO).await.unwrap());
    assert_eq!(objects[0].content, Some(ContentHash::of(b"aaa")));
    assert_eq!(objects[0].size_bytes, Some(3));
    assert_eq!(reader.read(&objects[0], 3).await.unwrap(), "aaa");
    let error = reader.read(&objects[0], 2).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::TooLarge);
    let names: Vec<&str> =
        objects.iter().map(|object| object.key.as_str().rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["a.json", "1.ndjson", "2.json.gz", "c.log"]);
    assert!(queue.receive(1, Duration::ZERO).await.unwrap().is_empty());
}

#[tokio::test]
async fn files_and_patterns_are_taken_whatever_their_name_and_once() {
    let folder = folder(&[("x/a.txt", "a"), ("y/a.txt", "b"), ("y/b.json", "c")]);
    let root = folder.path().to_str().unwrap();
    let file = format!("{root}/y/a.txt");
    let pattern = format!("{root}/*/a.txt");
    let plan = planned(&[&file, &pattern, &format!("{root}/y")], "").unwrap();
    assert_eq!((plan.objects, plan.other_files), (3, 1));
    let (queue, _) = plan.into_ports();
    assert_eq!(names(&queue, folder.path()).await, ["y/a.txt", "x/a.txt", "y/b.json"]);
}

#[tokio::test]
async fn files_come_in_the_order_that_is_asked_for() {
    let folder = folder(&[("x/2.json", ""), ("x/1.json", ""), ("y/1.json", ""), ("y/0.json", "")]);
    let mut plan = planned(&[folder.path().to_str().unwrap()], "").unwrap();
    plan.order_by(|key| key.as_str().rsplit('/').next().map(str::to_owned));
    let (queue, _) = plan.into_ports();
    let names = names(&queue, folder.path()).await;
    assert_eq!(names, ["y/0.json", "x/1.json", "y/1.json", "x/2.json"]);
}

#[tokio::test]
async fn standard_input_is_kept_and_read_from_memory() {
    let (queue, reader) = planned(&["-", "-"], "{\"a\":1}").unwrap().into_ports();
    let objects = named(&queue.receive(10, Duration::ZERO).await.unwrap());
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0].content, Some(ContentHash::of(b"{\"a\":1}")));
    assert_eq!(reader.read(&objects[0], 7).await.unwrap(), "{\"a\":1}");
    let too_large = reader.read(&objects[0], 6).await.unwrap_err();
    assert_eq!(too_large.kind, PortErrorKind::TooLarge);
    let elsewhere = FileReader::new().read(&objects[0], 7).await.unwrap_err();
    assert_eq!(elsewhere.kind, PortErrorKind::NotFound);
}

#[test]
fn what_cannot_be_used_is_told_before_anything_starts() {
    let folder = folder(&[("a.json", "a")]);
    let root = folder.path().to_str().unwrap();
    let check = |source: &str, stdin: &str, message: &str| {
        let error = planned(&[root, source], stdin).unwrap_err();
        assert_eq!(error.to_string(), message);
    };
    let missing = format!("{root}/missing.json");
    check(&missing, "", &format!("`{missing}` does not exist"));
    let pattern = format!("{root}/*.gz");
    check(&pattern, "", &format!("no file matches `{pattern}`"));
    let pattern = format!("{root}/***");
    check(&pattern, "", &format!("`{pattern}` is not a pattern"));
    check("-", "123456789", "`-` holds more than 8 bytes; save it to a file first");
}

#[tokio::test]
async fn a_file_that_changes_after_it_was_named_is_not_read_under_that_name() {
    let folder = folder(&[("a.json", "one")]);
    let (queue, reader) = planned(&[folder.path().to_str().unwrap()], "").unwrap().into_ports();
    let objects = named(&queue.receive(10, Duration::ZERO).await.unwrap());
    write(folder.path(), "a.json", "two");
    assert_eq!(reader.read(&objects[0], 10).await.unwrap(), "one", "as it was named");
    let error = reader.read(&objects[0], 10).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable);
    assert!(error.chain().contains("a.json"), "{}", error.chain());
}

#[tokio::test]
async fn a_file_over_the_limit_is_named_by_its_path_and_refused() {
    let folder = folder(&[("a.json", &"x".repeat(65))]);
    let (queue, reader) = planned(&[folder.path().to_str().unwrap()], "").unwrap().into_ports();
    let objects = named(&queue.receive(10, Duration::ZERO).await.unwrap());
    assert_eq!(objects[0].content, None);
    let error = reader.read(&objects[0], 64).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::TooLarge);
}

#[cfg(unix)]
#[tokio::test]
async fn links_are_followed_once_and_dangling_ones_reported() {
    use std::os::unix::fs::symlink;
    let folder = folder(&[("a/x.json", "x")]);
    symlink(folder.path(), folder.path().join("a/loop")).unwrap();
    symlink(folder.path().join("a"), folder.path().join("b")).unwrap();
    symlink("nowhere", folder.path().join("c.json")).unwrap();
    let plan = planned(&[folder.path().to_str().unwrap()], "").unwrap();
    let (queue, reader) = plan.into_ports();
    let objects = named(&queue.receive(10, Duration::ZERO).await.unwrap());
    assert_eq!(objects.len(), 2);
    assert!(objects[0].key.as_str().ends_with("a/x.json"));
    assert_eq!(objects[1].content, None);
    let error = reader.read(&objects[1], 10).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::NotFound);
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_there_under_its_own_name_is_not_read_under_that_of_a_link() {
    use std::os::unix::fs::symlink;
    let folder = folder(&[("z/b/x.json", "x"), ("z/y.json", "y")]);
    let elsewhere = tempfile::tempdir().unwrap();
    write(elsewhere.path(), "own/w.json", "w");
    symlink(folder.path().join("z/b"), elsewhere.path().join("link")).unwrap();
    symlink(folder.path().join("z"), folder.path().join("a")).unwrap();
    symlink(elsewhere.path(), folder.path().join("m")).unwrap();
    let plan = planned(&[folder.path().to_str().unwrap()], "").unwrap();
    let (queue, _) = plan.into_ports();
    assert_eq!(names(&queue, folder.path()).await, ["m/own/w.json", "z/b/x.json", "z/y.json"]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn names_outside_utf_8_are_read() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(OsStr::from_bytes(b"\xff%41.json")), "x").unwrap();
    let (queue, reader) = plan(&[folder.path()], &b""[..], LIMITS).unwrap().into_ports();
    let objects = named(&queue.receive(10, Duration::ZERO).await.unwrap());
    assert!(objects[0].key.as_str().ends_with("%FF%2541.json"));
    assert_eq!(reader.read(&objects[0], 10).await.unwrap(), "x");
}

#[tokio::test]
async fn many_files_come_in_several_messages() {
    let files: Vec<(String, String)> =
        (0..120).map(|n| (format!("{n:03}.json"), n.to_string())).collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, content)| (name.as_str(), content.as_str())).collect();
    let folder = folder(&files);
    let (queue, _) = planned(&[folder.path().to_str().unwrap()], "").unwrap().into_ports();
    let first = queue.receive(2, Duration::ZERO).await.unwrap();
    assert_eq!(first.len(), 2);
    assert_eq!(named(&first).len(), 100);
    assert_eq!(names(&queue, folder.path()).await.len(), 20);
}

#[tokio::test]
async fn a_watched_folder_hands_out_what_appears_and_what_is_replaced() {
    let options = FolderOptions {
        interval: Duration::ZERO,
        when_empty: WhenEmpty::Return,
        ..FolderOptions::default()
    };
    let folder = folder(&[("a.json", "one"), ("note.txt", "")]);
    let queue = FolderQueue::open(folder.path(), options).unwrap();
    assert_eq!(names(&queue, folder.path()).await, ["a.json"]);
    assert_eq!(queue.other_files(), 1);
    write(folder.path(), "sub/b.json.gz", "two");
    assert_eq!(names(&queue, folder.path()).await, ["sub/b.json.gz"]);
    write(folder.path(), "a.json", "another size");
    let messages = queue.receive(1, Duration::from_secs(60)).await.unwrap();
    assert_eq!(named(&messages)[0].content, Some(ContentHash::of(b"another size")));
    assert!(queue.receive(1, Duration::from_secs(60)).await.unwrap().is_empty());
    queue.release(&messages[0].receipt).await.unwrap();
    assert_eq!(names(&queue, folder.path()).await, ["a.json"]);
    let report = queue.acknowledge(&[ReceiptHandle::new("bogus")]).await;
    assert_eq!(report.failed, [(ReceiptHandle::new("bogus"), PortErrorKind::NotFound)]);
    assert!(queue.release(&messages[0].receipt).await.is_err());
}

#[test]
fn a_folder_that_is_not_there_cannot_be_watched() {
    let folder = folder(&[("a.json", "")]);
    for name in ["missing", "a.json"] {
        let opened = FolderQueue::open(&folder.path().join(name), FolderOptions::default());
        assert_eq!(opened.unwrap_err().kind, PortErrorKind::NotFound);
    }
}
