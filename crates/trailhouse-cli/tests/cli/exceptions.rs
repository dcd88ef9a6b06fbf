//! What a site's exceptions do, and how often they did.

use std::fs;

use serde_json::json;

use crate::support::trailhouse;

const EXCEPTIONS: &str = r#"
[[exception]]
id = "backup"
rule = "acme.s3.example"
where = "user_identity_arn LIKE '%:user/backup'"
reason = "the nightly backup"
owner = "soc"
expires = 2099-01-01

[[exception]]
id = "dead"
rule = "acme.s3.example"
where = "user_identity_arn LIKE '%:user/gone'"
reason = "nobody any more"
owner = "soc"
expires = 2099-01-01
"#;

fn listed(id: &str, who: &str) -> serde_json::Value {
    json!({
        "eventVersion": "1.11", "eventID": id, "eventTime": "2026-06-01T10:00:00Z",
        "awsRegion": "us-east-1", "eventSource": "s3.amazonaws.com", "eventName": "ListObjects",
        "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
        "requestParameters": { "bucketName": "acme-audit" },
        "userIdentity": {
            "type": "IAMUser", "arn": format!("arn:aws:iam::111122223333:user/{who}"),
        },
    })
}

#[test]
fn the_hits_of_exceptions_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (pack, site, lake, log) = (path("pack"), path("site"), path("lake"), path("log.json"));
    let new = ["detect", "new", "acme.s3.example", "--kind", "event", "--pack", &pack];
    trailhouse(&new).expect_code(0);
    fs::create_dir_all(format!("{site}/exceptions")).unwrap();
    fs::write(format!("{site}/exceptions/soc.toml"), EXCEPTIONS).unwrap();
    let records = [listed("a", "alice"), listed("b", "backup")];
    fs::write(&log, json!({ "Records": records }).to_string()).unwrap();
    trailhouse(&["--lake", &lake, "ingest", &log]).expect_code(0);
    let at_site = ["--lake", &lake, "--context", &site];
    let run = ["detect", "run", "--pack", &pack];
    trailhouse(&[&at_site[..], &run].concat()).expect_code(0);
    // The next run brings the table of runs up to date.
    trailhouse(&[&at_site[..], &run, &["--all"]].concat()).expect_code(0);

    let shown = trailhouse(&[&at_site[..], &["detect", "exceptions"]].concat()).expect_code(0);
    assert!(shown.stderr.contains("2 exceptions, 1 of them without a hit"), "{}", shown.stderr);
    let rows = shown.rows();
    assert_eq!((&rows[0]["exception_id"], &rows[0]["owner"]), (&json!("backup"), &json!("soc")));
    assert_eq!((&rows[1]["exception_id"], &rows[1]["hits"]), (&json!("dead"), &json!(0)));
    let hits = rows[0]["hits"].as_u64().unwrap();
    assert!(hits >= 1, "{rows:?}");

    let stats = trailhouse(&["--lake", &lake, "detect", "stats"]).expect_code(0).rows();
    assert_eq!(stats[0]["exception_hits"], json!(hits));
    assert!(stats[0]["suppressed"].as_u64().unwrap() >= 1, "{stats:?}");
    let nowhere = trailhouse(&["--lake", &lake, "detect", "exceptions"]).expect_code(0);
    assert!(nowhere.stderr.contains("--context names it"), "{}", nowhere.stderr);
}
