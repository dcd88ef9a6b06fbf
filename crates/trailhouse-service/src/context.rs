//! What a site knows besides its events, from its folder.

use trailhouse_query::{ContextErrors, SiteContext, SiteFolders};

use crate::error::{FailureKind, ServiceError};

/// Reads a site folder and the lookups of packs. A file that cannot be used is an error: a
/// detection that joins with half a list finds half of what it should.
pub async fn load_context(folders: SiteFolders) -> Result<SiteContext, ServiceError> {
    let loaded = tokio::task::spawn_blocking(move || SiteContext::load(&folders)).await;
    match loaded {
        Ok(loaded) => loaded.map_err(|errors| context_error(&errors)),
        Err(error) => Err(ServiceError::new(FailureKind::Bug, error.to_string())),
    }
}

/// Tells what is wrong with a site folder or with the tables of a case.
pub(crate) fn context_error(errors: &ContextErrors) -> ServiceError {
    ServiceError::new(FailureKind::Configuration, errors.to_string())
        .with_hint("mend the files of the folder that --context names")
}
