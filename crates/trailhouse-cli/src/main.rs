//! The `trailhouse` program: reads the command line, calls the service, renders what came of it.
//!
//! Standard output carries data only; everything said to a person goes to standard error.

mod args;
mod commands;
mod exit;
mod logging;
mod terminal;

use std::process::ExitCode;

use crate::{args::Cli, exit::Exit, terminal::Terminal};

#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Plans of long expressions recurse; what fits the main thread must fit a worker.
const WORKER_STACK_BYTES: usize = 8 << 20;

fn main() -> ExitCode {
    let cli = Cli::read();
    let terminal = Terminal::new(&cli.global);
    let repeats = match terminal.start_logging() {
        Ok(repeats) => repeats,
        Err(error) => {
            terminal.error(&error.message, error.hint.as_deref());
            return Exit::from(error.kind).into();
        }
    };
    // With few threads that may block, readers of the tables' logs would wait for each other: each
    // keeps one of them and needs another for every file.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(WORKER_STACK_BYTES)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal.error(&format!("failed to start the async runtime: {error}"), None);
            return Exit::Bug.into();
        }
    };
    runtime.spawn(repeats.clone().report());
    let exit = match runtime.block_on(commands::run(&cli, &terminal)) {
        Ok(exit) => exit,
        Err(error) => {
            terminal.error(&error.message, error.hint.as_deref());
            Exit::from(error.kind)
        }
    };
    repeats.finish();
    // Blocking reads of standard input or slow stores must not hold up the end.
    runtime.shutdown_background();
    exit.into()
}
