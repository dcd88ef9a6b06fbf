//! What a site says of itself: its accounts, its assets, its traps, its lists.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    error::{ContextError, ContextProblem as Problem, excerpt},
    intel_list::IntelList,
    text_table::TextTable,
};

/// The largest text file of a site folder.
pub const TEXT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The columns that `accounts` always has.
const ACCOUNT_COLUMNS: [&str; 4] = ["account_id", "name", "owner", "environment"];
/// The columns that `assets` always has.
const ASSET_COLUMNS: [&str; 8] =
    ["arn", "id", "name", "type", "owner", "importance", "tags", "account_id"];
/// The columns that `honeytokens` always has.
const HONEYTOKEN_COLUMNS: [&str; 3] = ["kind", "value", "note"];

/// The kinds of honeytokens.
const HONEYTOKEN_KINDS: [&str; 5] = ["access_key", "user", "role", "bucket", "secret"];
/// How important an asset may be.
const IMPORTANCES: [&str; 4] = ["low", "medium", "high", "critical"];

/// The table of all lists of indicators.
pub const ALL_INDICATORS: &str = "indicators";

/// The tables of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The table `accounts`.
    pub accounts: TextTable,
    /// The table `assets`.
    pub assets: TextTable,
    /// The table `honeytokens`.
    pub honeytokens: TextTable,
    /// The tables `lookup.<name>` by name, as far as they are text.
    pub lookups: BTreeMap<String, TextTable>,
    /// The names of the other tables `lookup.<name>` that have rows.
    pub typed_lookups: BTreeSet<String>,
    /// The tables `intel.<name>` by name.
    pub intel: BTreeMap<String, IntelList>,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            accounts: TextTable::empty(&ACCOUNT_COLUMNS),
            assets: TextTable::empty(&ASSET_COLUMNS),
            honeytokens: TextTable::empty(&HONEYTOKEN_COLUMNS),
            lookups: BTreeMap::new(),
            typed_lookups: BTreeSet::new(),
            intel: BTreeMap::new(),
        }
    }
}

/// A table that a file of the site makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SiteTable {
    /// `accounts`
    Accounts,
    /// `assets`
    Assets,
    /// `honeytokens`
    Honeytokens,
    /// `lookup.<name>`
    Lookup(String),
    /// `intel.<name>`
    Intel(String),
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// Values separated by commas.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// One value a line.
    Plain,
    /// A STIX 2.1 bundle.
    Stix,
}

impl SiteTable {
    /// Says which table the file at a path of the site folder makes; none for files that others
    /// read, like exceptions, and for Markdown. `path` has `/` between its parts.
    pub fn of_file(path: &str) -> Result<Option<(Self, FileFormat)>, Problem> {
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        let (stem, extension) = file.rsplit_once('.').unwrap_or((file, ""));
        if extension == "md" {
            return Ok(None);
        }
        let stranger = |expected| Err(Problem::Stranger { expected });
        let format = match extension {
            "csv" => Some(FileFormat::Csv),
            "parquet" => Some(FileFormat::Parquet),
            "txt" => Some(FileFormat::Plain),
            "json" => Some(FileFormat::Stix),
            _ => None,
        };
        match (folder, format) {
            ("", Some(format @ (FileFormat::Csv | FileFormat::Parquet))) => match (stem, format) {
                ("accounts", FileFormat::Csv) => Ok(Some((Self::Accounts, format))),
                ("assets", _) => Ok(Some((Self::Assets, format))),
                ("honeytokens", FileFormat::Csv) => Ok(Some((Self::Honeytokens, format))),
                _ => stranger("accounts.csv, assets.csv, assets.parquet or honeytokens.csv"),
            },
            ("lookups", Some(format @ (FileFormat::Csv | FileFormat::Parquet))) => {
                Ok(Some((Self::Lookup(table_name(stem)?), format)))
            }
            ("lookups", _) => stranger("lookups/ holds .csv and .parquet files"),
            ("intel", Some(format @ (FileFormat::Csv | FileFormat::Plain | FileFormat::Stix))) => {
                let name = table_name(stem)?;
                if name == ALL_INDICATORS {
                    return Err(Problem::TableTwice { table: format!("intel.{name}") });
                }
                Ok(Some((Self::Intel(name), format)))
            }
            ("intel", _) => stranger("intel/ holds .txt, .csv and .json files"),
            _ => Ok(None),
        }
    }

