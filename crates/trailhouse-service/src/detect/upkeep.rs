//! Upkeep of the lake between rounds: small files become large ones, one group at a time.

use std::{collections::VecDeque, time::Duration};

use trailhouse_lake::{Compacted, CompactionGroup, CompactionOptions, Lake, TableName};
use trailhouse_model::EventTime;

use crate::error::ServiceError;

/// Fewer small files than this are left until more have come.
const FILES_MIN: usize = 16;

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
            let options =
                CompactionOptions { files_min: FILES_MIN, ..CompactionOptions::default() };
            for table in TableName::ALL {
                self.groups.extend(lake.compaction_groups(table, &options).await?);
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
