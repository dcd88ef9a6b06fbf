//! The forms of alerts, judged by others: the OCSF schema, the shapes of the AWS API, and a
//! receiver in Python. Needs the Python that `TRAILHOUSE_TEST_PYTHON` names; skipped, visibly,
//! without it.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::json;
use trailhouse_alert::{Alert, AlertFormat, AlertKind, AsffIdentity, write};
use trailhouse_model::{EventTime, Severity};
use trailhouse_testkit::moto::PYTHON_VARIABLE;

use crate::support::{Answer, HttpServer, alert, routes};

const OCSF: &str = r#"
import json, sys
import jsonschema
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
schema = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.8.0"))
checker = jsonschema.Draft202012Validator(schema.get_class_schema("detection_finding", ["cloud"]))
for line in sys.stdin:
    event = json.loads(line)
    assert event["metadata"]["version"] == "1.8.0"
    errors = [f"{list(e.absolute_path)}: {e.message}" for e in checker.iter_errors(event)]
    assert not errors, "\n".join(errors)
    print("valid")
"#;

const ASFF: &str = r#"
import json, sys
import botocore.session, botocore.validate
session = botocore.session.get_session()
model = session.get_service_model("securityhub")
shape = model.operation_model("BatchImportFindings").input_shape
known = shape.members["Findings"].member.members
for line in sys.stdin:
    finding = json.loads(line)
    report = botocore.validate.ParamValidator().validate({"Findings": [finding]}, shape)
    assert not report.has_errors(), report.generate_report()
    unknown = set(finding) - set(known)
    assert not unknown, unknown
    assert finding["Severity"]["Label"] in known["Severity"].members["Label"].enum
    assert finding["RecordState"] in known["RecordState"].enum
    print("valid")
"#;

/// Runs a script over lines; returns what it prints. `None` where there is no Python.
fn python(script: &str, arguments: &[&str], input: &str) -> Option<String> {
    let Some(python) = std::env::var_os(PYTHON_VARIABLE) else {
        println!("skipped: {PYTHON_VARIABLE} is not set");
        return None;
    };
    let mut child = Command::new(python)
        .arg("-c")
        .arg(script)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Alerts of every kind and severity, empty ones and hostile ones.
fn alerts() -> Vec<Alert> {
    let mut alerts = vec![Alert::test(EventTime::from_micros(0)), alert()];
    for severity in Severity::ALL {
        alerts.push(Alert { severity, ..alert() });
    }
    let kinds = [AlertKind::Growth { told_events: 1 }, AlertKind::Rollup { findings: 40 }];
    alerts.extend(kinds.map(|kind| Alert { kind, ..alert() }));
    let mut of_a_parent = alert();
    of_a_parent.detection.techniques[0].technique = "T1685".to_owned();
    of_a_parent.detection.techniques[0].tactic = None;
    alerts.push(of_a_parent);
    for text in ["", "\u{0}\u{202e}<!channel>", "::1", "not-an-address", "arn:aws:x:::", "\"}]"] {
        let row = json!({
            text: text, "source_ip_address": text, "user_identity_arn": text,
            "event_name": text, "list": [text, 1, null, { text: text }],
        });
        let mut hostile = Alert {
            title: text.to_owned(),
            entity: text.to_owned(),
            accounts: vec![text.to_owned()],
            regions: vec![text.to_owned()],
            event_ids: vec![text.to_owned()],
            row: row.as_object().cloned().unwrap(),
            ..alert()
        };
        hostile.detection.description = text.repeat(5_000);
        hostile.detection.runbook = Some(text.to_owned());
        alerts.push(hostile);
    }
    alerts
}

fn check(script: &str, format: &AlertFormat) {
    let alerts = alerts();
    let lines: String = alerts.iter().map(|alert| format!("{}\n", write(format, alert))).collect();
    if let Some(printed) = python(script, &[], &lines) {
        assert_eq!(printed, "valid\n".repeat(alerts.len()));
    }
}

#[test]
fn ocsf_findings_are_valid_by_the_public_schema() {
    check(OCSF, &AlertFormat::Ocsf);
}

#[test]
fn asff_findings_fit_the_shapes_of_the_api() {
    let identity = AsffIdentity {
        partition: "aws".to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
    };
    check(ASFF, &AlertFormat::Asff(identity));
}

/// The snippet of the documentation says which requests are ours.
#[tokio::test]
async fn the_documented_receiver_accepts_ours_and_refuses_others() {
    let documentation = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/alerts.md");
    let documentation = fs::read_to_string(documentation).unwrap();
    let (_, snippet) = documentation.split_once("```python\n").unwrap();
    let (snippet, _) = snippet.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("key"), "s3cret").unwrap();
    let server = HttpServer::start(vec![Answer::status(200)]).await;
    let text = format!(
        "[[sink]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"{}\"\nsecret_file = \"key\"\n\
         allow_private = [\"127.0.0.1\"]\n",
        server.url()
    );
    routes(folder.path(), &text).remove(0).send(&alert()).await.unwrap();
    let request = server.requests().remove(0);
    let signature = request.header("trailhouse-signature");
    let script = format!(
        "{snippet}\nimport sys\nkey, header = sys.argv[1], sys.argv[2]\n\
         body = sys.stdin.buffer.read()\nat = int(header.split(',')[0][2:])\n\
         print(is_from_trailhouse(key, header, body, at + 10),\n\
         is_from_trailhouse(key, header, body + b' ', at),\n\
         is_from_trailhouse(key + 'x', header, body, at),\n\
         is_from_trailhouse(key, header, body, at + 3600),\n\
         is_from_trailhouse(key, 'nonsense', body, at))\n"
    );
    if let Some(printed) = python(&script, &["s3cret", signature], &request.body) {
        assert_eq!(printed, "True False False False False\n");
    }
}
