//! The shape of the workspace: which crate may use which, and one version of what must be one.
//!
//! To change the architecture, change a line of the table.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

/// Every crate, and all it may depend on outside its tests. `query` knows deltalake for its table
/// provider only; the log belongs to `lake`.
const EDGES: &[(&str, &[&str])] = &[
    ("model", &["sha2", "thiserror"]),
    ("failpoint", &[]),
    ("source", &["model", "percent-encoding", "serde_json", "thiserror"]),
    (
        "decode",
        &[
            "model",
            "arrow-array",
            "arrow-buffer",
            "arrow-schema",
            "base64",
            "flate2",
            "libdeflater",
            "memchr",
            "serde_json",
            "sha2",
            "simd-json",
            "thiserror",
        ],
    ),
    ("ingest", &["model", "source", "thiserror"]),
    (
        "detect",
        &[
            "model",
            "annotate-snippets",
            "croner",
            "jiff",
            "ipnet",
            "serde",
            "serde_json",
            "sha2",
            "strsim",
            "thiserror",
            "toml",
            "url",
        ],
    ),
    ("sample", &["model", "flate2"]),
    (
        "runtime",
        &[
            "failpoint",
            "model",
            "source",
            "decode",
            "ingest",
            "arrow-array",
            "bytes",
            "rayon",
            "thiserror",
            "tokio",
            "tokio-util",
            "tracing",
        ],
    ),
    (
        "alert",
        &[
            "model",
            "detect",
            "async-trait",
            "hmac",
            "jiff",
            "ipnet",
            "lettre",
            "reqwest",
            "serde",
            "serde_json",
            "sha2",
            "thiserror",
            "tokio",
            "tracing",
            "url",
            "uuid",
        ],
    ),
    (
        "aws",
        &[
            "failpoint",
            "model",
            "source",
            "runtime",
            "alert",
            "async-trait",
            "aws-config",
            "aws-credential-types",
            "aws-sdk-s3",
            "aws-sdk-sns",
            "aws-sdk-sqs",
            "aws-smithy-runtime-api",
            "aws-smithy-types",
            "bytes",
            "object_store",
            "serde_json",
            "thiserror",
            "tokio",
            "tracing",
            "url",
            "uuid",
        ],
    ),
    (
        "local",
        &["model", "runtime", "bytes", "glob", "percent-encoding", "rayon", "thiserror", "tokio"],
    ),
    (
        "lake",
        &[
            "failpoint",
            "model",
            "source",
            "decode",
            "ingest",
            "runtime",
            "arrow-array",
            "arrow-cast",
            "arrow-row",
            "arrow-schema",
            "arrow-select",
            "async-trait",
            "bytes",
            "chrono",
            "deltalake-core",
            "futures",
            "object_store",
            "parquet",
            "rayon",
            "rustix",
            "serde",
            "serde_json",
            "sha2",
            "tempfile",
            "thiserror",
            "tokio",
            "tracing",
            "url",
            "uuid",
        ],
    ),
    (
        "query",
        &[
            "model",
            "detect",
            "lake",
            "annotate-snippets",
            "async-trait",
            "arrow",
            "bytes",
            "datafusion",
            "datafusion-functions-json",
            "deltalake-core",
            "futures",
            "maxminddb",
            "object_store",
            "parquet",
            "serde_json",
            "strsim",
            "thiserror",
            "tokio",
            "twox-hash",
            "unicode-width",
        ],
    ),
    (
        "service",
        &[
            "model",
            "source",
            "decode",
            "ingest",
            "detect",
            "sample",
            "runtime",
            "alert",
            "aws",
            "local",
            "lake",
            "query",
            "arrow-array",
            "arrow-select",
            "axum",
            "bytes",
            "include_dir",
            "prometheus-client",
            "serde_json",
            "thiserror",
            "tokio",
            "tracing",
            "uuid",
        ],
    ),
    (
        "cli",
        &[
            "model",
            "detect",
            "query",
            "service",
            "anstream",
            "arrow",
            "clap",
            "indicatif",
            "owo-colors",
            "terminal_size",
            "tikv-jemallocator",
            "tokio",
            "tracing",
            "tracing-subscriber",
        ],
    ),
    ("testkit", &["serde", "serde_json", "toml"]),
    ("sim", &["model", "source", "ingest", "thiserror"]),
    ("fuzz", &["model", "source", "decode", "ingest", "detect", "flate2", "serde_json"]),
];

