//! What a detection needs of the site, and whether it is there.

use std::fmt;

use super::{
    site::{ALL_INDICATORS, Site},
    text_table::TextTable,
};

/// Which databases of addresses there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GeoCoverage {
    /// Countries of addresses are known.
    pub country: bool,
    /// Autonomous systems of addresses are known.
    pub asn: bool,
}

/// Something that a detection needs and that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmetNeed {
    /// The word of `needs`.
    pub need: String,
    /// What would meet it, in the site folder.
    pub met_by: String,
}

impl fmt::Display for UnmetNeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it needs `{}`: the site folder has no {}", self.need, self.met_by)
    }
}

/// Returns which of the words of `needs` a site does not meet. A table without rows meets none.
/// Words that are not about the site, like `management`, are met.
pub fn unmet_needs(needs: &[String], site: &Site, geo: GeoCoverage) -> Vec<UnmetNeed> {
    let unmet = needs.iter().filter_map(|need| {
        let met_by = unmet_by(need, site, geo)?;
        Some(UnmetNeed { need: need.clone(), met_by })
    });
    unmet.collect()
}

fn unmet_by(need: &str, site: &Site, geo: GeoCoverage) -> Option<String> {
    let or = |is_met: bool, met_by: &str| (!is_met).then(|| met_by.to_owned());
    let has_rows = |is_empty: Option<bool>| is_empty == Some(false);
    match need.split_once('.').unwrap_or((need, "")) {
        ("accounts", "") => or(!site.accounts.is_empty(), "accounts.csv with rows"),
        ("assets", "") => or(!site.assets.is_empty(), "assets.csv or assets.parquet with rows"),
        ("honeytokens", "") => or(!site.honeytokens.is_empty(), "honeytokens.csv with rows"),
        ("intel", "" | ALL_INDICATORS) => or(site.indicators() > 0, "indicators in intel/"),
        ("intel", name) => {
            let list = site.intel.get(&table_of(name));
            let is_met = has_rows(list.map(|list| list.indicators.is_empty()));
            or(is_met, &format!("indicators in intel/{}.*", table_of(name)))
        }
        ("lookup", name) => {
            let text = site.lookups.get(&table_of(name));
            let is_met = has_rows(text.map(TextTable::is_empty))
                || site.typed_lookups.contains(&table_of(name));
            or(is_met, &format!("lookups/{}.csv with rows", table_of(name)))
        }
        ("geoip", "asn") => or(geo.asn, "database of ASNs in geo/*.mmdb"),
        ("geoip", "country") => or(geo.country, "database of countries in geo/*.mmdb"),
        ("geoip", _) => or(geo.country && geo.asn, "databases of countries and ASNs in geo/*.mmdb"),
        (_, _) => None,
    }
}

/// Words of `needs` have dashes where tables have underscores.
fn table_of(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::site::{FileFormat, SiteTable};

    fn check(site: &Site, geo: GeoCoverage, needs: &[&str], expected: &[&str]) {
        let needs: Vec<String> = needs.iter().map(|need| (*need).to_owned()).collect();
        let unmet = unmet_needs(&needs, site, geo);
        let words: Vec<&str> = unmet.iter().map(|unmet| unmet.need.as_str()).collect();
        assert_eq!(words, expected);
    }

    #[test]
    fn needs_are_met_by_rows() {
        let all = [
            "management",
            "accounts",
            "assets",
            "honeytokens",
            "intel",
            "intel.tor-exits",
            "lookup.known-scanners",
            "geoip",
            "geoip.asn",
            "geoip.country",
        ];
        let none = GeoCoverage::default();
        check(&Site::default(), none, &all, &all[1..]);

        let mut site = Site::default();
        let add = |site: &mut Site, table, format, text| {
            site.add_text("x", table, format, text).unwrap();
        };
        add(&mut site, SiteTable::Accounts, FileFormat::Csv, "account_id\n111122223333\n");
        add(&mut site, SiteTable::Honeytokens, FileFormat::Csv, "kind,value\n");
        let tor = SiteTable::Intel("tor_exits".to_owned());
        add(&mut site, tor, FileFormat::Plain, "198.51.100.7\n");
        let scanners = SiteTable::Lookup("known_scanners".to_owned());
        add(&mut site, scanners, FileFormat::Csv, "a\n1\n");
        let asn = GeoCoverage { asn: true, country: false };
        check(&site, asn, &all, &["assets", "honeytokens", "geoip", "geoip.country"]);
    }

    #[test]
    fn the_reason_names_the_file_to_make() {
        let unmet =
            unmet_needs(&["honeytokens".to_owned()], &Site::default(), GeoCoverage::default());
        let expected = "it needs `honeytokens`: the site folder has no honeytokens.csv with rows";
        assert_eq!(unmet[0].to_string(), expected);
    }
}
