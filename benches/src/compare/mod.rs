//! One corpus, several engines, in turn, several times over.

mod corpus;
mod queries;
mod report;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;
use serde_json::{Value, json};

use self::{
    corpus::{LogFolder, YEAR},
    queries::QuerySet,
    report::{IngestRound, QueryRound, Report},
};
use crate::measure::{Failed, told};

/// The engines beside ours, by the names that `peers/peer.py` knows.
const PEERS: [&str; 2] = ["duckdb", "clickhouse"];

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The least number of events; the corpus is made of whole fortnights of 50,000
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    events: u64,
    /// How many fortnights the events lie in, at most: 26 are a year
    #[arg(long, default_value_t = YEAR, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=YEAR))]
    fortnights: u64,
    /// How often each engine has its turn
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// A Python that has `benches/peers/requirements.txt`; without it there is nothing to compare with
    #[arg(long, env = "TRAILHOUSE_PEERS_PYTHON", value_name = "FILE")]
    python: Option<PathBuf>,
    /// Where the corpus and the lakes are made; a temporary folder where it is left out
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// Where the report goes
    #[arg(long, default_value = "benches/runs", value_name = "DIR")]
    runs: PathBuf,
}

/// Makes the corpus, runs everything and writes the report.
#[expect(clippy::print_stderr, reason = "it takes long and says where it is")]
pub(crate) fn run(arguments: &CompareArgs) -> Result<(), Failed> {
    let temporary = tempfile::tempdir()?;
    let work = arguments.work.clone().unwrap_or_else(|| temporary.path().to_owned());
    fs::create_dir_all(&work)?;
    let bench = Bench { work: work.canonicalize()?, python: arguments.python.clone() };
    eprintln!("making the corpus");
    let folder = bench.work.join("logs");
    let logs = LogFolder::make(&folder, arguments.events, arguments.fortnights)?;
    let mut report = Report::new(logs.size, arguments.rounds);
    for round in 1..=arguments.rounds {
        eprintln!("round {round}: storing");
        report.ingest.push(bench.ingest(&logs)?);
    }
    report.optimized = Some(bench.part(&["optimize"], &[&bench.lake()])?);
    let set = QuerySet::load()?;
    let told = bench
        .part(&["needles"], &[&bench.lake(), &bench.write_json("needles", &set.needles())?])?;
    let set = set.with(&told)?;
    for round in 1..=arguments.rounds {
        eprintln!("round {round}: asking");
        report.queries.push(bench.query(&set)?);
    }
    let folder = report.write(&arguments.runs, &set)?;
    eprintln!("written to {}", folder.display());
    Ok(())
}

/// Where everything lies, and what measures the others.
struct Bench {
    work: PathBuf,
    python: Option<PathBuf>,
}

impl Bench {
    fn lake(&self) -> PathBuf {
        self.work.join("lake")
    }

    fn ingest(&self, logs: &LogFolder) -> Result<IngestRound, Failed> {
        let lake = self.lake();
        if lake.exists() {
            fs::remove_dir_all(&lake)?;
        }
        // Once unmeasured: everybody after it finds what fits of the files in the page cache.
        self.part(&["floor"], &[&logs.folder])?;
        let mut round = IngestRound {
            floor: self.part(&["floor"], &[&logs.folder])?,
            ours: self.part(&["ingest"], &[&logs.folder, &lake])?,
            peers: Vec::new(),
        };
        for peer in PEERS {
            round.peers.extend(self.peer(peer, &["ingest"], &[&logs.folder, &self.work])?);
        }
        Ok(round)
    }

    fn query(&self, set: &QuerySet) -> Result<QueryRound, Failed> {
        let ours = self.write_json("ours", &set.texts("ours"))?;
        let mut round =
            QueryRound { ours: self.part(&["query"], &[&self.lake(), &ours])?, peers: Vec::new() };
        for peer in PEERS {
            let texts = self.write_json(peer, &set.texts(peer))?;
            round.peers.extend(self.peer(peer, &["query"], &[&self.lake(), &texts])?);
        }
        Ok(round)
    }

    fn write_json(&self, name: &str, value: &Value) -> Result<PathBuf, Failed> {
        let path = self.work.join(format!("{name}.json"));
        fs::write(&path, value.to_string())?;
        Ok(path)
    }

    /// Runs one measurement of ours in a process of its own.
    fn part(&self, words: &[&str], paths: &[&Path]) -> Result<Value, Failed> {
        told(Command::new(env::current_exe()?).arg("part").args(words).args(paths))
    }

    /// Runs one measurement of another engine, where there is a Python for it.
    fn peer(&self, name: &str, words: &[&str], paths: &[&Path]) -> Result<Option<Value>, Failed> {
        let Some(python) = &self.python else { return Ok(None) };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/peer.py");
        let mut told = told(Command::new(python).arg(script).arg(name).args(words).args(paths))?;
        if let Some(told) = told.as_object_mut() {
            told.insert("name".to_owned(), json!(name));
        }
        Ok(Some(told))
    }
}
