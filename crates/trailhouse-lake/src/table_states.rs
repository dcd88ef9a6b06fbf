//! The states of tables that were read last, and the newest versions that were seen. A version never
//! changes, so neither does its state; a newer one may be there at any time.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use deltalake_core::DeltaTable;
use trailhouse_model::TableVersion;

use crate::tables::TableName;

/// A run of detections needs the version that it judges up to and the one it begins after.
const STATES_PER_TABLE_MAX: usize = 2;

#[derive(Default)]
pub(crate) struct TableStates {
    newest: Mutex<HashMap<TableName, TableVersion>>,
    /// By table and version, the one that was used last in front.
    states: Mutex<VecDeque<(TableName, TableVersion, DeltaTable)>>,
}

impl TableStates {
    /// Returns the newest version that was seen.
    pub(crate) fn newest(&self, table: TableName) -> Option<TableVersion> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.get(&table).copied()
    }

    pub(crate) fn saw(&self, table: TableName, version: TableVersion) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = newest.entry(table).or_insert(version);
        *seen = version.max(*seen);
    }

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
