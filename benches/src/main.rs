//! Measurements of the whole program; the parts are under `cargo bench`.

mod compare;
mod measure;
mod pack;
mod part;
mod queue;
mod scale;

use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::{
    compare::CompareArgs,
    measure::Failed,
    pack::PackArgs,
    part::Part,
    queue::QueueArgs,
    scale::{CommitsArgs, YearArgs},
};

/// As the program itself has it.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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
    /// `watch` beside a bare loop that receives, gets and deletes
    Queue(QueueArgs),
    /// The whole pack in one pass, beside reading its columns once
    Pack(PackArgs),
    /// How long commits and opening take while the files of a lake become many
    Commits(CommitsArgs),
    /// How long first rows take in a year of ten times the events of a lake
    Year(YearArgs),
    /// One measurement in a process of its own, so that its memory is its own
    #[command(subcommand, hide = true)]
    Part(Part),
}

fn main() -> Result<(), Failed> {
    match Arguments::parse().task {
        Task::Compare(arguments) => compare::run(&arguments),
        Task::Queue(arguments) => Runtime::new()?.block_on(Box::pin(queue::run(&arguments))),
        Task::Pack(arguments) => Runtime::new()?.block_on(Box::pin(pack::run(&arguments))),
        Task::Commits(arguments) => Runtime::new()?.block_on(scale::commits(&arguments)),
        Task::Year(arguments) => Runtime::new()?.block_on(scale::year(&arguments)),
        Task::Part(part) => part.measure(),
    }
}
