//! The files that summaries are kept in.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use parquet::{arrow::ArrowWriter, errors::ParquetError};
use trailhouse_model::{ContentHash, TableVersion};

/// A summary could not be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    #[error("failed to write the summary")]
    Io(#[from] io::Error),
    #[error("failed to encode the summary")]
    Encode(#[from] ParquetError),
}

/// A file with a summary, as its name describes it. There is at most one that counts for a hash:
/// the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SummaryFile {
    /// What is summarised, and of which table.
    pub(crate) hash: ContentHash,
    /// The last version whose rows are in it.
    pub(crate) version: TableVersion,
    /// The first day that is in it; nothing where all are.
    pub(crate) first_day: Option<i32>,
}

impl SummaryFile {
    /// Finds the newest file of a hash. What cannot be read is not there: the folder is a cache.
    pub(crate) fn newest(folder: &Path, hash: ContentHash) -> Option<Self> {
        let entries = fs::read_dir(folder).ok()?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let files = names.filter_map(|name| Self::parse(&name, hash));
        files.max_by_key(|file| file.version)
    }

    /// Returns where it lies.
    pub(crate) fn path(&self, folder: &Path) -> PathBuf {
        folder.join(self.name())
    }

    /// Writes the file, whole or not at all, and takes away the older ones.
    pub(crate) fn write(
        &self,
        folder: &Path,
        schema: &SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<(), KeepError> {
        fs::create_dir_all(folder)?;
        let mut writer = ArrowWriter::try_new(Vec::new(), SchemaRef::clone(schema), None)?;
        for batch in batches {
            writer.write(batch)?;
        }
        let bytes = writer.into_inner()?;
        // Two processes may write the same summary; each has a name of its own until it is whole.
        let temporary = folder.join(format!("{}.{}.tmp", self.name(), std::process::id()));
        let mut file = File::create(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, self.path(folder))?;
        self.remove_older(folder);
        Ok(())
    }

    /// An older file that stays is only in the way.
    fn remove_older(&self, folder: &Path) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let file = name.to_str().and_then(|name| Self::parse(name, self.hash));
            if file.is_some_and(|file| file != *self && file.version <= self.version) {
                drop(fs::remove_file(entry.path()));
            }
        }
    }

    fn name(&self) -> String {
        let day = self.first_day.map_or_else(|| "all".to_owned(), |day| day.to_string());
        format!("{}_{}_{day}.parquet", self.hash, self.version)
    }

    fn parse(name: &str, hash: ContentHash) -> Option<Self> {
        let rest = name.strip_prefix(&hash.to_string())?.strip_prefix('_')?;
        let (version, day) = rest.strip_suffix(".parquet")?.split_once('_')?;
        let first_day = if day == "all" { None } else { Some(day.parse().ok()?) };
        Some(Self { hash, version: TableVersion(version.parse().ok()?), first_day })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_is_in_a_file() {
        let hash = ContentHash::of(b"part");
        for first_day in [None, Some(20_000), Some(-3)] {
            let file = SummaryFile { hash, version: TableVersion(17), first_day };
            assert_eq!(SummaryFile::parse(&file.name(), hash), Some(file.clone()));
            assert_eq!(SummaryFile::parse(&file.name(), ContentHash::of(b"other")), None);
            assert_eq!(SummaryFile::parse(&format!("{}.7.tmp", file.name()), hash), None);
        }
    }
}
