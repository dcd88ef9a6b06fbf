//! The column of the resources that an event touches.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, ListArray, StructArray};

use super::{
    ColumnOverflow, TextColumn,
    text::{sparse_nulls, sparse_offsets},
};
use crate::schema::{resource_element, resource_fields};

/// Lists of resources; rows that are passed over are null.
#[derive(Default)]
pub(crate) struct ResourcesColumn {
    pub(crate) arn: TextColumn,
    pub(crate) arn_prefix: TextColumn,
    pub(crate) account_id: TextColumn,
    pub(crate) r#type: TextColumn,
    items: usize,
    rows: Vec<usize>,
    ends: Vec<i32>,
    overflowed: bool,
}

impl ResourcesColumn {
    /// Returns the index of the item that is being filled.
    pub(crate) fn item(&self) -> usize {
        self.items
    }

    /// Closes the item that is being filled.
    pub(crate) fn end_item(&mut self) {
        self.items = self.items.saturating_add(1);
    }

    /// Gives the row all items since the last call.
    pub(crate) fn end_list(&mut self, row: usize) {
        match i32::try_from(self.items) {
            Ok(end) => {
                self.rows.push(row);
                self.ends.push(end);
            }
            Err(_) => self.overflowed = true,
        }
    }

    /// Says whether a value did not fit since the column was cleared or cut.
    pub(super) fn has_overflowed(&self) -> bool {
        let members = [&self.arn, &self.arn_prefix, &self.account_id, &self.r#type];
        self.overflowed || members.into_iter().any(TextColumn::has_overflowed)
    }

    /// Takes the values of this row and of all after it out again.
    pub(super) fn truncate(&mut self, row: usize) {
        let kept = self.rows.partition_point(|present| *present < row);
        self.rows.truncate(kept);
        self.ends.truncate(kept);
        self.items = self.ends.last().and_then(|end| usize::try_from(*end).ok()).unwrap_or(0);
        let items = self.items;
        self.members().for_each(|member| member.truncate(items));
        self.overflowed = false;
    }

    fn members(&mut self) -> impl Iterator<Item = &mut TextColumn> {
        [&mut self.arn, &mut self.arn_prefix, &mut self.account_id, &mut self.r#type].into_iter()
    }

    pub(super) fn clear(&mut self) {
        self.members().for_each(TextColumn::clear);
        self.items = 0;
        self.rows.clear();
        self.ends.clear();
        self.overflowed = false;
    }

    pub(super) fn array(&self, rows: usize) -> Result<ArrayRef, ColumnOverflow> {
        if self.overflowed {
            return Err(ColumnOverflow);
        }
        let members = [&self.arn, &self.arn_prefix, &self.account_id, &self.r#type];
        let members: Result<Vec<ArrayRef>, _> =
            members.into_iter().map(|column| column.array(self.items)).collect();
        let items = StructArray::try_new_with_length(resource_fields(), members?, None, self.items)
            .map_err(|_| ColumnOverflow)?;
        let offsets = sparse_offsets(&self.rows, &self.ends, rows);
        let nulls = sparse_nulls(&self.rows, rows);
        let list =
            ListArray::try_new(Arc::new(resource_element()), offsets, Arc::new(items), nulls)
                .map_err(|_| ColumnOverflow)?;
        debug_assert!(list.len() == rows);
        Ok(Arc::new(list))
    }
}
