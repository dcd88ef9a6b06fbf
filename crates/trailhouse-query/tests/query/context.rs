//! The tables and functions that a site brings.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use insta::assert_snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;
use trailhouse_detect::context::{FileFormat, Site, SiteTable};
use trailhouse_query::{Format, QuerySession, SiteContext, SiteFolders, TableLimits, write_result};

use crate::{
    mmdb::{Data, database},
    support::{Place, ndjson, one_thread, record, value},
};

/// A site folder that goes away with the test.
fn site(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, contents) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
    folder
}

fn load(folder: &Path) -> Result<SiteContext, String> {
    let folders = SiteFolders { site: Some(folder.to_path_buf()), packs: Vec::new() };
    SiteContext::load(&folders)
        .map_err(|errors| errors.to_string().replace(&format!("{}/", folder.display()), ""))
}

async fn session(place: &Place, files: &[(&str, &[u8])]) -> QuerySession {
    let context = load(site(files).path()).unwrap();
    place.session().await.with_context(&context).await.unwrap()
}

#[tokio::test]
async fn files_become_tables_and_absent_ones_are_empty() {
    let place = Place::of(&[vec![record("A", "2026-05-01T08:00:00Z")]]).await;
    let files: &[(&str, &[u8])] = &[
        ("accounts.csv", b"account_id,name,tier\n111122223333,shop,gold\n"),
        ("lookups/calls.csv", b"event_name,risk\nA,high\n"),
        ("intel/tor.txt", b"198.51.100.7\n203.0.113.0/24\n"),
        ("intel/feed.csv", b"value,source,valid_from\nevil.example,me,2026-01-01\n"),
    ];
    let session = session(&place, files).await;
    let sql = "SELECT a.name, a.tier, a.owner, l.risk FROM events AS e \
               JOIN accounts AS a ON a.account_id = e.recipient_account_id \
               JOIN lookup.calls AS l ON l.event_name = e.event_name";
    let expected = "{\"name\":\"shop\",\"tier\":\"gold\",\"owner\":null,\"risk\":\"high\"}\n";
    assert_eq!(ndjson(&session, sql).await, expected);
    let sql = "SELECT list, kind, value, source, valid_from FROM intel.indicators ORDER BY value";
    assert_snapshot!(ndjson(&session, sql).await, @r#"
    {"list":"tor","kind":"ip","value":"198.51.100.7","source":null,"valid_from":null}
    {"list":"tor","kind":"cidr","value":"203.0.113.0/24","source":null,"valid_from":null}
    {"list":"feed","kind":"domain","value":"evil.example","source":"me","valid_from":"2026-01-01T00:00:00Z"}
    "#);
    assert_eq!(value(&session, "SELECT count(*) FROM intel.tor").await, json!(2));

    let without = place.session().await;
    for sql in [
        "SELECT account_id, name, owner, environment FROM accounts",
        "SELECT arn, id, name, type, owner, importance, tags, account_id FROM assets",
        "SELECT kind, value, note FROM honeytokens",
        "SELECT kind, value, source, description, valid_from, valid_until, list FROM intel.indicators",
    ] {
        assert_eq!(ndjson(&without, sql).await, "", "{sql}");
    }
}

#[tokio::test]
async fn a_lookup_that_is_not_there_names_the_file_to_make() {
    let place = Place::empty().await;
    let session = session(&place, &[("lookups/calls.csv", b"a\n1\n")]).await;
    let shown = async |sql: &str| session.check(sql).await.unwrap_err().render(sql);
    assert_snapshot!(shown("SELECT a FROM lookup.scanners").await, @r"
    error: no table `lookup.scanners`
      |
    1 | SELECT a FROM lookup.scanners
      |               ^^^^^^^^^^^^^^^
      |
      = help: make lookups/scanners.csv in the folder of --context, or in that of the pack
    ");
    assert_snapshot!(shown("SELECT a FROM lookup.call").await, @r"
    error: no table `lookup.call`
      |
    1 | SELECT a FROM lookup.call
      |               ^^^^^^^^^^^ did you mean `lookup.calls`?
      |
      = help: make lookups/call.csv in the folder of --context, or in that of the pack
    ");
    assert_snapshot!(shown("SELECT value FROM intel.tor").await, @r"
    error: no table `intel.tor`
      |
    1 | SELECT value FROM intel.tor
      |                   ^^^^^^^^^
      |
      = help: make intel/tor.txt, .csv or .json in the folder of --context
    ");
}

#[tokio::test]
async fn parquet_keeps_its_types_and_serves_assets() {
    let place = Place::empty().await;
    let sql = "SELECT 'i-1' AS id, 'web' AS name, 'Critical' AS importance, 7 AS cost";
    let mut parquet = Vec::new();
    let rows = place.session().await.run(sql).await.unwrap();
    write_result(rows, Format::Parquet, TableLimits::default(), &mut parquet).await.unwrap();
    let files: &[(&str, &[u8])] = &[("assets.parquet", &parquet), ("lookups/x.parquet", &parquet)];
    let context = load(site(files).path()).unwrap();
    assert_eq!(context.unmet_needs(&["lookup.x".to_owned(), "assets".to_owned()]), []);
    let session = place.session().await.with_context(&context).await.unwrap();
    assert_eq!(value(&session, "SELECT cost + 1 FROM lookup.x").await, json!(8));
    assert_eq!(value(&session, "SELECT importance || cost FROM assets").await, json!("critical7"));
}

#[test]
fn all_files_that_are_wrong_are_told_together() {
    let files: &[(&str, &[u8])] = &[
        ("accounts.csv", b"account_id\n1\n"),
        ("asets.csv", b"id\n1\n"),
        ("honeytokens.csv", b"kind,value\nuser,\xff\n"),
        ("lookups/x.csv", b"a\n"),
        ("lookups/x.parquet", b"PAR1"),
        ("intel/x.json", b"{}"),
        ("geo/x.mmdb", b"nothing"),
        (".hidden.csv", b"\""),
        ("README.md", b"#"),
    ];
    let error = load(site(files).path()).unwrap_err();
    assert_snapshot!(error, @r#"
    accounts.csv:2: `1` is not a value of `account_id`: use twelve digits, with the zeros in front
    asets.csv: this file has no meaning here: accounts.csv, assets.csv, assets.parquet or honeytokens.csv
    honeytokens.csv:2: the file is not UTF-8 text
    lookups/x.parquet: not a readable Parquet file: EOF: Parquet file too small. Size is 4 but need 8
    intel/x.json: not a STIX bundle: the member `type` must be "bundle"
    geo/x.mmdb: not a readable MaxMind database: invalid database: could not find MaxMind DB metadata in file
    "#);
    let missing = load(Path::new("/nowhere/context")).unwrap_err();
    assert!(missing.starts_with("/nowhere/context: failed to read it"), "{missing}");
}

#[test]
fn the_lookups_of_a_pack_give_way_to_those_of_the_site() {
    let mine = site(&[("lookups/a.csv", b"x\nmine\n")]);
    let pack = site(&[("lookups/a.csv", b"x\npack\n"), ("lookups/b.csv", b"x\npack\n")]);
    let folders = SiteFolders {
        site: Some(mine.path().to_path_buf()),
        packs: vec![pack.path().to_path_buf()],
    };
    let context = SiteContext::load(&folders).unwrap();
    let value = |name: &str| context.site().lookups[name].column("x").unwrap().next().unwrap();
    assert_eq!((value("a"), value("b")), (Some("mine"), Some("pack")));
}

#[tokio::test]
async fn a_case_brings_its_own_tables_and_keeps_the_lookups() {
    let place = Place::empty().await;
    let files: &[(&str, &[u8])] =
        &[("lookups/a.csv", b"x\n1\n"), ("honeytokens.csv", b"kind,value\nuser,site\n")];
    let context = load(site(files).path()).unwrap();
    let tables = json!({ "honeytokens": [{ "kind": "user", "value": "case" }] });
    let tables: BTreeMap<_, _> = serde_json::from_value(tables).unwrap();
    let context = context.for_case("x.tests.json", &tables).unwrap();
    let session = place.session().await.with_context(&context).await.unwrap();
    assert_eq!(value(&session, "SELECT value FROM honeytokens").await, json!("case"));
    assert_eq!(value(&session, "SELECT x FROM lookup.a").await, json!("1"));
}

async fn check(session: &QuerySession, expression: &str, expected: Value) {
    assert_eq!(value(session, &format!("SELECT {expression}")).await, expected, "{expression}");
}

#[tokio::test]
async fn networks_hold_addresses() {
    let session = Place::empty().await.session().await;
    check(&session, "ip_in_cidr('198.51.100.7', '198.51.100.0/24')", json!(true)).await;
    check(&session, "ip_in_cidr('198.51.101.7', '198.51.100.0/24')", json!(false)).await;
    check(&session, "ip_in_cidr('::ffff:198.51.100.7', '198.51.100.7/24')", json!(true)).await;
    check(&session, "ip_in_cidr('2001:db8::1', '2001:db8::/32')", json!(true)).await;
    check(&session, "ip_in_cidr('198.51.100.7', '::/0')", json!(false)).await;
    check(&session, "ip_in_cidr('s3.amazonaws.com', '0.0.0.0/0')", json!(null)).await;
    check(&session, "ip_in_cidr(NULL, '0.0.0.0/0')", json!(null)).await;
    let sql = "SELECT sum(CASE WHEN ip_in_cidr('192.0.2.1', n) THEN 1 END) FROM \
               (VALUES ('192.0.2.0/24'), ('no network'), (NULL), ('192.0.2.0/24')) AS t(n)";
    assert_eq!(value(&session, sql).await, json!(2));
    let rows = session.run("SELECT ip_in_cidr('192.0.2.1', '192.0.2.0/33')").await;
    let error = match rows {
        Ok(rows) => rows.collect().await.err().unwrap(),
        Err(error) => error,
    };
    assert_eq!(error.to_string(), "`192.0.2.0/33` is not a network like 198.51.100.0/24");
}

#[tokio::test]
async fn an_address_finds_the_smallest_indicator_that_holds_it() {
    let csv = b"value,valid_from,valid_until\n198.51.100.7,2026-06-01,2026-07-01\n\
                198.51.100.0/24,,\n2001:db8::/32,,\n";
    let place = Place::empty().await;
    let session = session(&place, &[("intel/x.csv", csv)]).await;
    check(&session, "intel_match_ip('198.51.100.7')", json!("198.51.100.7")).await;
    check(&session, "intel_match_ip('198.51.100.8')", json!("198.51.100.0/24")).await;
    check(&session, "intel_match_ip('2001:DB8:0::7')", json!("2001:db8::/32")).await;
    check(&session, "intel_match_ip('192.0.2.1')", json!(null)).await;
    check(&session, "intel_match_ip('iam.amazonaws.com')", json!(null)).await;
    let at = |time| format!("intel_match_ip('198.51.100.7', TIMESTAMP '{time}')");
    check(&session, &at("2026-06-15T00:00:00Z"), json!("198.51.100.7")).await;
    check(&session, &at("2026-07-01T00:00:00Z"), json!("198.51.100.0/24")).await;
    check(&session, "intel_match_ip('198.51.100.7', NULL)", json!(null)).await;
}

#[tokio::test]
async fn events_and_networks_are_not_compared_one_by_one() {
    let place = Place::of(&[vec![record("A", "2026-05-01T08:00:00Z")]]).await;
    let mut text = String::from("198.51.100.0/24\n");
    for network in 0..20_000 {
        writeln!(text, "10.{}.{}.0/24", network / 200, network % 200).unwrap();
    }
    let session = session(&place, &[("intel/x.txt", text.as_bytes())]).await;
    let sql = "SELECT e.event_name, i.value FROM events AS e JOIN intel.indicators AS i \
               ON i.value = intel_match_ip(e.source_ip_address, e.event_time)";
    let plan = session.explain(sql).await.unwrap();
    assert!(plan.contains("HashJoinExec"), "{plan}");
    let expected = "{\"event_name\":\"A\",\"value\":\"198.51.100.0/24\"}\n";
    assert_eq!(ndjson(&session, sql).await, expected);
}

fn country(code: &'static str) -> Data {
    Data::Map(vec![("country", Data::Map(vec![("iso_code", Data::Text(code))]))])
}

fn system(number: u32, organization: &'static str) -> Data {
    Data::Map(vec![
        ("autonomous_system_number", Data::U32(number)),
        ("autonomous_system_organization", Data::Text(organization)),
    ])
}

#[tokio::test]
async fn databases_of_addresses_answer_functions() {
    let countries = database(
        "GeoLite2-Country",
        &[("198.51.100.0", 24, country("NL")), ("2001:db8::", 32, country("JP"))],
    );
    let systems = database("GeoLite2-ASN", &[("198.51.100.0", 25, system(64_500, "Example"))]);
    let files: &[(&str, &[u8])] =
        &[("geo/country.mmdb", &countries), ("geo/asn.mmdb", &systems), ("geo/LICENSE.txt", b"")];
    let place = Place::empty().await;
    let session = session(&place, files).await;
    check(&session, "geo_country('198.51.100.7')", json!("NL")).await;
    check(&session, "geo_country('2001:db8::1')", json!("JP")).await;
    check(&session, "geo_country('192.0.2.1')", json!(null)).await;
    check(&session, "geo_country('iam.amazonaws.com')", json!(null)).await;
    check(&session, "asn('198.51.100.7')", json!(64_500)).await;
    check(&session, "asn('198.51.100.200')", json!(null)).await;
    check(&session, "asn_org('198.51.100.7')", json!("Example")).await;
    let sql = "SELECT count(geo_country(ip)) FROM \
               (VALUES ('198.51.100.7'), ('x'), (NULL), ('198.51.100.9')) AS t(ip)";
    assert_eq!(value(&session, sql).await, json!(2));

    let without = place.session().await;
    check(&without, "geo_country('198.51.100.7')", json!(null)).await;
    check(&without, "asn('198.51.100.7')", json!(null)).await;
}

#[test]
fn databases_that_cannot_be_used_are_named() {
    let country = || database("GeoLite2-Country", &[("198.51.100.0", 24, country("NL"))]);
    let strange = database("GeoIP2-Anonymous-IP", &[]);
    let files: &[(&str, &[u8])] =
        &[("geo/a.mmdb", &country()), ("geo/b.mmdb", &country()), ("geo/c.mmdb", &strange)];
    let error = load(site(files).path()).unwrap_err();
    assert_snapshot!(error, @r"
    geo/b.mmdb: `geo/a.mmdb` is a database of countries too: keep one
    geo/c.mmdb: a database of `geoip2-anonymous-ip` is not used: City, Country and ASN are
    ");
}

#[tokio::test]
async fn a_broken_record_of_a_database_is_an_error_that_names_it() {
    // A pointer to nowhere in place of the map.
    let mut bytes = database("GeoLite2-Country", &[("198.51.100.0", 24, country("NL"))]);
    let marker = bytes.windows(7).position(|window| window == b"country").unwrap();
    bytes[marker - 2] = 0x3f;
    let folder = site(&[("geo/x.mmdb", &bytes)]);
    let context = load(folder.path()).unwrap();
    let session = Place::empty().await.session().await.with_context(&context).await.unwrap();
    let rows = session.run("SELECT geo_country(ip) FROM (VALUES ('198.51.100.7')) AS t(ip)").await;
    let error = rows.unwrap().collect().await.err().unwrap().to_string();
    assert!(error.contains("geo/x.mmdb` is broken"), "{error}");
}

#[tokio::test]
async fn rows_in_memory_have_the_tables_too() {
    let schema = trailhouse_decode::event_schema();
    let mut site = Site::default();
    let csv = "kind,value\nbucket,trap\n";
    site.add_text("h.csv", SiteTable::Honeytokens, FileFormat::Csv, csv).unwrap();
    let context = SiteContext::of_site(site).unwrap();
    let session = QuerySession::over_batches(&one_thread(), &schema, &[], &[]).await.unwrap();
    let sql = "SELECT count(*) FROM honeytokens";
    assert_eq!(value(&session, sql).await, json!(0));
    let session = session.with_context(&context).await.unwrap();
    assert_eq!(value(&session, sql).await, json!(1));
}
