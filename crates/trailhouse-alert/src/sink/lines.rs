//! A sink that hands lines to whoever prints them.

use std::{fmt, io, sync::Arc};

use async_trait::async_trait;

use super::{Delivered, SendError, Sink};
use trailhouse_detect::alerts::AlertFormat;

use crate::{Alert, format};

/// Takes the lines of a sink of type `stdout`; the program that owns standard output is one.
pub trait LineWriter: Send + Sync {
    /// Writes a text that ends its own lines, in one piece.
    fn write(&self, lines: &str) -> io::Result<()>;
}

/// Writes alerts to a [`LineWriter`].
pub(crate) struct LinesSink {
    pub(crate) name: String,
    pub(crate) format: AlertFormat,
    pub(crate) writer: Arc<dyn LineWriter>,
}

impl fmt::Debug for LinesSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinesSink").field("name", &self.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl Sink for LinesSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, alert: &Alert) -> Result<Delivered, SendError> {
        let line = format::write(&self.format, alert);
        let written = self.writer.write(&format!("{}\n", line.trim_end_matches('\n')));
        match written {
            Ok(()) => Ok(Delivered::default()),
            // Whoever read our output is gone and does not come back.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                Err(SendError::permanent("failed to write alert: nobody reads the output"))
            }
            Err(error) => Err(SendError::retryable(format!("failed to write alert: {error}"))),
        }
    }
}
