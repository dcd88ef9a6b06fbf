//! From the file to sinks.

use std::{fs, path::Path};

use trailhouse_alert::{Alert, AlertsError, load_routes};
use trailhouse_model::{EventTime, Severity};

use crate::support::{HttpServer, alert};

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

fn complaints(folder: &Path) -> Vec<String> {
    match load_routes(folder, None, None) {
        Err(AlertsError::Sinks(errors)) => errors.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_a_file_there_are_no_sinks() {
    let folder = tempfile::tempdir().unwrap();
    assert!(load_routes(folder.path(), None, None).unwrap().is_empty());
}

#[test]
fn every_sink_that_cannot_be_used_is_named_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "url", "s3cret\n");
    write(folder.path(), "token", "s3\u{1}cret\n");
    write(folder.path(), "bad.json", "{\"a\": \"{{titel}}\"}");
    write(
        folder.path(),
        "alerts.toml",
        r#"schema = 1
[[sink]]
name = "a"
type = "slack"
url_env = "TRAILHOUSE_TEST_NOT_SET"
[[sink]]
name = "b"
type = "slack"
url_file = "url"
[[sink]]
name = "c"
type = "webhook"
url = "https://h.example/x"
template = "bad.json"
[[sink]]
name = "d"
type = "webhook"
url = "https://h.example/x"
headers = { x-token = { file = "token" } }
[[sink]]
name = "e"
type = "sns"
topic_arn = "arn:aws:sns:eu-west-1:123456789012:t"
[[sink]]
name = "f"
type = "email"
host = "mail.example"
from = "nobody"
to = ["soc@example.com"]
[[sink]]
name = "g"
type = "stdout"
[[sink]]
name = "h"
type = "webhook"
url = "http://h.example/x"
proxy = "http://10.0.0.3:3128"
"#,
    );
    let expected = [
        "sink `a`: the environment variable TRAILHOUSE_TEST_NOT_SET is not set",
        "sink `b`: what the file url holds is not a web address",
        "sink `c`: bad.json: alerts have no field `titel`",
        "sink `d`: what the file token holds is not the value of a header",
        "sink `e`: AWS cannot be used here",
        "sink `f`: `nobody` is not a mail address",
        "sink `g`: standard output cannot be used here",
        "sink `h`: through a proxy the URL must begin with https://",
    ];
    assert_eq!(complaints(folder.path()), expected);
}

#[test]
fn mistakes_of_the_file_are_shown_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "alerts.toml", "schema = 1\n[[sink]]\nname = \"a\"\ntype = \"slak\"\n");
    let Err(AlertsError::Mistakes(errors)) = load_routes(folder.path(), None, None) else {
        panic!("the type does not exist")
    };
    assert_eq!((errors.first.line, errors.first.column), (4, 8));
}

#[tokio::test]
async fn an_alert_goes_where_it_belongs_and_a_test_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let server = HttpServer::start(Vec::new()).await;
    let text = format!(
        "schema = 1\n[[sink]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"{}\"\n\
         min_severity = \"high\"\nrules = [\"aws.cloudtrail.*\"]\nallow_private = [\"127.0.0.1\"]\n",
        server.url()
    );
    write(folder.path(), "alerts.toml", &text);
    let route = load_routes(folder.path(), None, None).unwrap().remove(0);
    assert!(route.takes(&alert()));
    assert!(!route.takes(&Alert { severity: Severity::Medium, ..alert() }));
    let mut other = alert();
    other.detection.id = "aws.iam.user-created".to_owned();
    assert!(!route.takes(&other));
    assert!(route.takes(&Alert::test(EventTime::from_micros(0))));
    route.send_test(EventTime::from_micros(0)).await.unwrap();
    assert!(server.requests().remove(0).body.contains("\"kind\":\"test\""));
}
