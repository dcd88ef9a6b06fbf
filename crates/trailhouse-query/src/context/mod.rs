//! What a site knows besides its events, as tables and functions of a session.
//!
//! | name | holds |
//! | --- | --- |
//! | `accounts`, `assets`, `honeytokens` | the files of that name; no rows where there is none |
//! | `lookup.<name>` | `lookups/<name>.csv` or `.parquet`, of the site or of a pack |
//! | `intel.<name>` | the indicators of `intel/<name>.txt`, `.csv` or `.json` |
//! | `intel.indicators` | the indicators of all lists |
//! | `ip_in_cidr(ip, cidr)` | whether a network holds an address |
//! | `intel_match_ip(ip[, time])` | the address or network of `intel.indicators` that an address is or lies in |
//! | `geo_country(ip)`, `asn(ip)`, `asn_org(ip)` | what the databases of `geo/` say |

mod folder;
mod functions;
mod geo;
mod hunt;
mod matcher;
mod parquet_file;
mod tables;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, LazyLock},
};

use datafusion::{
    catalog::{CatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider},
    error::DataFusionError,
    prelude::SessionContext,
};
use serde_json::{Map, Value};
use trailhouse_detect::context::{ContextError, GeoCoverage, Places, Site, UnmetNeed, unmet_needs};

pub use self::folder::SiteFolders;
use self::{geo::GeoDatabases, matcher::AddressMatcher};

/// The schema of the lookup tables.
pub(crate) const LOOKUP: &str = "lookup";
/// The schema of the lists of indicators.
pub(crate) const INTEL: &str = "intel";

/// A site's tables and databases of addresses, ready for any number of sessions.
#[derive(Debug, Clone)]
pub struct SiteContext {
    site: Site,
    /// By schema (none for the schema of the events) and name.
    tables: BTreeMap<(Option<&'static str>, String), Arc<dyn TableProvider>>,
    matcher: Arc<AddressMatcher>,
    geo: Arc<GeoDatabases>,
}

/// Files of a site that cannot be used; at least one.
#[derive(Debug)]
pub struct ContextErrors(pub Vec<ContextError>);

impl fmt::Display for ContextErrors {
    /// Writes one line for each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let line_end = if index == 0 { "" } else { "\n" };
            write!(f, "{line_end}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ContextErrors {}

impl SiteContext {
    /// Reads a site folder and the lookups of packs. Blocks while it reads.
    pub fn load(folders: &SiteFolders) -> Result<Self, ContextErrors> {
        let loaded = folder::load(folders)?;
        Self::of_parts(loaded.site, loaded.lookups, loaded.geo)
    }

    /// Returns the context of a site that says nothing: tables without rows, no databases.
    pub fn none() -> Arc<Self> {
        static NONE: LazyLock<Arc<SiteContext>> = LazyLock::new(|| {
            let site = Site::default();
            // Tables without rows are always made.
            let tables = tables::providers(&site, BTreeMap::new()).unwrap_or_default();
            let (matcher, geo) = (Arc::default(), Arc::default());
            Arc::new(SiteContext { site, tables, matcher, geo })
        });
        Arc::clone(&NONE)
    }

    /// Makes a context of tables only.
    pub fn of_site(site: Site) -> Result<Self, ContextErrors> {
        Self::of_parts(site, BTreeMap::new(), GeoDatabases::default())
    }

    /// Makes the context of a case: the tables that it brings, and of this one the lookups that it
    /// does not bring.
    pub fn for_case(
        &self,
        origin: &str,
        tables: &BTreeMap<String, Vec<Map<String, Value>>>,
    ) -> Result<Self, ContextErrors> {
        let site = Site::of_case(origin, tables).map_err(|error| ContextErrors(vec![error]))?;
        let mut context = Self::of_site(site)?;
        for (key, table) in &self.tables {
            if key.0 == Some(LOOKUP) {
                context.tables.entry(key.clone()).or_insert_with(|| Arc::clone(table));
            }
        }
        Ok(context)
    }

    /// Returns the tables as text, for what is not SQL.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Returns what is known of addresses.
    pub fn places(&self) -> &dyn Places {
        self.geo.as_ref()
    }

    /// Returns which of the words of `needs` are not met.
    pub fn unmet_needs(&self, needs: &[String]) -> Vec<UnmetNeed> {
        unmet_needs(needs, &self.site, self.coverage())
    }

    /// Says which databases of addresses there are.
    pub fn coverage(&self) -> GeoCoverage {
        self.geo.coverage()
    }

    fn of_parts(
        site: Site,
        lookups: tables::Lookups,
        geo: GeoDatabases,
    ) -> Result<Self, ContextErrors> {
        let tables = tables::providers(&site, lookups).map_err(ContextErrors)?;
        let matcher = Arc::new(AddressMatcher::new(&site));
        Ok(Self { site, tables, matcher, geo: Arc::new(geo) })
    }

    /// Makes tables and functions known to a session, in place of those of another site.
    pub(crate) fn register(
        &self,
        context: &SessionContext,
        catalog: &dyn CatalogProvider,
        schema: &dyn SchemaProvider,
    ) -> Result<(), DataFusionError> {
        let lookup = Arc::new(MemorySchemaProvider::new());
        let intel = Arc::new(MemorySchemaProvider::new());
        for ((table_schema, name), table) in &self.tables {
            let place: &dyn SchemaProvider = match *table_schema {
                Some(LOOKUP) => lookup.as_ref(),
                Some(_) => intel.as_ref(),
                None => schema,
            };
            place.deregister_table(name)?;
            place.register_table(name.clone(), Arc::clone(table))?;
        }
        catalog.register_schema(LOOKUP, lookup)?;
        catalog.register_schema(INTEL, intel)?;
        for function in functions::all(&self.matcher, &self.geo) {
            context.register_udf(function);
        }
        Ok(())
    }

    /// Returns the names of the tables outside of the schema of the events, with their columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (String, Vec<String>)> {
        self.tables.iter().filter_map(|((schema, name), table)| {
            let table_schema = table.schema();
            let columns = table_schema.fields().iter().map(|field| field.name().clone());
            schema.map(|schema| (format!("{schema}.{name}"), columns.collect()))
        })
    }
}