    /// Reads the name that SQL has for the table.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "accounts" => Some(Self::Accounts),
            "assets" => Some(Self::Assets),
            "honeytokens" => Some(Self::Honeytokens),
            _ => {
                let (schema, name) = name.split_once('.')?;
                let name = table_name(name).ok()?;
                match schema {
                    "lookup" => Some(Self::Lookup(name)),
                    "intel" => Some(Self::Intel(name)),
                    _ => None,
                }
            }
        }
    }
}

/// Checks a name that stands in SQL without quotation marks.
fn table_name(name: &str) -> Result<String, Problem> {
    const NAME_BYTES_MAX: usize = 64;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let is_name = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(fits);
    if is_name { Ok(name.to_owned()) } else { Err(Problem::BadName { name: excerpt(name) }) }
}

impl Site {
    /// Adds what a text file says. `origin` only names the file in messages.
    pub fn add_text(
        &mut self,
        origin: &str,
        table: SiteTable,
        format: FileFormat,
        text: &str,
    ) -> Result<(), ContextError> {
        match (table, format) {
            (SiteTable::Intel(name), FileFormat::Plain) => {
                self.add_intel(origin, name, IntelList::parse_plain(origin, text)?)
            }
            (SiteTable::Intel(name), FileFormat::Stix) => {
                self.add_intel(origin, name, IntelList::parse_stix(origin, text)?)
            }
            (
                table,
                FileFormat::Csv | FileFormat::Parquet | FileFormat::Plain | FileFormat::Stix,
            ) => self.add_table(origin, table, TextTable::parse_csv(origin, text)?),
        }
    }

    /// Adds a table. Two files for one table are an error.
    pub fn add_table(
        &mut self,
        origin: &str,
        table: SiteTable,
        rows: TextTable,
    ) -> Result<(), ContextError> {
        match table {
            SiteTable::Accounts => self.accounts = checked_accounts(origin, rows)?,
            SiteTable::Assets => {
                if !self.assets.is_empty() {
                    let problem = Problem::TableTwice { table: "assets".to_owned() };
                    return Err(problem.at(origin, None));
                }
                self.assets = checked_assets(origin, rows)?;
            }
            SiteTable::Honeytokens => self.honeytokens = checked_honeytokens(origin, rows)?,
            SiteTable::Lookup(name) => {
                let table = format!("lookup.{name}");
                if self.lookups.insert(name, rows).is_some() {
                    return Err(Problem::TableTwice { table }.at(origin, None));
                }
            }
            SiteTable::Intel(name) => {
                let list = IntelList::from_table(origin, &rows)?;
                self.add_intel(origin, name, list)?;
            }
        }
        Ok(())
    }

    /// Makes the tables that a case of a detection brings: rows by the name of their table. A table
    /// `intel.indicators` is a list of its own. Messages name a row by its number.
    pub fn of_case(
        origin: &str,
        tables: &BTreeMap<String, Vec<Map<String, Value>>>,
    ) -> Result<Self, ContextError> {
        let mut site = Self::default();
        for (name, rows) in tables {
            let origin = format!("{origin}.{}", excerpt(name));
            let table = SiteTable::parse(name)
                .ok_or_else(|| Problem::UnknownTable { name: excerpt(name) }.at(&origin, None))?;
            site.add_table(&origin, table, TextTable::from_objects(&origin, rows)?)?;
        }
        Ok(site)
    }

    /// Counts the indicators of all lists.
    pub fn indicators(&self) -> usize {
        self.intel.values().map(|list| list.indicators.len()).sum()
    }

    fn add_intel(
        &mut self,
        origin: &str,
        name: String,
        list: IntelList,
    ) -> Result<(), ContextError> {
        let table = format!("intel.{name}");
        match self.intel.insert(name, list) {
            Some(_) => Err(Problem::TableTwice { table }.at(origin, None)),
            None => Ok(()),
        }
    }
}

