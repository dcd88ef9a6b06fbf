//! The states of tables that were read last. A version never changes, so neither does its state.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use deltalake_core::DeltaTable;
use trailhouse_model::TableVersion;

use crate::tables::TableName;

/// A run of detections needs the version that it judges up to and the one it begins after.
const STATES_PER_TABLE_MAX: usize = 2;

/// States by table and version, the one that was used last in front.
#[derive(Default)]
pub(crate) struct TableStates {
    states: Mutex<VecDeque<(TableName, TableVersion, DeltaTable)>>,
}

impl TableStates {
    pub(crate) fn get(&self, table: TableName, version: TableVersion) -> Option<DeltaTable> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |state: &(TableName, TableVersion, _)| (state.0, state.1) == (table, version);
        let place = states.iter().position(is_it)?;
        let state = states.remove(place)?;
        let delta = state.2.clone();
        states.push_front(state);
        Some(delta)
    }

    pub(crate) fn keep(&self, table: TableName, version: TableVersion, delta: &DeltaTable) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.retain(|state| (state.0, state.1) != (table, version));
        states.push_front((table, version, delta.clone()));
        let mut of_table = 0;
        states.retain(|state| {
            of_table += usize::from(state.0 == table);
            state.0 != table || of_table <= STATES_PER_TABLE_MAX
        });
    }
}
