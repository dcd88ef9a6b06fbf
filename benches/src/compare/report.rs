//! What was measured, as JSON and as a table.

use std::{
    fmt::{self, Display, Formatter, Write as _},
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use trailhouse_runtime::{Clock, SystemClock};

use super::{corpus::Size, queries::QuerySet};
use crate::measure::Failed;

/// One turn of each engine at storing.
pub(crate) struct IngestRound {
    pub(crate) floor: Value,
    pub(crate) ours: Value,
    pub(crate) peers: Vec<Value>,
}

/// One turn of each engine at the questions.
pub(crate) struct QueryRound {
    pub(crate) ours: Value,
    pub(crate) peers: Vec<Value>,
}

/// Everything that was measured.
pub(crate) struct Report {
    size: Size,
    rounds: u16,
    pub(crate) ingest: Vec<IngestRound>,
    pub(crate) optimized: Option<Value>,
    pub(crate) queries: Vec<QueryRound>,
}

/// The middle, the least and the greatest of some numbers.
struct Spread {
    median: f64,
    least: f64,
    greatest: f64,
}

impl Spread {
    fn of(mut numbers: Vec<f64>) -> Option<Self> {
        numbers.sort_by(f64::total_cmp);
        let median = *numbers.get(numbers.len() / 2)?;
        Some(Self { median, least: *numbers.first()?, greatest: *numbers.last()? })
    }
}

impl Display for Spread {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ({:.2} to {:.2})", self.median, self.least, self.greatest)
    }
}

const MIB: f64 = 1_048_576.0;

fn real(number: u64) -> f64 {
    json!(number).as_f64().unwrap_or(f64::NAN)
}