fn checked_accounts(origin: &str, rows: TextTable) -> Result<TextTable, ContextError> {
    let Some(index) = required(origin, &rows, "account_id")? else {
        return Ok(rows.with_columns(&ACCOUNT_COLUMNS));
    };
    let mut seen = BTreeSet::new();
    for row in rows.rows() {
        let at = |problem: Problem| problem.at(origin, Some(row.line));
        let column = "account_id";
        let value = row.value(Some(index)).ok_or_else(|| at(Problem::MissingValue { column }))?;
        let bad = |expected| at(Problem::BadValue { column, value: excerpt(value), expected });
        if value.len() != 12 || !value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(bad("twelve digits, with the zeros in front"));
        }
        if !seen.insert(value) {
            return Err(bad("each account once"));
        }
    }
    Ok(rows.with_columns(&ACCOUNT_COLUMNS))
}

fn checked_assets(origin: &str, rows: TextTable) -> Result<TextTable, ContextError> {
    let mut rows = rows.with_columns(&ASSET_COLUMNS);
    let names = ["arn", "id", "name"].map(|column| rows.index(column));
    for row in rows.rows() {
        if names.iter().all(|index| row.value(*index).is_none()) {
            let problem = Problem::MissingValue { column: "arn, id or name" };
            return Err(problem.at(origin, Some(row.line)));
        }
    }
    if let Some(index) = rows.index("importance") {
        let expected = "low, medium, high or critical";
        choose(origin, &mut rows, index, "importance", &IMPORTANCES, expected)?;
    }
    Ok(rows)
}

fn checked_honeytokens(origin: &str, rows: TextTable) -> Result<TextTable, ContextError> {
    let mut rows = rows;
    if let Some(index) = required(origin, &rows, "kind")? {
        let expected = "access_key, user, role, bucket or secret";
        choose(origin, &mut rows, index, "kind", &HONEYTOKEN_KINDS, expected)?;
    }
    for column in ["kind", "value"] {
        let index = required(origin, &rows, column)?;
        if let Some(row) = rows.rows().iter().find(|row| row.value(index).is_none()) {
            return Err(Problem::MissingValue { column }.at(origin, Some(row.line)));
        }
    }
    Ok(rows.with_columns(&HONEYTOKEN_COLUMNS))
}

/// Returns the index of a column that only a table without any may lack.
fn required(
    origin: &str,
    rows: &TextTable,
    column: &'static str,
) -> Result<Option<usize>, ContextError> {
    match rows.index(column) {
        None if !rows.columns().is_empty() => {
            Err(Problem::MissingColumn { column }.at(origin, Some(1)))
        }
        index => Ok(index),
    }
}

