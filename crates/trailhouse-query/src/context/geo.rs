//! Databases of addresses in MaxMind's format.

use std::{fmt, net::IpAddr};

use maxminddb::{MaxMindDbError, PathElement, Reader, geoip2};
use trailhouse_detect::context::{
    AutonomousSystem, ContextProblem as Problem, GeoCoverage, Places,
};

/// The databases of a site: one of countries, which one of cities is too, and one of autonomous
/// systems.
#[derive(Debug, Default)]
pub(super) struct GeoDatabases {
    country: Option<Database>,
    asn: Option<Database>,
}

struct Database {
    path: String,
    reader: Reader<Vec<u8>>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("path", &self.path).finish_non_exhaustive()
    }
}

impl GeoDatabases {
    /// Adds a database. What it holds stands in its metadata.
    pub(super) fn add(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), Problem> {
        let bad = |message: String| Problem::BadFile { message };
        let reader = Reader::from_source(bytes)
            .map_err(|error| bad(format!("not a readable MaxMind database: {error}")))?;
        let holds = reader.metadata().database_type.to_ascii_lowercase();
        let holds_any = |words: &[&str]| words.iter().any(|word| holds.contains(word));
        let (slot, what) = if holds_any(&["city", "country", "enterprise"]) {
            (&mut self.country, "countries")
        } else if holds_any(&["asn", "isp"]) {
            (&mut self.asn, "autonomous systems")
        } else {
            let shown: String = holds.chars().filter(|ch| !ch.is_control()).take(80).collect();
            return Err(bad(format!(
                "a database of `{shown}` is not used: City, Country and ASN are"
            )));
        };
        if let Some(other) = slot {
            return Err(bad(format!("`{}` is a database of {what} too: keep one", other.path)));
        }
        *slot = Some(Database { path: path.to_owned(), reader });
        Ok(())
    }

    pub(super) fn coverage(&self) -> GeoCoverage {
        GeoCoverage { country: self.country.is_some(), asn: self.asn.is_some() }
    }

    /// Returns the country of an address. A record that cannot be read is an error that names the
    /// file.
    pub(super) fn find_country(&self, address: IpAddr) -> Result<Option<String>, String> {
        let Some(database) = &self.country else { return Ok(None) };
        for place in ["country", "registered_country"] {
            let path = [PathElement::Key(place), PathElement::Key("iso_code")];
            let code = database.find(address, |found| found.decode_path::<String>(&path))?;
            if code.is_some() {
                return Ok(code);
            }
        }
        Ok(None)
    }

    /// Returns the autonomous system of an address.
    pub(super) fn find_system(&self, address: IpAddr) -> Result<Option<AutonomousSystem>, String> {
        let Some(database) = &self.asn else { return Ok(None) };
        let found = database.find(address, |found| {
            let record = found.decode::<geoip2::Asn<'_>>()?;
            Ok(record.and_then(|record| {
                let organization = record.autonomous_system_organization.map(str::to_owned);
                let number = record.autonomous_system_number?;
                Some(AutonomousSystem { number, organization })
            }))
        })?;
        Ok(found)
    }
}

impl Database {
    fn find<T>(
        &self,
        address: IpAddr,
        read: impl FnOnce(maxminddb::LookupResult<'_, Vec<u8>>) -> Result<Option<T>, MaxMindDbError>,
    ) -> Result<Option<T>, String> {
        if address.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return Ok(None);
        }
        let found = self.reader.lookup(address).and_then(read);
        found.map_err(|error| format!("the database `{}` is broken: {error}", self.path))
    }
}

impl Places for GeoDatabases {
    /// A finding is worth more than the country in it: a broken record counts as none.
    fn country(&self, address: IpAddr) -> Option<String> {
        self.find_country(address).ok().flatten()
    }

    fn autonomous_system(&self, address: IpAddr) -> Option<AutonomousSystem> {
        self.find_system(address).ok().flatten()
    }
}
