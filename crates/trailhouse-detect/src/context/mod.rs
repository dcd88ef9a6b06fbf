//! What a site knows besides its events: accounts, assets, honeytokens, lookups, indicators.
//!
//! [`Site`] holds it as tables, made of the text of files; [`unmet_needs`] says what a detection
//! lacks. [`Enricher`] adds it to findings. [`Hunt`] looks for indicators in old events.

mod enrich;
mod error;
mod hunt;
mod indicator;
mod intel_list;
mod needs;
mod networks;
mod site;
mod stix;
mod stix_pattern;
mod text_table;

pub use self::{
    enrich::{AutonomousSystem, Enricher, NoPlaces, Places},
    error::{ContextError, ContextProblem},
    hunt::{Hunt, HuntedEvent, PRINCIPALS_MAX, Sighting},
    indicator::{Indicator, IndicatorKind, parse_ip, parse_network},
    intel_list::{IntelList, SkipReason, SkippedIndicator},
    needs::{GeoCoverage, UnmetNeed, unmet_needs},
    networks::NetworkIndex,
    site::{ALL_INDICATORS, FileFormat, Site, SiteTable, TEXT_BYTES_MAX},
    text_table::{COLUMNS_MAX, ROWS_MAX, TextTable, VALUE_BYTES_MAX},
};
