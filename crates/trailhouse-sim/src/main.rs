//! Runs simulations: `--seeds A..B` many and prints totals, `--seed N` one; `--trace` shows what
//! happened in it.

use std::{
    env,
    io::{self, Write},
    ops::Range,
    process::ExitCode,
};

use trailhouse_sim::{Plan, run_all, run_traced};

const USAGE: &str = "usage: trailhouse-sim [--seeds A..B | --seed N [--trace]]";

/// What is asked for.
enum Request {
    Many(Range<u64>),
    One { seed: u64, shows_actions: bool },
}

fn main() -> io::Result<ExitCode> {
    let Some(request) = parse(env::args().skip(1)) else {
        writeln!(io::stderr(), "{USAGE}")?;
        return Ok(ExitCode::from(2));
    };
    let is_good = match request {
        Request::Many(seeds) => run_many(seeds)?,
        Request::One { seed, shows_actions } => run_one(seed, shows_actions)?,
    };
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Request> {
    let mut request = Request::Many(0..10_000);
    let mut wants_actions = false;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seeds" => {
                let (start, end) = arguments
                    .next()?
                    .split_once("..")
                    .map(|(start, end)| (start.parse().ok(), end.parse().ok()))?;
                request = Request::Many(start?..end?);
            }
            "--seed" => {
                let seed = arguments.next()?.parse().ok()?;
                request = Request::One { seed, shows_actions: false };
            }
            "--trace" => wants_actions = true,
            _ => return None,
        }
    }
    Some(match request {
        Request::One { seed, .. } => Request::One { seed, shows_actions: wants_actions },
        Request::Many(seeds) => Request::Many(seeds),
    })
}

fn run_many(seeds: Range<u64>) -> io::Result<bool> {
    let (totals, failures) = run_all(seeds, &Plan::default());
    let mut out = io::stdout().lock();
    write!(out, "{totals}")?;
    for outcome in &failures {
        if let Some(violation) = &outcome.violation {
            writeln!(out, "seed {}: {violation}\n  {}", outcome.seed, outcome.replay_command())?;
        }
    }
    Ok(failures.is_empty())
}

fn run_one(seed: u64, shows_actions: bool) -> io::Result<bool> {
    let outcome = run_traced(seed, &Plan::default());
    let mut out = io::stdout().lock();
    if let (true, Some(actions)) = (shows_actions, &outcome.action_log) {
        write!(out, "{actions}")?;
    }
    write!(out, "{}", outcome.totals)?;
    writeln!(out, "{:<42}{:>14x}", "hash of the action log", outcome.log_hash)?;
    if let Some(violation) = &outcome.violation {
        writeln!(out, "seed {seed}: {violation}")?;
    }
    Ok(outcome.violation.is_none())
}
