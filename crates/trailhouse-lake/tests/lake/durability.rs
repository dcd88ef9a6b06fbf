//! What is on the disk before a commit counts, watched at the syncs.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use trailhouse_lake::{
    EventWriter, Lake, LakeOptions, TableName,
    disk::{OsSyncs, Syncs},
    durable_files::DurableFiles,
};
use trailhouse_model::{BatchId, CommitOutcome, Disposition, TableVersion};
use trailhouse_runtime::LakeWriter;

use crate::support::{Place, check_stored, number, object, object_ref, request};

/// A sync with what could be seen of the lake at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sync {
    /// Of a file, and whether it had its name already.
    File { name: String, is_named: bool },
    /// Of a folder, and the files that had their names in it.
    Folder { name: String, files: usize },
}

#[derive(Debug, Default)]
struct Watch {
    lake: PathBuf,
    seen: Mutex<Vec<Sync>>,
    /// Syncs of files or of folders whose path ends so fail.
    failing_file: Mutex<Option<&'static str>>,
    failing_folder: Mutex<Option<&'static str>>,
}

impl Watch {
    fn new(place: &Place) -> Arc<Self> {
        Arc::new(Self { lake: PathBuf::from(place.uri()), ..Self::default() })
    }

    fn options(self: &Arc<Self>) -> LakeOptions {
        let watch = Arc::clone(self);
        LakeOptions {
            wrap_store: Some(Arc::new(move |_| {
                let syncs: Arc<dyn Syncs> = Arc::<Self>::clone(&watch);
                Arc::new(DurableFiles::with_syncs(syncs))
            })),
            backoff: Duration::ZERO,
            backoff_max: Duration::ZERO,
            ..LakeOptions::default()
        }
    }

    /// The path in the lake, with the name of a data file left out: it is another each time.
    fn name(&self, path: &Path) -> String {
        let Ok(inside) = path.strip_prefix(&self.lake) else { return "(above)".to_owned() };
        let text = inside.to_str().unwrap();
        let named = text.split_once('#').map_or(text, |(named, _)| named);
        let is_data = named.ends_with(".parquet");
        let shown = if is_data { named.rsplit_once('/').unwrap().0 } else { named };
        shown.to_owned()
    }

    /// The syncs under a folder of the lake since the last call.
    fn take(&self, under: &str) -> Vec<Sync> {
        let all = std::mem::take(&mut *self.seen.lock().unwrap());
        let is_under = |sync: &Sync| match sync {
            Sync::File { name, .. } | Sync::Folder { name, .. } => name.starts_with(under),
        };
        all.into_iter().filter(is_under).collect()
    }
}

fn fails(slot: &Mutex<Option<&'static str>>, path: &Path) -> bool {
    let path = path.to_str().unwrap();
    let path = path.split_once('#').map_or(path, |(named, _)| named);
    slot.lock().unwrap().is_some_and(|text| path.ends_with(text))
}

impl Syncs for Watch {
    fn sync_file(&self, file: &File, path: &Path) -> io::Result<()> {
        let is_named = !path.to_str().unwrap().contains('#');
        self.seen.lock().unwrap().push(Sync::File { name: self.name(path), is_named });
        if fails(&self.failing_file, path) {
            return Err(io::Error::other("the disk is dying"));
        }
        OsSyncs.sync_file(file, path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let is_file = |entry: &std::fs::DirEntry| {
            entry.path().is_file() && !entry.file_name().to_str().unwrap().contains('#')
        };
        let files = entries.filter(is_file).count();
        self.seen.lock().unwrap().push(Sync::Folder { name: self.name(folder), files });
        if fails(&self.failing_folder, folder) {
            return Err(io::Error::other("the disk is dying"));
        }
        OsSyncs.sync_folder(folder)
    }
}

/// A lake whose syncs are watched.
struct Watched {
    place: Place,
    watch: Arc<Watch>,
    lake: Lake,
    writer: EventWriter,
}

impl Watched {
    async fn new() -> Self {
        let place = Place::new();
        let watch = Watch::new(&place);
        let lake = Lake::create_or_open_with(&place.uri(), &watch.options()).await.unwrap();
        let writer = lake.event_writer().await.unwrap();
        Self { place, watch, lake, writer }
    }

