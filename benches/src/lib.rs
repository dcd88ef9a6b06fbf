//! What the benchmarks share: a corpus that is the same on every machine.

use std::{fs, io, path::Path};

use trailhouse_sample::{SampleObject, generate};

/// A corpus of log objects, gzip as delivered.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// The objects.
    pub objects: Vec<SampleObject>,
    /// Records in all of them.
    pub events: u64,
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