/// Puts a column in lower case and checks that it holds nothing but the words.
fn choose(
    origin: &str,
    rows: &mut TextTable,
    index: usize,
    column: &'static str,
    words: &[&str],
    expected: &'static str,
) -> Result<(), ContextError> {
    rows.map_column(index, |row, value| {
        let word = value.trim().to_ascii_lowercase();
        if words.contains(&word.as_str()) {
            return Ok(word);
        }
        let problem = Problem::BadValue { column, value: excerpt(value), expected };
        Err(problem.at(origin, Some(row.line)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_file(path: &str, expected: Result<Option<(SiteTable, FileFormat)>, &str>) {
        let found = SiteTable::of_file(path).map_err(|problem| problem.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{path}");
    }

    #[test]
    fn a_path_says_which_table_a_file_makes() {
        check_file("accounts.csv", Ok(Some((SiteTable::Accounts, FileFormat::Csv))));
        check_file("assets.parquet", Ok(Some((SiteTable::Assets, FileFormat::Parquet))));
        let lookup = SiteTable::Lookup("known_scanners".to_owned());
        check_file("lookups/known_scanners.csv", Ok(Some((lookup, FileFormat::Csv))));
        let intel = SiteTable::Intel("tor".to_owned());
        check_file("intel/tor.json", Ok(Some((intel, FileFormat::Stix))));
        for others in
            ["README.md", "alerts.toml", "exceptions/iam.toml", "geo/city.mmdb", "intel/README.md"]
        {
            check_file(others, Ok(None));
        }
    }

    #[test]
    fn a_misspelt_file_is_not_passed_over() {
        let expected = "this file has no meaning here: \
                        accounts.csv, assets.csv, assets.parquet or honeytokens.csv";
        check_file("acounts.csv", Err(expected));
        let expected = "this file has no meaning here: lookups/ holds .csv and .parquet files";
        check_file("lookups/x.tsv", Err(expected));
        let expected = "this file has no meaning here: intel/ holds .txt, .csv and .json files";
        check_file("intel/x.stix", Err(expected));
        let expected =
            "`Tor-exits` cannot be a table: use lower-case letters, digits and underscores";
        check_file("intel/Tor-exits.txt", Err(expected));
        check_file(
            "intel/indicators.txt",
            Err("the table `intel.indicators` is made by another file too"),
        );
    }

    fn check(table: SiteTable, csv: &str, expected: Result<&[&str], &str>) {
        let mut site = Site::default();
        let added = site.add_text("t.csv", table.clone(), FileFormat::Csv, csv);
        let columns = match table {
            SiteTable::Accounts => &site.accounts,
            SiteTable::Assets => &site.assets,
            SiteTable::Honeytokens | SiteTable::Lookup(_) | SiteTable::Intel(_) => {
                &site.honeytokens
            }
        };
        let found = added.map(|()| columns.columns().to_vec()).map_err(|error| error.to_string());
        let expected = expected.map(|columns| columns.iter().map(|it| (*it).to_owned()).collect());
        assert_eq!(found, expected.map_err(str::to_owned), "{csv}");
    }

    #[test]
    fn accounts_have_an_id_and_what_else_the_site_wants() {
        let csv = "name,account_id,cost_center\nprod,111122223333,7\n";
        let columns = ["name", "account_id", "cost_center", "owner", "environment"];
        check(SiteTable::Accounts, csv, Ok(&columns));
        check(SiteTable::Accounts, "name\nx\n", Err("t.csv:1: the column `account_id` is missing"));
        check(
            SiteTable::Accounts,
            "account_id\n11122223333\n",
            Err("t.csv:2: `11122223333` is not a value of `account_id`: use twelve digits, \
                 with the zeros in front"),
        );
        check(
            SiteTable::Accounts,
            "account_id\n111122223333\n111122223333\n",
            Err("t.csv:3: `111122223333` is not a value of `account_id`: use each account once"),
        );
    }

    #[test]
    fn assets_and_honeytokens_are_checked() {
        check(SiteTable::Assets, "arn,name\n,\n", Err("t.csv:2: `arn, id or name` is empty"));
        check(
            SiteTable::Assets,
            "id,importance\ni-1,huge\n",
            Err(
                "t.csv:2: `huge` is not a value of `importance`: use low, medium, high or critical",
            ),
        );
        check(SiteTable::Honeytokens, "kind,value\nBucket,x\n", Ok(&["kind", "value", "note"]));
        check(SiteTable::Honeytokens, "kind,value\nbucket,\n", Err("t.csv:2: `value` is empty"));
        check(
            SiteTable::Honeytokens,
            "kind,value\ntable,x\n",
            Err(
                "t.csv:2: `table` is not a value of `kind`: use access_key, user, role, bucket or secret",
            ),
        );
    }

    #[test]
    fn a_case_brings_its_tables() {
        let tables = serde_json::from_str(
            r#"{"honeytokens": [{"kind": "user", "value": "backup"}], "lookup.x": [{"a": 1}],
                "intel.indicators": [{"kind": "ip", "value": "198.51.100.7"}]}"#,
        );
        let site = Site::of_case("x.tests.json", &tables.unwrap()).unwrap();
        assert_eq!((site.honeytokens.len(), site.lookups.len(), site.indicators()), (1, 1, 1));
        let tables = serde_json::from_str(r#"{"events": []}"#).unwrap();
        let error = Site::of_case("x.tests.json", &tables).unwrap_err();
        assert!(error.to_string().contains("`events` is no table of a site"), "{error}");
    }
}
