//! Detections over the lake: running them, and checking that they do what they say.

mod judge;
mod lint;
mod run;
mod test;

pub use lint::lint;
pub use run::{DetectionFailure, RunOptions, RunRange, RunReport, run};
pub use test::{CaseReport, TestReport, test};

use trailhouse_detect::PackEntry;
pub use trailhouse_lake::FindingRow;

/// Says whether a detection is among those that are asked for.
pub(crate) fn is_wanted(entry: &PackEntry, matching: Option<&str>) -> bool {
    matching.is_none_or(|text| entry.detection.id.as_str().contains(text))
}
