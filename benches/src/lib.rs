//! What the benchmarks share: a corpus that is the same on every machine, and lakes of it.

#![expect(clippy::expect_used, reason = "a benchmark may fail loudly")]

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use flate2::read::GzDecoder;
use libdeflater::Decompressor;
use tempfile::TempDir;
use trailhouse_lake::Lake;
use trailhouse_sample::{SampleObject, generate};
use trailhouse_service::{Drain, IngestSelection, IngestSettings, ingest};

/// A corpus of log objects, gzip as delivered.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// The objects.
    pub objects: Vec<SampleObject>,
    /// Records in all of them.
    pub events: u64,
}

/// Inflates one gzip member into a buffer that is used again: the floor of decoding, with nothing
/// between the decompressor and the buffer.
pub fn inflate(inflater: &mut Decompressor, compressed: &[u8], into: &mut Vec<u8>) {
    let size = compressed.last_chunk::<4>().expect("the corpus is good gzip");
    let size = usize::try_from(u32::from_le_bytes(*size)).expect("a length fits");
    into.resize(size, 0);
    let inflated = inflater.gzip_decompress(compressed, into).expect("the corpus is good gzip");
    assert_eq!(inflated, size, "an object is one member");
}

/// Makes the corpus: the log objects of the demo's organisation, without digests.
pub fn corpus() -> Corpus {
    let sample = generate(7);
    let objects =
        sample.objects.into_iter().filter(|object| !object.key.contains("-Digest")).collect();
    Corpus { objects, events: sample.events }
}

/// Writes the corpus into a folder, each object under its key; returns how many records there are.
pub fn write_corpus(folder: &Path) -> io::Result<u64> {
    let corpus = corpus();
    for object in &corpus.objects {
        let path = folder.join(&object.key);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, &object.body)?;
    }
    Ok(corpus.events)
}

/// A lake of the corpus; it goes away with the folder.
pub struct FilledLake {
    folder: TempDir,
    /// The lake.
    pub lake: Lake,
    /// Its events.
    pub events: u64,
}

/// Fills a lake with the corpus.
pub async fn filled_lake() -> FilledLake {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let logs = folder.path().join("logs");
    let events = write_corpus(&logs).expect("a temporary folder");
    let uri = folder.path().join("lake").to_string_lossy().into_owned();
    store(&uri, &logs).await;
    let lake = Lake::open(&uri).await.expect("a lake");
    FilledLake { folder, lake, events }
}

impl FilledLake {
    /// Stores so many of a thousand objects again under other keys, as trails that overlap do.
    pub async fn repeat(&mut self, per_mille: usize) {
        let logs = self.folder.path().join("again");
        fs::create_dir_all(&logs).expect("a folder");
        let objects = corpus().objects;
        let repeated = objects.iter().enumerate().filter(|(index, _)| index % 1_000 < per_mille);
        for (index, object) in repeated {
            // What differs in its bytes is another object of the same events.
            let mut text = String::new();
            GzDecoder::new(&object.body[..]).read_to_string(&mut text).expect("a log object");
            text.push(' ');
            fs::write(logs.join(format!("{index}.json")), text).expect("a file");
        }
        let uri = self.folder.path().join("lake").to_string_lossy().into_owned();
        store(&uri, &logs).await;
    }
}

async fn store(lake: &str, logs: &Path) {
    let settings = IngestSettings { lake: lake.to_owned(), ..IngestSettings::default() };
    let sources = [logs.to_string_lossy().into_owned()];
    let (selection, drain) = (IngestSelection::default(), Drain::new());
    let storing = Box::pin(ingest(&settings, &sources, &selection, &drain, |_| {}));
    storing.await.expect("the corpus is ingested");
}