/// Crates of which two versions in one program break silently: their types do not fit together.
const ONE_VERSION: &[&str] =
    &["datafusion", "deltalake-core", "object_store", "parquet", "simd-json"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read_toml(path: PathBuf) -> toml::Table {
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    text.parse().unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

/// The dependencies on every platform, and on some.
fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let some = manifest.get("target").and_then(toml::Value::as_table);
    let some = some.into_iter().flat_map(|table| table.values().filter_map(toml::Value::as_table));
    let tables = std::iter::once(manifest).chain(some);
    let tables = tables.filter_map(|table| table.get("dependencies")?.as_table());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

#[test]
fn every_crate_uses_only_what_its_layer_may_use() {
    for (name, allowed) in EDGES {
        let manifest = read_toml(root().join(format!("crates/trailhouse-{name}/Cargo.toml")));
        for dependency in dependencies(&manifest) {
            let short = dependency.strip_prefix("trailhouse-").unwrap_or(&dependency);
            assert!(allowed.contains(&short), "trailhouse-{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn every_crate_stands_in_the_table() {
    let folders = fs::read_dir(root().join("crates")).unwrap();
    let found: BTreeSet<String> = folders
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().replace("trailhouse-", ""))
        .collect();
    let listed: BTreeSet<String> = EDGES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found, listed);
}

#[test]
fn pure_crates_touch_no_clock_file_or_environment() {
    let forbidden = ["std::fs", "std::env", "std::net", "SystemTime::now", "Instant::now", "tokio"];
    for name in ["model", "source", "decode", "ingest", "detect", "sample"] {
        for path in rust_files(&root().join(format!("crates/trailhouse-{name}/src"))) {
            let text = fs::read_to_string(&path).unwrap();
            let production = text.split("#[cfg(test)]").next().unwrap_or_default();
            if path.components().any(|part| part.as_os_str() == "tests") {
                continue;
            }
            for word in forbidden {
                assert!(!production.contains(word), "{path:?} uses {word}");
            }
        }
    }
}

/// Cargo itself says with which features the program is built.
#[test]
fn failpoints_are_in_no_program_but_those_of_tests() {
    let features_with = |edges: &str| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["tree", "--locked", "--offline", "--package", "trailhouse-cli", "--invert"])
            .args(["trailhouse-failpoint", "--edges", edges])
            .current_dir(root())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        String::from_utf8(output.stdout).unwrap()
    };
    let switched_on = r#"trailhouse-failpoint feature "failpoints""#;
    assert!(features_with("features").contains(switched_on), "tests have them");
    let plain = features_with("features,no-dev");
    assert!(plain.contains("trailhouse-lake"), "{plain}");
    assert!(!plain.contains(switched_on), "{plain}");
}

#[test]
fn no_source_file_is_longer_than_700_lines() {
    for path in rust_files(&root().join("crates")) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 700, "{path:?} has {lines} lines");
    }
}

#[test]
fn one_version_of_what_must_be_one() {
    let lock = read_toml(root().join("Cargo.lock"));
    let packages = lock.get("package").and_then(toml::Value::as_array).unwrap();
    let versions_of = |wanted: &str| -> Vec<&str> {
        let matching = packages.iter().filter(|p| p.get("name").unwrap().as_str() == Some(wanted));
        matching.map(|p| p.get("version").unwrap().as_str().unwrap()).collect()
    };
    for package in packages {
        let name = package.get("name").and_then(toml::Value::as_str).unwrap();
        if name.starts_with("arrow")
            || name.starts_with("datafusion")
            || ONE_VERSION.contains(&name)
        {
            let versions = versions_of(name);
            assert_eq!(versions.len(), 1, "{name} is in the lock file as {versions:?}");
        }
    }
}

fn rust_files(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
