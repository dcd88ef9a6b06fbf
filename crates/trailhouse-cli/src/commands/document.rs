//! Documents: JSON and XML for other programs, as a whole.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use trailhouse_query::escape_json;
use trailhouse_service::{FailureKind, ServiceError};

/// Writes JSON to a file, or to standard output without one or where it is named `-`.
pub(super) fn write_json(path: Option<&Path>, json: &str) -> Result<(), ServiceError> {
    match path.filter(|path| path.as_os_str() != "-") {
        Some(path) => write_file(path, &format!("{json}\n")),
        None => write_standard(&escape_json(json)),
    }
}

/// Writes a file.
pub(super) fn write_file(path: &Path, text: &str) -> Result<(), ServiceError> {
    fs::write(path, text).map_err(|error| {
        let message = format!("failed to write `{}`: {error}", path.display());
        ServiceError::new(FailureKind::Usage, message)
    })
}

/// A reader that went away is no error: it has seen what it wanted.
fn write_standard(text: &str) -> Result<(), ServiceError> {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let message = format!("failed to write to standard output: {error}");
            Err(ServiceError::new(FailureKind::Usage, message))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