    async fn commit(&self, name: &str) -> CommitOutcome {
        self.writer.commit(request(name, vec![object(name)])).await
    }
}

fn file(name: &str) -> Sync {
    Sync::File { name: name.to_owned(), is_named: false }
}

fn folder(name: &str, files: usize) -> Sync {
    Sync::Folder { name: name.to_owned(), files }
}

const LOG: &str = "events/_delta_log";
const DAY: &str = "events/event_date=2023-07-10";

#[tokio::test]
async fn a_commit_is_on_the_disk_step_by_step() {
    let place = Place::new();
    let watch = Watch::new(&place);
    let lake = Lake::create_or_open_with(&place.uri(), &watch.options()).await.unwrap();
    // The names of new folders first, from above; then the entry, then its name.
    let first = format!("{LOG}/{:020}.json", 0);
    assert_eq!(watch.take("events"), [folder("events", 0), file(&first), folder(LOG, 1)]);
    let writer = lake.event_writer().await.unwrap();
    watch.take("events");
    let outcome = writer.commit(request("b1", vec![object("a")])).await;
    assert_eq!(outcome, CommitOutcome::Committed { version: TableVersion(1) });
    let entry = format!("{LOG}/{:020}.json", 1);
    let expected = [folder("events", 0), file(DAY), folder(DAY, 1), file(&entry), folder(LOG, 2)];
    assert_eq!(watch.take("events"), expected);
    let outcome = writer.commit(request("b2", vec![object("b")])).await;
    assert_eq!(outcome, CommitOutcome::Committed { version: TableVersion(2) });
    let entry = format!("{LOG}/{:020}.json", 2);
    let expected = [file(DAY), folder(DAY, 2), file(&entry), folder(LOG, 3)];
    assert_eq!(watch.take("events"), expected, "known folders are not synced again");
}

#[tokio::test]
async fn a_data_file_that_is_not_on_the_disk_is_no_commit() {
    let scene = Watched::new().await;
    for slot in [&scene.watch.failing_file, &scene.watch.failing_folder] {
        let text = if std::ptr::eq(slot, &scene.watch.failing_file) { ".parquet" } else { "07-10" };
        *slot.lock().unwrap() = Some(text);
        let outcome = scene.commit("a").await;
        assert!(
            matches!(outcome, CommitOutcome::Failed { disposition: Disposition::RetryLater, .. }),
            "{outcome:?}"
        );
        *slot.lock().unwrap() = None;
    }
    assert_eq!(number(&scene.lake, "SELECT count(*) FROM events").await, 0);
    assert_eq!(scene.commit("a").await, CommitOutcome::Committed { version: TableVersion(1) });
    check_stored(&scene.lake, 1).await;
}

#[tokio::test]
async fn a_log_entry_that_is_not_on_the_disk_never_gets_its_name() {
    let scene = Watched::new().await;
    *scene.watch.failing_file.lock().unwrap() = Some("1.json");
    assert_eq!(scene.commit("a").await, CommitOutcome::Unknown);
    assert_eq!(number(&scene.lake, "SELECT count(*) FROM events").await, 0);
    *scene.watch.failing_file.lock().unwrap() = None;
    assert_eq!(scene.commit("a").await, CommitOutcome::Committed { version: TableVersion(1) });
    check_stored(&scene.lake, 1).await;
}

#[tokio::test]
async fn a_log_entry_whose_name_is_not_on_the_disk_is_not_taken_for_a_commit() {
    let scene = Watched::new().await;
    *scene.watch.failing_folder.lock().unwrap() = Some("events/_delta_log");
    assert_eq!(scene.commit("a").await, CommitOutcome::Unknown);
    *scene.watch.failing_folder.lock().unwrap() = None;
    // A second sync that succeeds would prove nothing: the system may have given the bytes up.
    assert!(scene.writer.probe(&BatchId::new("a")).await.is_err());
    assert_eq!(scene.commit("a").await, CommitOutcome::Unknown);
    // What another process finds on the disk is the truth, and it stores nothing again.
    let writer = scene.place.plain().await.event_writer().await.unwrap();
    assert_eq!(writer.look_up(&[object_ref("a")]).await.unwrap(), [true]);
    check_stored(&scene.place.plain().await, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_other_programs_on_the_same_store_are_synced_too() {
    let scene = Watched::new().await;
    for name in ["a", "b"] {
        let outcome = scene.commit(name).await;
        assert!(matches!(outcome, CommitOutcome::Committed { .. }), "{outcome:?}");
    }
    scene.watch.take("");
    // The library writes large files in parts.
    let session = deltalake_core::datafusion::prelude::SessionContext::new().state();
    let table = scene.lake.table(TableName::Events).await.unwrap();
    table.optimize().with_session_state(Arc::new(session)).await.unwrap();
    let named = Sync::File { name: DAY.to_owned(), is_named: true };
    let seen = scene.watch.take("events");
    assert!(seen.contains(&named) || seen.contains(&file(DAY)), "{seen:?}");
    assert!(seen.contains(&folder(DAY, 3)), "{seen:?}");
}
