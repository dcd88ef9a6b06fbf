//! The demo: a synthetic organisation, through the same code as production, with a folder as queue.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use trailhouse_detect::SiteRules;
use trailhouse_query::{JudgeLimits, SessionOptions, SiteContext};
use trailhouse_runtime::Drain;
use trailhouse_sample::{Label, Sample, SampleAccount, generate};

use crate::{
    detect::{self, EngineSettings, RowChoice, RuleChoice, Rules, RunOptions, RunReport, rulebook},
    error::{FailureKind, ServiceError},
    ingest::{IngestSettings, IngestSummary, Progress, run_blocking},
    lake::LakeAddress,
    packs::load_pack,
    watch::{WatchSettings, WatchSource, WatchUntil, watch},
};

/// Says that a folder is a demo, so that another folder is never written into.
const MARKER: &str = "labels.ndjson";

/// What the demo made and found.
#[derive(Debug)]
pub struct DemoReport {
    /// Where everything is.
    pub dir: PathBuf,
    /// The lake in it.
    pub lake: PathBuf,
    /// The organisation.
    pub accounts: Vec<SampleAccount>,
    /// Events of the sample.
    pub events: u64,
    /// Objects of the sample.
    pub objects: u64,
    /// How the objects were stored.
    pub ingest: IngestSummary,
    /// Detections of the pack.
    pub detections: u64,
    /// The pack's name.
    pub pack: String,
    /// What the detections found.
    pub run: RunReport,
    /// Steps of the attack.
    pub labels: u64,
    /// Steps of the attack that are evidence of a finding of this lake.
    pub labels_found: u64,
}

/// Makes the sample, stores it, and runs the built-in detections over it.
///
/// A second run in the same folder makes the same sample and stores nothing twice.
pub async fn demo(
    dir: &Path,
    seed: u64,
    drain: &Drain,
    observer: impl Fn(Progress<'_>),
) -> Result<DemoReport, ServiceError> {
    let folder = dir.to_path_buf();
    let sample = run_blocking(move || write_sample(&folder, seed)).await??;
    let lake = dir.join("lake");
    let lake_text = lake.to_string_lossy().into_owned();
    let settings = IngestSettings { lake: lake_text, ..IngestSettings::default() };
    let watch_settings = WatchSettings {
        source: WatchSource::Folder(dir.join("logs")),
        until: WatchUntil::Empty,
        visibility: Duration::from_secs(300),
        commit_interval: Duration::from_secs(10),
        drain_timeout: Duration::from_secs(25),
    };
    let objects = u64::try_from(sample.objects.len()).unwrap_or(u64::MAX);
    let observe = |progress: Progress<'_>| {
        observer(Progress { report: progress.report, objects_planned: Some(objects) });
    };
    let ingest = watch(&settings, &watch_settings, None, drain, observe).await?;
    let pack = load_pack(None)?;
    let engine = EngineSettings {
        session: SessionOptions::default(),
        limits: JudgeLimits::default(),
        cache: None,
    };
    let options = RunOptions { rows: RowChoice::All, rules: RuleChoice::default(), engine };
    let (pack_id, detections) = (pack.manifest.id.clone(), pack.entries.len());
    let address = settings.lake_address();
    let rules = Rules {
        rulebook: Arc::new(rulebook(vec![pack], SiteRules::default())?),
        context: SiteContext::none(),
    };
    let run = detect::run(&address, rules, &options).await?;
    let found = evidence(&address).await?;
    Ok(DemoReport {
        dir: dir.to_path_buf(),
        lake,
        accounts: sample.accounts,
        events: sample.events,
        objects,
        ingest,
        detections: u64::try_from(detections).unwrap_or(u64::MAX),
        pack: pack_id,
        run,
        labels: u64::try_from(sample.labels.len()).unwrap_or(u64::MAX),
        labels_found: count_found(&sample.labels, &found),
    })
}

fn count_found(labels: &[Label], found: &BTreeSet<String>) -> u64 {
    let matching = labels.iter().filter(|label| found.contains(&label.event_id));
    u64::try_from(matching.count()).unwrap_or(u64::MAX)
}

/// The ids of all events that stand as evidence in the lake.
async fn evidence(lake: &LakeAddress) -> Result<BTreeSet<String>, ServiceError> {
    let sql = "SELECT DISTINCT unnest(event_ids) AS event_id FROM findings";
    let stream =
        crate::query::query(lake, sql, SessionOptions::default(), &SiteContext::none()).await?;
    let batches = stream.collect().await.map_err(|error| crate::query::query_error(&error, sql))?;
    let rows = trailhouse_query::rows_as_json(&batches)
        .map_err(|error| ServiceError::new(FailureKind::Query, error.to_string()))?;
    let ids = rows.into_iter().flat_map(BTreeMap::into_values);
    Ok(ids.filter_map(|value| value.as_str().map(str::to_owned)).collect())
}

fn write_sample(dir: &Path, seed: u64) -> Result<Sample, ServiceError> {
    let failed = |error: io::Error| {
        let message = format!("failed to write the sample into `{}`: {error}", dir.display());
        ServiceError::new(FailureKind::Usage, message)
    };
    if is_foreign(dir).map_err(failed)? {
        let message = format!("`{}` holds something that is not a demo", dir.display());
        return Err(ServiceError::new(FailureKind::Usage, message)
            .with_hint("name an empty or new folder with --dir"));
    }
    let sample = generate(seed);
    fs::create_dir_all(dir).map_err(failed)?;
    fs::write(dir.join(MARKER), labels_as_ndjson(&sample.labels)).map_err(failed)?;
    fs::write(dir.join("accounts.csv"), accounts_as_csv(&sample.accounts)).map_err(failed)?;
    for object in &sample.objects {
        let path = dir.join("logs").join(&object.key);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        fs::write(&path, &object.body).map_err(failed)?;
    }
    Ok(sample)
}

fn is_foreign(dir: &Path) -> io::Result<bool> {
    if dir.join(MARKER).exists() || !dir.exists() {
        return Ok(false);
    }
    Ok(fs::read_dir(dir)?.next().is_some())
}

fn labels_as_ndjson(labels: &[Label]) -> String {
    let mut text = String::new();
    for label in labels {
        let line = serde_json::json!({
            "event_id": label.event_id, "step": label.step, "theme": label.theme.as_str(),
        });
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "{line}");
    }
    text
}

fn accounts_as_csv(accounts: &[SampleAccount]) -> String {
    let mut text = String::from("account_id,name\n");
    for account in accounts {
        text.push_str(&format!("{},{}\n", account.id, account.name));
    }
    text
}
