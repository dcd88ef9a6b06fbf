//! Measurements of the whole program; the parts are under `cargo bench`.

mod compare;
mod measure;
mod part;
mod queue;

use clap::{Parser, Subcommand};

use crate::{compare::CompareArgs, measure::Failed, part::Part, queue::QueueArgs};

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
    /// One measurement in a process of its own, so that its memory is its own
    #[command(subcommand, hide = true)]
    Part(Part),
}

fn main() -> Result<(), Failed> {
    match Arguments::parse().task {
        Task::Compare(arguments) => compare::run(&arguments),
        Task::Queue(arguments) => queue::run(&arguments),
        Task::Part(part) => part.measure(),
    }
}
