//! Runs the program as a user would, and asks other programs what it left behind.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

/// What a run of the program left.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Asserts the exit code, with all output in the message.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Reads NDJSON output.
    pub(crate) fn rows(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Reads the number in a result of one row and one column.
    #[track_caller]
    pub(crate) fn number(&self) -> i64 {
        let rows = self.rows();
        assert_eq!(rows.len(), 1, "{}", self.stdout);
        rows[0].as_object().unwrap().values().next().unwrap().as_i64().unwrap()
    }
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trailhouse"));
    command
        .args(arguments)
        .env_remove("TRAILHOUSE_LAKE")
        .env_remove("TRAILHOUSE_CONTEXT")
        .env_remove("TRAILHOUSE_LOG")
        .env("NO_COLOR", "1")
        .env("AWS_ACCESS_KEY_ID", "testing")
        .env("AWS_SECRET_ACCESS_KEY", "testing")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null());
    command
}

pub(crate) fn trailhouse(arguments: &[&str]) -> Run {
    finish(command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

pub(crate) fn finish(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Counts the events of a lake through the program.
pub(crate) fn count_events(lake: &Path) -> i64 {
    let lake = lake.to_str().unwrap();
    trailhouse(&["--lake", lake, "query", "SELECT count(*) FROM events"]).expect_code(0).number()
}

/// The folder of real corpora, where it is there.
pub(crate) fn corpora() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    let path = std::env::var_os("TRAILHOUSE_CORPORA").map_or(default, PathBuf::from);
    if path.is_dir() {
        return Some(path.canonicalize().unwrap());
    }
    eprintln!("SKIPPED: no corpora at {}; set TRAILHOUSE_CORPORA", path.display());
    None
}

/// The Python with S3 and SQS stand-ins and other Delta readers, where `scripts/test` made it.
pub(crate) fn python() -> Option<PathBuf> {
    let python = std::env::var_os("TRAILHOUSE_TEST_PYTHON").map(PathBuf::from);
    if python.is_none() {
        eprintln!("SKIPPED: TRAILHOUSE_TEST_PYTHON is not set; scripts/test sets it");
    }
    python
}

/// Runs a Python program and returns what it printed, trimmed.
pub(crate) fn run_python(python: &Path, arguments: &[&str]) -> String {
    let output = Command::new(python).args(arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A folder with one plain log object of so many small events.
pub(crate) fn small_log(folder: &Path, name: &str, events: usize) -> PathBuf {
    let records: Vec<String> = (0..events).map(|index| small_event(name, index)).collect();
    let path = folder.join(name);
    fs::write(&path, format!("{{\"Records\":[{}]}}", records.join(","))).unwrap();
    path
}

/// One event as CloudTrail writes it; the name of the log and the index make it unique.
pub(crate) fn small_event(name: &str, index: usize) -> String {
    format!(
        concat!(
            r#"{{"eventVersion":"1.08","userIdentity":{{"type":"IAMUser","principalId":"AIDAEXAMPLE","#,
            r#""arn":"arn:aws:iam::111122223333:user/alice","accountId":"111122223333","userName":"alice"}},"#,
            r#""eventTime":"2026-06-01T10:00:{second:02}Z","eventSource":"s3.amazonaws.com","#,
            r#""eventName":"ListBuckets","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.10","#,
            r#""userAgent":"aws-cli/2.17","requestParameters":null,"responseElements":null,"#,
            r#""requestID":"{name}-{index}","eventID":"{name}-{index}","readOnly":true,"#,
            r#""eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","#,
            r#""eventCategory":"Management"}}"#
        ),
        second = index % 60,
        name = name,
        index = index,
    )
}
