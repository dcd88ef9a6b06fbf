//! How many threads the program has.

use std::thread;

/// Returns how many threads may wait for files and encode rows. The allocator keeps freed memory
/// for each thread, so more threads than there is work for only hold memory.
#[must_use]
pub fn blocking_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from) + 2
}
