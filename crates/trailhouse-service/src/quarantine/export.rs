//! Writes what is in quarantine into a folder, for other programs to look at.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use trailhouse_model::QuarantineId;

use super::{Selection, StoredQuarantine, place, select};
use crate::{
    error::{FailureKind, ServiceError},
    ingest::run_blocking,
    lake::LakeAddress,
};

const MANIFEST: &str = "manifest.ndjson";
/// Entries whose bytes are held at a time.
const CHUNK_ENTRIES: usize = 64;

/// What an export wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Entries in the manifest.
    pub entries: u64,
    /// The manifest.
    pub manifest: PathBuf,
}

/// Writes the stored bytes of each entry into a file named by its identity, and a manifest with a
/// line for each. No name comes from what was refused. A folder that holds a manifest is refused.
pub async fn export(
    lake: &LakeAddress,
    selection: &Selection,
    folder: &Path,
) -> Result<Exported, ServiceError> {
    let lake = lake.open().await?;
    let entries = select(&lake, selection).await?;
    let manifest = folder.join(MANIFEST);
    let created = {
        let (folder, manifest) = (folder.to_owned(), manifest.clone());
        run_blocking(move || create(&folder, &manifest)).await?
    };
    let mut writer = created.map_err(|error| failed(&manifest, &error))?;
    for chunk in entries.chunks(CHUNK_ENTRIES) {
        let ids: Vec<QuarantineId> = chunk.iter().map(|entry| entry.id).collect();
        let mut bytes = lake.quarantine_bytes(&ids).await?;
        let rows: Vec<(StoredQuarantine, Vec<u8>)> = chunk
            .iter()
            .map(|entry| (entry.clone(), bytes.remove(&entry.id).unwrap_or_default()))
            .collect();
        let folder = folder.to_owned();
        let written = run_blocking(move || write(writer, &folder, &rows)).await?;
        writer = written.map_err(|error| failed(&manifest, &error))?;
    }
    Ok(Exported { entries: u64::try_from(entries.len()).unwrap_or(u64::MAX), manifest })
}

fn create(folder: &Path, manifest: &Path) -> io::Result<BufWriter<File>> {
    fs::create_dir_all(folder)?;
    Ok(BufWriter::new(File::create_new(manifest)?))
}

fn write(
    mut manifest: BufWriter<File>,
    folder: &Path,
    rows: &[(StoredQuarantine, Vec<u8>)],
) -> io::Result<BufWriter<File>> {
    for (row, bytes) in rows {
        let file = (!bytes.is_empty()).then(|| format!("{}.bin", row.id));
        if let Some(name) = &file {
            fs::write(folder.join(name), bytes)?;
        }
        serde_json::to_writer(&mut manifest, &line(row, file.as_deref(), bytes.len()))?;
        manifest.write_all(b"\n")?;
    }
    manifest.flush()?;
    Ok(manifest)
}

fn line(row: &StoredQuarantine, file: Option<&str>, bytes: usize) -> Value {
    let entry = &row.entry;
    json!({
        "id": row.id.to_string(),
        "file": file,
        "bytes": bytes,
        "reason": entry.reason.as_str(),
        "stage": row.stage.as_str(),
        "detail": entry.detail,
        "place": place(entry),
        "bucket": entry.bucket.as_str(),
        "key": entry.key.as_str(),
        "object_id": entry.object_id.map(|id| id.to_string()),
        "record_index": entry.record_index,
        "attempts": row.attempts,
        "quarantined_at": entry.quarantined_at.to_string(),
        "last_tried_at": row.last_tried_at.to_string(),
        "is_open": row.is_open,
    })
}

fn failed(path: &Path, error: &io::Error) -> ServiceError {
    let message = format!("failed to write `{}`: {error}", path.display());
    let made = ServiceError::new(FailureKind::Usage, message);
    if error.kind() == io::ErrorKind::AlreadyExists {
        return made.with_hint("the folder holds an export already; name another");
    }
    made
}
