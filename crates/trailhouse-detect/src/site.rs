//! What a site says about the rules of packs, without changing the packs: exceptions, silences
//! and overlays.
//!
//! ```text
//! context/
//!   exceptions/*.toml      [[exception]] and [[silence]] tables
//!   overlays/*.toml        one table for each rule, glob or tag
//! ```

pub mod condition;
pub mod exception;
pub mod hits;
pub mod overlay;
pub mod place;
pub mod selector;
pub mod silence;

use crate::{
    catalog::text_of,
    diagnostic::{DetectionError, DetectionErrors},
};

use exception::{Exception, parse_exceptions};
use overlay::{Overlay, parse_overlays};
use silence::Silence;

/// The folder of exceptions and silences.
pub const EXCEPTIONS_FOLDER: &str = "exceptions/";
/// The folder of overlays.
pub const OVERLAYS_FOLDER: &str = "overlays/";

/// Everything that a site says about rules, in the order of files and of tables in them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SiteRules {
    /// What findings are harmless.
    pub exceptions: Vec<Exception>,
    /// What does not alert for a while.
    pub silences: Vec<Silence>,
    /// What is set otherwise than in the packs.
    pub overlays: Vec<Overlay>,
}

/// Files of the site cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} mistakes in the site's files", errors.len())]
pub struct SiteErrors {
    /// Every mistake, by file and line; at least one.
    pub errors: Vec<DetectionError>,
}

impl SiteRules {
    /// Reads the site's files: paths relative to the site's folder, with `/`, and their contents.
    /// Other files than `exceptions/*.toml` and `overlays/*.toml` are passed over. All mistakes of
    /// all files are reported together.
    pub fn from_files(
        files: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> Result<Self, SiteErrors> {
        let mut files: Vec<(String, Vec<u8>)> = files.into_iter().collect();
        files.sort();
        let (mut site, mut errors) = (Self::default(), Vec::new());
        for (path, contents) in files.into_iter().filter(|(path, _)| path.ends_with(".toml")) {
            let is_overlay = path.starts_with(OVERLAYS_FOLDER);
            if !is_overlay && !path.starts_with(EXCEPTIONS_FOLDER) {
                continue;
            }
            let outcome = match text_of(&path, contents) {
                Ok(text) if is_overlay => site.take_overlays(&path, text),
                Ok(text) => site.take_exceptions(&path, text),
                Err(error) => Err(DetectionErrors::from(error)),
            };
            if let Err(found) = outcome {
                errors.extend(found);
            }
        }
        if errors.is_empty() { Ok(site) } else { Err(SiteErrors { errors }) }
    }

    fn take_overlays(&mut self, path: &str, text: String) -> Result<(), DetectionErrors> {
        self.overlays.extend(parse_overlays(path, text)?);
        Ok(())
    }

    fn take_exceptions(&mut self, path: &str, text: String) -> Result<(), DetectionErrors> {
        let file = parse_exceptions(path, text)?;
        self.exceptions.extend(file.exceptions);
        self.silences.extend(file.silences);
        Ok(())
    }
}