fn number(value: &Value, name: &str) -> f64 {
    value.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

fn answer(told: &Value, index: usize, name: &str) -> f64 {
    told.get("answers").and_then(|answers| answers.get(index)).map_or(f64::NAN, |a| number(a, name))
}

fn name(told: &Value) -> &str {
    told.get("name").and_then(Value::as_str).unwrap_or("ours")
}

impl Report {
    pub(crate) fn new(size: Size, rounds: u16) -> Self {
        Self { size, rounds, ingest: Vec::new(), optimized: None, queries: Vec::new() }
    }

    /// Writes `report.md` and `report.json` into a new folder named by day and machine.
    pub(crate) fn write(&self, runs: &Path, set: &QuerySet) -> Result<PathBuf, Failed> {
        let now = SystemClock.now().to_string();
        let day = now.split('T').next().unwrap_or_default();
        let machine = Machine::look();
        let folder = new_folder(runs, &format!("{day}-{}", machine.slug()))?;
        let mut text = format!(
            "# {day}\n\n{machine}\n\n{} events of up to {} days in {} objects, {:.0} MiB gzip, {:.0} MiB \
             inflated; {} rounds. Ratios pair the runs of one round: median (least to greatest).\n\n",
            self.size.events,
            self.size.fortnights.saturating_mul(14),
            self.size.objects,
            real(self.size.gzip_bytes) / MIB,
            real(self.size.inflated_bytes) / MIB,
            self.rounds,
        );
        self.storing(&mut text)?;
        self.asking(&mut text, set)?;
        fs::write(folder.join("report.md"), text)?;
        fs::write(folder.join("report.json"), serde_json::to_string_pretty(&self.as_json())?)?;
        Ok(folder)
    }

    fn storing(&self, text: &mut String) -> Result<(), Failed> {
        writeln!(text, "## Storing\n")?;
        writeln!(text, "| engine | seconds | of the floor | bytes an event | peak MiB |")?;
        writeln!(text, "| --- | ---: | ---: | ---: | ---: |")?;
        let Some(first) = self.ingest.first() else { return Ok(()) };
        let peers = (0..first.peers.len()).map(|peer| {
            let of_round = move |round: &IngestRound| round.peers.get(peer).cloned();
            self.ingest.iter().filter_map(of_round).collect::<Vec<_>>()
        });
        let ours = self.ingest.iter().map(|round| round.ours.clone()).collect::<Vec<_>>();
        let floors = self.ingest.iter().map(|round| round.floor.clone()).collect::<Vec<_>>();
        writeln!(
            text,
            "| gzip JSON, as delivered | | | {:.1} | |",
            self.of_an_event(real(self.size.gzip_bytes))
        )?;
        for (index, turns) in [floors.clone(), ours].into_iter().chain(peers).enumerate() {
            let seconds = turns.iter().map(|told| number(told, "seconds")).collect();
            let ratios = turns.iter().zip(&floors);
            let ratios =
                ratios.map(|(told, floor)| number(told, "seconds") / number(floor, "seconds"));
            let (Some(seconds), Some(ratio)) = (Spread::of(seconds), Spread::of(ratios.collect()))
            else {
                continue;
            };
            let told = turns.last().cloned().unwrap_or_default();
            let engine = if index == 0 { "floor: inflate and tape" } else { name(&told) };
            let bytes = match index {
                0 => String::new(),
                _ => format!("{:.1}", self.of_an_event(number(&told, "bytes"))),
            };
            let peak = number(&told, "peak_mib");
            writeln!(text, "| {engine} | {seconds} | {ratio} | {bytes} | {peak} |")?;
        }
        if let Some(told) = &self.optimized {
            let (seconds, bytes) =
                (number(told, "seconds"), self.of_an_event(number(told, "bytes")));
            let peak = number(told, "peak_mib");
            writeln!(text, "| ours, `table optimize` | {seconds:.2} | | {bytes:.1} | {peak} |")?;
        }
        writeln!(text)?;
        Ok(())
    }

    fn asking(&self, text: &mut String, set: &QuerySet) -> Result<(), Failed> {
        let Some(first) = self.queries.first() else { return Ok(()) };
        let names: Vec<String> =
            first.peers.iter().map(|told| format!(" {} |", name(told))).collect();
        writeln!(
            text,
            "## Asking\n\nMilliseconds over the same Parquet files, the ratio to the faster of the others, and what of \
             the files we read the first time, footers and Bloom filters included.\n"
        )?;
        writeln!(text, "| query | rows | ours |{} ratio | read |", names.concat())?;
        writeln!(text, "| --- | ---: | ---: | {}---: | ---: |", "---: | ".repeat(names.len()))?;
        let stored = self.optimized.as_ref().map_or(f64::NAN, |told| number(told, "bytes"));
        let mut medians = Vec::new();
        for (index, query) in set.query.iter().enumerate() {
            let of = |told: &Value| answer(told, index, "seconds") * 1_000.0;
            let ours = Spread::of(self.queries.iter().map(|round| of(&round.ours)).collect());
            let ratios: Vec<f64> = self
                .queries
                .iter()
                .filter_map(|round| {
                    let best = round.peers.iter().map(of).reduce(f64::min)?;
                    Some(of(&round.ours) / best)
                })
                .collect();
            let Some(ours) = ours else { continue };
            let ratio = Spread::of(ratios);
            medians.extend(ratio.as_ref().map(|ratio| ratio.median));
            let ratio = ratio.map_or_else(String::new, |ratio| ratio.to_string());
            let rows = answer(&first.ours, index, "rows");
            let agree = first
                .peers
                .iter()
                .all(|told| answer(told, index, "rows").to_bits() == rows.to_bits());
            let mut line = format!(
                "| {} | {rows}{} | {:.1} |",
                query.name,
                if agree { "" } else { " (differ)" },
                ours.median
            );
            for peer in 0..names.len() {
                let turns = self.queries.iter().filter_map(|round| round.peers.get(peer));
                let spread = Spread::of(turns.map(of).collect());
                write!(line, " {:.1} |", spread.map_or(f64::NAN, |spread| spread.median))?;
            }
            let read = answer(&first.ours, index, "read_bytes") / stored * 100.0;
            writeln!(text, "{line} {ratio} | {read:.2} % |")?;
        }
        if let Some(all) = Spread::of(medians) {
            writeln!(text, "\nAll queries: {all}.")?;
        }
        let opened: Vec<f64> = self
            .queries
            .iter()
            .map(|round| number(&round.ours, "open_seconds") * 1_000.0)
            .collect();
        if let Some(opened) = Spread::of(opened) {
            writeln!(text, "Opening the lake took {opened} ms.")?;
        }
        Ok(())
    }

    fn of_an_event(&self, bytes: f64) -> f64 {
        bytes / real(self.size.events)
    }

    fn as_json(&self) -> Value {
        let ingest = self
            .ingest
            .iter()
            .map(|round| json!({ "floor": round.floor, "ours": round.ours, "peers": round.peers }));
        let queries = self.queries.iter();
        let queries = queries.map(|round| json!({ "ours": round.ours, "peers": round.peers }));
        json!({
            "corpus": self.size,
            "ingest": ingest.collect::<Vec<_>>(),
            "optimized": self.optimized,
            "queries": queries.collect::<Vec<_>>(),
        })
    }
}

/// What the numbers were measured on, and of.
struct Machine {
    processor: String,
    processors: usize,
    memory_gib: u64,
    commit: String,
}

impl Machine {
    fn look() -> Self {
        let field = |file: &str, name: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let value = line.map(|line| line.trim_start_matches([' ', '\t', ':']).trim());
            value.unwrap_or("unknown").to_owned()
        };
        let memory = field("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse();
        let commit = Command::new("git").args(["describe", "--always", "--dirty"]).output();
        let commit = commit.ok().and_then(|output| String::from_utf8(output.stdout).ok());
        Self {
            processor: field("/proc/cpuinfo", "model name"),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: memory.unwrap_or(0_u64) >> 20,
            commit: commit.unwrap_or_default().trim().to_owned(),
        }
    }

    /// The processor as part of a folder's name.
    fn slug(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let words: String = self.processor.replace("(R)", "").chars().map(plain).collect();
        let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
        format!("{}-{}", words.join("-"), self.processors)
    }
}

impl Display for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { processor, processors, memory_gib, commit } = self;
        write!(f, "{processor}, {processors} processors, {memory_gib} GiB; commit {commit}.")
    }
}

/// Makes a folder of this name, numbered where there is one.
fn new_folder(runs: &Path, name: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(runs)?;
    let (mut folder, mut number) = (runs.join(name), 1_u32);
    loop {
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                number += 1;
                folder = runs.join(format!("{name}-{number}"));
            }
            made => return made.map(|()| folder),
        }
    }
}
