//! Where the Bloom filters of a data file stand.
//!
//! The footer says it, and of our own files the log says it as well, in a tag of the file: whoever
//! looks for one value in a year of files reads 32 bytes of each and no footer.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

/// The name of the tag.
const TAG: &str = "trailhouse.bloomFilters";
/// The format's block, of which each value has one.
pub const BLOCK_BYTES: u64 = 32;

/// Of each row group, the blocks of each column that has a filter.
pub type FilterBlocks = Vec<BTreeMap<&'static str, Range<u64>>>;

/// Finds the filters of these columns in a footer.
pub fn blocks_in_footer(
    footer: &ParquetMetaData,
    columns: &'static [&'static str],
) -> FilterBlocks {
    let of_group = |chunks: &[ColumnChunkMetaData]| {
        let named = chunks.iter().filter_map(|chunk| {
            let [name] = chunk.column_path().parts() else { return None };
            let column = columns.iter().find(|column| **column == name.as_str())?;
            Some((*column, blocks_of(chunk)?))
        });
        named.collect()
    };
    footer.row_groups().iter().map(|group| of_group(group.columns())).collect()
}

/// Finds the blocks of a filter, which stand behind a header of less than their size; they are a power
/// of two bytes.
fn blocks_of(chunk: &ColumnChunkMetaData) -> Option<Range<u64>> {
    let start = u64::try_from(chunk.bloom_filter_offset()?).ok()?;
    let length = u64::try_from(chunk.bloom_filter_length()?).ok()?;
    let blocks = 1 << length.checked_ilog2()?;
    let end = start.checked_add(length)?;
    (blocks >= BLOCK_BYTES).then_some(end - blocks..end)
}

/// Writes the tag: of each row group, start and length by column. None where there is no filter.
pub(crate) fn to_tag(blocks: &FilterBlocks) -> Option<(String, Option<String>)> {
    if blocks.iter().all(BTreeMap::is_empty) {
        return None;
    }
    let of_group =
        |group: &BTreeMap<&'static str, Range<u64>>| -> BTreeMap<&'static str, [u64; 2]> {
            group
                .iter()
                .map(|(name, at)| (*name, [at.start, at.end.saturating_sub(at.start)]))
                .collect()
        };
    let groups: Vec<_> = blocks.iter().map(of_group).collect();
    Some((TAG.to_owned(), Some(serde_json::to_string(&groups).ok()?)))
}

/// Reads what the log says of the filters of these columns. None where it says nothing, or nothing
/// that can be so.
pub fn blocks_in_tags(
    tags: &HashMap<String, Option<String>>,
    columns: &'static [&'static str],
) -> Option<FilterBlocks> {
    let text = tags.get(TAG)?.as_deref()?;
    let groups: Vec<BTreeMap<&str, [u64; 2]>> = serde_json::from_str(text).ok()?;
    let of_group = |group: BTreeMap<&str, [u64; 2]>| {
        let known = group.into_iter().filter_map(|(name, at)| {
            let column = columns.iter().find(|column| **column == name)?;
            Some(range_of(at).map(|range| (*column, range)))
        });
        known.collect::<Option<BTreeMap<_, _>>>()
    };
    groups.into_iter().map(of_group).collect()
}

fn range_of([start, length]: [u64; 2]) -> Option<Range<u64>> {
    let end = start.checked_add(length)?;
    (length >= BLOCK_BYTES && length.is_power_of_two()).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[&str] = &["a", "b"];

    fn tags(text: &str) -> HashMap<String, Option<String>> {
        HashMap::from([(TAG.to_owned(), Some(text.to_owned()))])
    }

    #[test]
    fn what_is_written_into_a_tag_is_read_from_it() {
        let blocks: FilterBlocks = vec![
            BTreeMap::from([("a", 40..72), ("b", 100..1_124)]),
            BTreeMap::from([("b", 0..32)]),
        ];
        let (name, text) = to_tag(&blocks).unwrap();
        assert_eq!(blocks_in_tags(&HashMap::from([(name, text)]), COLUMNS), Some(blocks));
        assert_eq!(to_tag(&vec![BTreeMap::new()]), None);
    }

    #[test]
    fn a_tag_that_cannot_be_so_says_nothing() {
        assert_eq!(blocks_in_tags(&HashMap::new(), COLUMNS), None);
        for text in ["", "{}", r#"[{"a":[1]}]"#, r#"[{"a":[0,33]}]"#, r#"[{"a":[0,16]}]"#] {
            assert_eq!(blocks_in_tags(&tags(text), COLUMNS), None, "{text}");
        }
        let beyond = format!(r#"[{{"a":[{},64]}}]"#, u64::MAX);
        assert_eq!(blocks_in_tags(&tags(&beyond), COLUMNS), None);
        let other = blocks_in_tags(&tags(r#"[{"c":[0,64],"a":[0,64]}]"#), COLUMNS);
        assert_eq!(other, Some(vec![BTreeMap::from([("a", 0..64)])]));
    }
}
