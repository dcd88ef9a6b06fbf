//! Files for what sorts, joins and groups cannot hold in memory.
//!
//! They have no name: the system gives their room back when the process ends, however it ends. A file
//! with a name stays where a query is killed, or fails while its tasks still have the file, and a
//! daemon would fill the disk with them.

use deltalake_core::datafusion::execution::disk_manager::DiskManagerBuilder;

/// Returns where an engine puts its temporary files: without a name, in the folder of the system for
/// such files (`TMPDIR`).
#[cfg(unix)]
pub fn spill_files() -> DiskManagerBuilder {
    let folder = std::env::temp_dir();
    DiskManagerBuilder::default()
        .with_temp_file_factory(std::sync::Arc::new(unnamed::Folder(folder)))
}

/// Other systems cannot read a file at a place without moving the place it is written at.
#[cfg(not(unix))]
pub fn spill_files() -> DiskManagerBuilder {
    DiskManagerBuilder::default()
}

#[cfg(unix)]
mod unnamed {
    use std::{
        fs::File,
        io::{self, Write},
        os::unix::fs::FileExt,
        path::{Path, PathBuf},
        pin::Pin,
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
    };

    use bytes::Bytes;
    use deltalake_core::datafusion::{
        error::DataFusionError,
        execution::{SpillFile, SpillWriter, TempFileFactory},
    };
    use futures::{Stream, stream};
    use tokio::task::spawn_blocking;

    /// What is read at once: a reader waits once for each.
    const CHUNK_BYTES: usize = 128 * 1024;

    pub(super) struct Folder(pub(super) PathBuf);

    impl TempFileFactory for Folder {
        fn create_temp_file(
            &self,
            _description: &str,
        ) -> Result<Arc<dyn SpillFile>, DataFusionError> {
            let file = tempfile::tempfile_in(&self.0).map_err(|error| failed(&self.0, &error))?;
            let folder = self.0.clone();
            Ok(Arc::new(Unnamed { file: Arc::new(file), folder, written: Arc::default() }))
        }
    }

    /// An open file that no folder lists.
    struct Unnamed {
        file: Arc<File>,
        folder: PathBuf,
        written: Arc<AtomicU64>,
    }

    impl SpillFile for Unnamed {
        fn size(&self) -> Option<u64> {
            Some(self.written.load(Ordering::Relaxed))
        }

        fn read_stream(
            &self,
        ) -> Result<
            Pin<Box<dyn Stream<Item = Result<Bytes, DataFusionError>> + Send>>,
            DataFusionError,
        > {
            let start = (Arc::clone(&self.file), 0);
            Ok(Box::pin(stream::try_unfold(start, async |(file, at)| {
                let reading = Arc::clone(&file);
                let chunk = spawn_blocking(move || chunk_at(&reading, at))
                    .await
                    .map_err(|error| DataFusionError::External(Box::new(error)))??;
                let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
                Ok((length > 0).then(|| (chunk, (file, at.saturating_add(length)))))
            })))
        }

        fn open_writer(&self) -> Result<Box<dyn SpillWriter>, DataFusionError> {
            let (file, folder) = (Arc::clone(&self.file), self.folder.clone());
            Ok(Box::new(Writer { file, folder, written: Arc::clone(&self.written) }))
        }
    }

    fn chunk_at(file: &File, at: u64) -> Result<Bytes, DataFusionError> {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match file.read_at(&mut chunk, at) {
                Ok(length) => {
                    chunk.truncate(length);
                    return Ok(Bytes::from(chunk));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(DataFusionError::IoError(error)),
            }
        }
    }

    /// Writes at the file's own place, which reading does not move.
    struct Writer {
        file: Arc<File>,
        folder: PathBuf,
        written: Arc<AtomicU64>,
    }

    impl Write for Writer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let length = (&*self.file)
                .write(bytes)
                .map_err(|error| io::Error::new(error.kind(), explained(&self.folder, &error)))?;
            self.written.fetch_add(u64::try_from(length).unwrap_or(0), Ordering::Relaxed);
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl SpillWriter for Writer {
        fn finish(&mut self) -> Result<(), DataFusionError> {
            Ok(())
        }
    }

    fn failed(folder: &Path, error: &io::Error) -> DataFusionError {
        DataFusionError::IoError(io::Error::new(error.kind(), explained(folder, error)))
    }

    fn explained(folder: &Path, error: &io::Error) -> String {
        let folder = folder.display();
        format!(
            "failed to keep rows in a temporary file in {folder} (TMPDIR names another): {error}"
        )
    }

    #[cfg(test)]
    mod tests {
        use futures::TryStreamExt;

        use super::*;

        #[tokio::test]
        async fn what_is_written_is_read_from_the_start_and_no_folder_lists_it() {
            let folder = tempfile::tempdir().unwrap();
            let file = Folder(folder.path().to_owned()).create_temp_file("rows").unwrap();
            let text = vec![7; CHUNK_BYTES + 9];
            let mut writer = file.open_writer().unwrap();
            writer.write_all(&text).unwrap();
            for _ in 0..2 {
                let read = file.read_stream().unwrap().try_collect::<Vec<_>>().await.unwrap();
                assert_eq!(read.concat(), text);
            }
            writer.write_all(b"more").unwrap();
            writer.finish().unwrap();
            let read = file.read_stream().unwrap().try_collect::<Vec<_>>().await.unwrap();
            assert_eq!(read.concat(), [&text[..], b"more"].concat());
            assert_eq!(file.size(), Some(u64::try_from(text.len() + 4).unwrap()));
            assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        }

        #[test]
        fn a_folder_that_is_not_there_is_named() {
            let error =
                Folder(PathBuf::from("/nowhere/at/all")).create_temp_file("rows").err().unwrap();
            assert!(error.to_string().contains("in /nowhere/at/all (TMPDIR"), "{error}");
        }
    }
}
