//! Where rules come from: packs, and what the site says about them and knows.

use std::sync::Arc;

use trailhouse_detect::{CalendarDay, DetectionError, Engine, Pack, Rulebook, SiteRules};
use trailhouse_query::{SiteContext, SiteFolders};
use trailhouse_runtime::{Clock, SystemClock};

use crate::{
    context::load_context,
    error::{FailureKind, ServiceError},
    packs::{PackPlace, load_packs},
    site::SiteFolder,
};

/// The version of the tables that detections read: names, columns and what they mean.
const TABLE_CONTRACT: u32 = 1;

/// Where rules come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSource {
    /// The packs.
    pub packs: Vec<PackPlace>,
    /// The site's folder.
    pub site: SiteFolder,
}

/// The rules, and what the site knows.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The rules as the site has them.
    pub rulebook: Arc<Rulebook>,
    /// What the site knows.
    pub context: Arc<SiteContext>,
}

impl RuleSource {
    /// Reads packs and the site's files, and puts them together.
    pub async fn load(&self) -> Result<Rules, ServiceError> {
        let rulebook = Arc::new(rulebook(load_packs(&self.packs)?, self.site.rules()?)?);
        let folders = self.packs.iter().filter_map(PackPlace::folder);
        let context = load_context(SiteFolders {
            site: self.site.root().map(ToOwned::to_owned),
            packs: folders.map(ToOwned::to_owned).collect(),
        });
        Ok(Rules { rulebook, context: Arc::new(context.await?) })
    }
}

/// Puts packs and what the site says about them together.
pub fn rulebook(packs: Vec<Pack>, site: SiteRules) -> Result<Rulebook, ServiceError> {
    assemble(packs, site).map_err(|errors| {
        let rendered: Vec<&str> = errors.iter().map(|error| error.rendered.as_str()).collect();
        ServiceError::new(FailureKind::Configuration, rendered.join("\n"))
            .with_hint("mend the file; `trailhouse detect lint` checks a pack")
    })
}

/// Does the same, and tells every mistake.
pub(super) fn assemble(packs: Vec<Pack>, site: SiteRules) -> Result<Rulebook, Vec<DetectionError>> {
    let engine = Engine { version: env!("CARGO_PKG_VERSION").to_owned(), contract: TABLE_CONTRACT };
    let today = CalendarDay::of(SystemClock.now());
    Rulebook::assemble(packs, site, &engine, today).map_err(|broken| broken.errors)
}
