//! A file to which each alert adds a line.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::PathBuf,
};

use async_trait::async_trait;

use super::{Delivered, SendError, Sink};
use trailhouse_detect::alerts::AlertFormat;

use crate::{Alert, format};

/// Appends alerts to a file; each is on the disk before it counts as sent.
#[derive(Debug)]
pub(crate) struct FileSink {
    pub(crate) name: String,
    pub(crate) format: AlertFormat,
    pub(crate) path: PathBuf,
}

#[async_trait]
impl Sink for FileSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, alert: &Alert) -> Result<Delivered, SendError> {
        let line = format!("{}\n", format::write(&self.format, alert).trim_end_matches('\n'));
        let path = self.path.clone();
        let appended = tokio::task::spawn_blocking(move || append(&path, &line)).await;
        let failed = |error: &dyn std::fmt::Display| {
            let path = self.path.display();
            SendError::retryable(format!("failed to append to {path}: {error}"))
        };
        match appended {
            Ok(Ok(())) => Ok(Delivered::default()),
            Ok(Err(error)) => Err(failed(&error)),
            Err(error) => Err(failed(&error)),
        }
    }
}

fn append(path: &std::path::Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).read(true).create(true).open(path)?;
    // A line that a crash cut off is ended, so that it damages itself only.
    let start = if ends_a_line(&mut file)? { "" } else { "\n" };
    file.write_all(format!("{start}{line}").as_bytes())?;
    file.sync_data()
}

fn ends_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::alert;

    #[tokio::test]
    async fn every_alert_is_a_line_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.ndjson");
        std::fs::write(&path, "{\"cut\":").unwrap();
        let sink =
            FileSink { name: "f".to_owned(), format: AlertFormat::Native, path: path.clone() };
        sink.send(&alert()).await.unwrap();
        sink.send(&alert()).await.unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0], lines[1]), (3, "{\"cut\":", lines[2]));
        assert!(text.ends_with('\n'));
    }

    #[tokio::test]
    async fn a_missing_folder_is_tried_again() {
        let path = PathBuf::from("/nonexistent/alerts.ndjson");
        let sink = FileSink { name: "f".to_owned(), format: AlertFormat::Native, path };
        let error = sink.send(&alert()).await.unwrap_err();
        assert!(matches!(error.kind, super::super::SendErrorKind::Retryable { .. }), "{error:?}");
    }
}
