//! Indicators of a site: what is on the lists, and where it turns up in the history of a lake.

use std::time::{Duration, Instant};

use trailhouse_detect::context::{Hunt, IndicatorKind};
pub use trailhouse_detect::context::{Sighting, SkippedIndicator};
use trailhouse_model::EventTime;
use trailhouse_query::{QuerySession, SessionOptions, SiteContext};

use crate::{
    count::count,
    error::{FailureKind, ServiceError},
    lake::LakeAddress,
    query::query_error,
};

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HuntOptions {
    /// Only events from this moment on.
    pub from: Option<EventTime>,
    /// Only events before this moment.
    pub to: Option<EventTime>,
    /// The limits of the scan.
    pub session: SessionOptions,
}

/// What a hunt found.
#[derive(Debug)]
pub struct HuntReport {
    /// The indicators that were seen, the most recent first.
    pub sightings: Vec<Sighting>,
    /// How many were looked for.
    pub indicators: u64,
    /// How many events were looked at.
    pub events: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// One list of indicators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListSummary {
    /// Its name.
    pub name: String,
    /// How many indicators it has of each kind that it has.
    pub kinds: Vec<(IndicatorKind, u64)>,
    /// What of it cannot be looked for.
    pub skipped: Vec<SkippedIndicator>,
}

/// Says what is on the lists of a site.
pub fn lists(context: &SiteContext) -> Vec<ListSummary> {
    let mut summaries = Vec::new();
    for (name, list) in &context.site().intel {
        let of_kind = |kind| list.indicators.iter().filter(|it| it.kind == kind).count();
        let kinds = IndicatorKind::ALL.into_iter().map(|kind| (kind, count(of_kind(kind))));
        summaries.push(ListSummary {
            name: name.clone(),
            kinds: kinds.filter(|(_, count)| *count > 0).collect(),
            skipped: list.skipped.clone(),
        });
    }
    summaries
}

/// Looks for all indicators of a site in the events of a lake, in one scan.
pub async fn hunt(
    lake: &LakeAddress,
    context: &SiteContext,
    options: &HuntOptions,
) -> Result<HuntReport, ServiceError> {
    let started = Instant::now();
    let indicators = count(context.site().indicators());
    if indicators == 0 {
        let message = "there is nothing to hunt for: the site folder has no indicators";
        return Err(ServiceError::new(FailureKind::Configuration, message)
            .with_hint("put lists into intel/ and name the folder with --context"));
    }
    let lake = lake.open().await?;
    let session = QuerySession::open(&lake, &options.session)
        .await
        .map_err(|error| query_error(&error, ""))?;
    let mut hunt = Hunt::new(context.site());
    let events = session
        .hunt(&mut hunt, options.from, options.to)
        .await
        .map_err(|error| query_error(&error, ""))?;
    Ok(HuntReport { sightings: hunt.finish(), indicators, events, elapsed: started.elapsed() })
}
