//! `cargo run --release -p benches -- compare`: this program beside DuckDB and ClickHouse.

mod compare;

use clap::{Parser, Subcommand};

use crate::compare::{CompareArgs, Failed, part::Part};

#[derive(Debug, Parser)]
#[command(about = "Measures the whole program; the parts are under `cargo bench`")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Store and query one corpus with each engine in turn, and write the ratios down
    Compare(CompareArgs),
    /// One measurement in a process of its own, so that its memory is its own
    #[command(subcommand, hide = true)]
    Part(Part),
}

fn main() -> Result<(), Failed> {
    match Arguments::parse().task {
        Task::Compare(arguments) => compare::run(&arguments),
        Task::Part(part) => part.measure(),
    }
}
