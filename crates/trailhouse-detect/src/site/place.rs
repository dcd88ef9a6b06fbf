//! Where in a site's file something stands, for mistakes that are only seen beside the packs.

use std::{ops::Range, sync::Arc};

use crate::diagnostic::{DetectionError, DetectionErrorCode, error_at, line_at};

/// A file that is kept for messages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SiteFile {
    pub(crate) origin: String,
    pub(crate) text: String,
}

/// Some bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    file: Arc<SiteFile>,
    span: Range<usize>,
}

impl Place {
    pub(crate) fn new(file: &Arc<SiteFile>, span: Range<usize>) -> Self {
        Self { file: Arc::clone(file), span }
    }

    /// Returns the name of the file.
    pub fn origin(&self) -> &str {
        &self.file.origin
    }

    /// Returns the line, counted from 1.
    pub fn line(&self) -> u32 {
        line_at(&self.file.text, self.span.start)
    }

    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Makes the error for these bytes, with a caret under them.
    pub fn error(&self, code: DetectionErrorCode, message: String, help: &str) -> DetectionError {
        let help = Some(help.to_owned());
        error_at(&self.file.origin, &self.file.text, code, self.span.clone(), message, help)
    }
}
