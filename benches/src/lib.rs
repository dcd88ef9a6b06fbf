//! What the benchmarks share: a corpus that is the same on every machine.

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
