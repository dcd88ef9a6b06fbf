//! Which requests a listing still has to make.

use std::collections::VecDeque;

use trailhouse_source::{FolderPlan, KeyFilter, plan_folder};

use crate::S3Url;

/// How deep, and how many, folders that are not CloudTrail's are opened in search of its own. What
/// lies deeper is listed whole: nothing is missed, only more names are read.
const SEARCH_DEPTH_MAX: u32 = 3;
const SEARCHED_FOLDERS_MAX: u32 = 256;

/// One place to list.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) place: S3Url,
    pub(crate) kind: StepKind,
    /// Where its next page starts.
    pub(crate) continuation: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StepKind {
    /// The folders in it, and the objects that lie loose beside them.
    Open {
        /// How many unknown folders were opened on the way.
        depth: u32,
    },
    /// All objects in it, in order.
    List { start_after: Option<String>, end: Option<String> },
}

impl Step {
    /// Returns the first key that is not asked for any more.
    pub(crate) fn end(&self) -> Option<&str> {
        match &self.kind {
            StepKind::Open { .. } => None,
            StepKind::List { end, .. } => end.as_deref(),
        }
    }
}

/// The places that are left, the next one first. Folders are listed before those beside them, so
/// that few of them wait.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    steps: VecDeque<Step>,
    searched: u32,
}

impl Steps {
    pub(crate) fn new(prefixes: Vec<S3Url>, filter: &KeyFilter) -> Self {
        let mut made = Self::default();
        for place in prefixes {
            let kind = if filter.picks_all() {
                Some(StepKind::List { start_after: None, end: None })
            } else {
                let folder = place.prefix.rfind('/').and_then(|slash| place.prefix.get(..=slash));
                made.kind_of(folder.unwrap_or_default(), 0, filter)
            };
            made.steps.extend(kind.map(|kind| Step { place, kind, continuation: None }));
        }
        made
    }

    pub(crate) fn front(&self) -> Option<&Step> {
        self.steps.front()
    }

    /// Takes in a page of the first place: where its next one starts, and the folders found.
    pub(crate) fn advance(
        &mut self,
        continuation: Option<String>,
        folders: Vec<String>,
        filter: &KeyFilter,
    ) {
        let Some(mut step) = self.steps.pop_front() else { return };
        let depth = match step.kind {
            StepKind::Open { depth } => depth,
            StepKind::List { .. } => 0,
        };
        let bucket = step.place.bucket.clone();
        if continuation.is_some() {
            step.continuation = continuation;
            self.steps.push_front(step);
        }
        for folder in folders.into_iter().rev() {
            if let Some(kind) = self.kind_of(&folder, depth + 1, filter) {
                let place = S3Url { bucket: bucket.clone(), prefix: folder };
                self.steps.push_front(Step { place, kind, continuation: None });
            }
        }
    }

    fn kind_of(&mut self, folder: &str, depth: u32, filter: &KeyFilter) -> Option<StepKind> {
        match plan_folder(folder, filter) {
            FolderPlan::Open => Some(StepKind::Open { depth: 0 }),
            FolderPlan::List { start_after, end } => Some(StepKind::List { start_after, end }),
            FolderPlan::Pass => None,
            FolderPlan::Unknown => {
                let may_search = depth <= SEARCH_DEPTH_MAX && self.searched < SEARCHED_FOLDERS_MAX;
                Some(if may_search {
                    self.searched += 1;
                    StepKind::Open { depth }
                } else {
                    StepKind::List { start_after: None, end: None }
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter() -> KeyFilter {
        KeyFilter { accounts: ["111122223333".to_owned()].into(), ..KeyFilter::default() }
    }

    fn steps(prefix: &str, filter: &KeyFilter) -> Steps {
        Steps::new(vec![format!("s3://trail/{prefix}").parse().unwrap()], filter)
    }

    fn shown(steps: &Steps) -> Vec<(&str, bool)> {
        let is_open = |step: &Step| matches!(step.kind, StepKind::Open { .. });
        steps.steps.iter().map(|step| (step.place.prefix.as_str(), is_open(step))).collect()
    }

    fn folders(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn without_a_filter_a_prefix_is_listed_as_it_is() {
        assert_eq!(shown(&steps("AWSLogs/", &KeyFilter::default())), [("AWSLogs/", false)]);
    }

    #[test]
    fn folders_come_before_the_rest_of_the_page_they_stood_in() {
        let mut steps = steps("AWSLogs/o-", &filter());
        let found = folders(&["AWSLogs/o-1/", "AWSLogs/o-2/"]);
        steps.advance(Some("more".to_owned()), found, &filter());
        let expected = [("AWSLogs/o-1/", true), ("AWSLogs/o-2/", true), ("AWSLogs/o-", true)];
        assert_eq!(shown(&steps), expected);
        let found = folders(&["AWSLogs/o-1/111122223333/", "AWSLogs/o-1/444455556666/"]);
        steps.advance(None, found, &filter());
        assert_eq!(shown(&steps)[0], ("AWSLogs/o-1/111122223333/", true));
        assert_eq!(shown(&steps).len(), 3);
    }

    #[test]
    fn a_search_that_goes_too_far_becomes_a_listing() {
        let mut deep = steps("", &filter());
        let mut path = String::new();
        let mut opened = 0;
        while let StepKind::Open { .. } = deep.front().unwrap().kind {
            opened += 1;
            path.push_str("x/");
            deep.advance(None, vec![path.clone()], &filter());
        }
        assert_eq!(opened, SEARCH_DEPTH_MAX + 1);
        let mut wide = steps("", &filter());
        wide.advance(None, (0..1000).map(|index| format!("{index}/")).collect(), &filter());
        let searched = shown(&wide).into_iter().filter(|(_, is_open)| *is_open).count();
        assert_eq!(u32::try_from(searched).unwrap(), SEARCHED_FOLDERS_MAX - 1);
        assert_eq!(shown(&wide).len(), 1000);
    }
}
