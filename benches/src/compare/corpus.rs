//! The demo's fortnight, as often as it takes, each copy other records two weeks earlier.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde::{Deserialize, Serialize};
use trailhouse_model::EventTime;
use trailhouse_sample::generate;

use crate::measure::Failed;

/// A year, as the sample's fortnights fit into it.
pub(crate) const YEAR: u64 = 26;
const SECONDS_PER_DAY: i64 = 86_400;
/// The sample's days, 2026-06-01 to 2026-06-14, and one on each side for what is delivered late.
const FIRST_DAY: i64 = 1_780_272_000 - SECONDS_PER_DAY;
const DAYS: i64 = 16;

/// What the corpus holds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Size {
    /// How many the events lie in, at most.
    pub(crate) fortnights: u64,
    pub(crate) events: u64,
    pub(crate) objects: u64,
    pub(crate) gzip_bytes: u64,
    pub(crate) inflated_bytes: u64,
}

/// Log objects in a folder, each under its key.
pub(crate) struct LogFolder {
    pub(crate) folder: PathBuf,
    pub(crate) size: Size,
}

impl LogFolder {
    /// Writes copies of the demo's fortnight until there are enough events, each two weeks before the
    /// last; after as many as `fortnights` from the newest again. Where the folder has the same from an
    /// earlier run, it is taken.
    pub(crate) fn make(folder: &Path, events_min: u64, fortnights: u64) -> Result<Self, Failed> {
        let note = folder.with_extension("json");
        if let Ok(note) = fs::read(&note) {
            let (asked, size) = serde_json::from_slice::<(u64, Size)>(&note)?;
            if (asked, size.fortnights) == (events_min, fortnights) {
                return Ok(Self { folder: folder.to_owned(), size });
            }
            return Err(format!("{} has another corpus", folder.display()).into());
        }
        let mut size = Size { fortnights, ..Size::default() };
        let mut copy = 0;
        while size.events < events_min {
            let shift = Shift::of(copy % fortnights);
            let sample = generate(7 + copy);
            size.events += sample.events;
            for object in sample.objects.iter().filter(|object| !object.key.contains("-Digest")) {
                let mut text = String::new();
                GzDecoder::new(&object.body[..]).read_to_string(&mut text)?;
                let text = shift.apply(&text);
                let body = gzip(text.as_bytes())?;
                size.objects += 1;
                size.inflated_bytes += u64::try_from(text.len())?;
                size.gzip_bytes += u64::try_from(body.len())?;
                let path = folder.join(shift.apply(&object.key));
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent)?;
                }
                fs::write(path, body)?;
            }
            copy += 1;
        }
        fs::write(note, serde_json::to_vec(&(events_min, size))?)?;
        Ok(Self { folder: folder.to_owned(), size })
    }
}

/// Every form in which a day of the sample is written, and the day that it becomes.
struct Shift {
    pairs: Vec<(String, String)>,
}

impl Shift {
    fn of(fortnights: u64) -> Self {
        let fortnights = i64::try_from(fortnights).unwrap_or(0);
        let back = fortnights * 14 * SECONDS_PER_DAY;
        let mut pairs = Vec::new();
        for day in 0..DAYS {
            let from = FIRST_DAY + day * SECONDS_PER_DAY;
            pairs.extend(forms(from).into_iter().zip(forms(from - back)));
        }
        Self { pairs }
    }

    /// Replaces every day of the sample, each once.
    fn apply(&self, text: &str) -> String {
        let mut shifted = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("202") {
            let (before, tail) = rest.split_at(at);
            shifted.push_str(before);
            match self.pairs.iter().find(|(from, _)| tail.starts_with(from.as_str())) {
                Some((from, to)) => {
                    shifted.push_str(to);
                    rest = &tail[from.len()..];
                }
                None => {
                    shifted.push_str("202");
                    rest = &tail[3..];
                }
            }
        }
        shifted.push_str(rest);
        shifted
    }
}

/// `2026-06-01T`, as in records; `2026/06/01/`, as in keys; `20260601T`, as in names of files.
fn forms(second: i64) -> [String; 3] {
    let (year, month, day) = EventTime::from_micros(second * 1_000_000).civil_date();
    [
        format!("{year:04}-{month:02}-{day:02}T"),
        format!("{year:04}/{month:02}/{day:02}/"),
        format!("{year:04}{month:02}{day:02}T"),
    ]
}

fn gzip(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text)?;
    encoder.finish()
}
