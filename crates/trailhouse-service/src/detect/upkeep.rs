//! Upkeep of the lake between rounds: small files become large ones, one group at a time.

use std::{collections::VecDeque, time::Duration};

use trailhouse_lake::{Compacted, CompactionGroup, CompactionOptions, Lake, TableName};
use trailhouse_model::EventTime;

use crate::error::ServiceError;

/// Fewer small files than this are left until more have come.
const FILES_MIN: usize = 16;
/// A day that began so long ago is over and delivered; what comes late is little.
const DAY_IS_OVER_AFTER: i64 = 2 * 86_400;

/// What is to be done, and when it is looked for again.
#[derive(Debug)]
pub(super) struct Upkeep {
    every: Option<Duration>,
    next: EventTime,
    groups: VecDeque<CompactionGroup>,
}

impl Upkeep {
    /// Does it in intervals, or never.
    pub(super) fn new(every: Option<Duration>, now: EventTime) -> Self {
        Self { every, next: now, groups: VecDeque::new() }
    }

    /// Says whether there is something to do at once.
    pub(super) fn has_more(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Does a piece of the work; returns what became one, where something did.
    pub(super) async fn step(
        &mut self,
        lake: &Lake,
        now: EventTime,
    ) -> Result<Option<CompactionGroup>, ServiceError> {
        let Some(every) = self.every else { return Ok(None) };
        if self.groups.is_empty() {
            if now < self.next {
                return Ok(None);
            }
            self.next = now.plus_seconds(i64::try_from(every.as_secs()).unwrap_or(i64::MAX));
            let options = CompactionOptions::default();
            for table in TableName::ALL {
                let groups = lake.compaction_groups(table, &options).await?;
                self.groups.extend(groups.into_iter().filter(|group| is_worth_it(group, now)));
            }
            lake.checkpoint_if_due().await?;
        }
        let Some(group) = self.groups.pop_front() else { return Ok(None) };
        match lake.compact(&group).await? {
            Compacted::Done { .. } => Ok(Some(group)),
            Compacted::Overtaken => Ok(None),
        }
    }
}

/// Says whether a group is worth its commit: when enough files have come, and when a day is over.
fn is_worth_it(group: &CompactionGroup, now: EventTime) -> bool {
    let (year, month, day) = now.plus_seconds(-DAY_IS_OVER_AFTER).civil_date();
    let today_or_so = format!("{year:04}-{month:02}-{day:02}");
    let is_over = group.partition.as_ref().is_some_and(|day| *day < today_or_so);
    group.files.len() >= FILES_MIN || (group.table == TableName::Events && is_over)
}
