//! Threads that gather and encode rows.
//!
//! They are few and always the same, because the allocator keeps what was freed for each thread,
//! and these free most. Nothing that waits for something else belongs here.

use std::{sync::LazyLock, thread};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::oneshot;

use crate::{error::LakeError, tables::TableName};

static ENCODERS: LazyLock<Result<ThreadPool, ThreadPoolBuildError>> = LazyLock::new(|| {
    ThreadPoolBuilder::new()
        .num_threads(encoders())
        .thread_name(|number| format!("encode-{number}"))
        // Whoever waits for the work learns that it came to nothing.
        .panic_handler(|_| {})
        .build()
});

/// Returns how many there are: one for each processor.
pub(crate) fn encoders() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Runs work on rows of a table that costs CPU time and waits for nothing.
pub(crate) async fn encode<T: Send + 'static>(
    table: TableName,
    work: impl FnOnce() -> Result<T, LakeError> + Send + 'static,
) -> Result<T, LakeError> {
    const ACTION: &str = "encode rows";
    let pool = ENCODERS.as_ref().map_err(|error| {
        LakeError::rows(table, ACTION)(std::io::Error::other(error.to_string()))
    })?;
    let (done, ended) = oneshot::channel();
    pool.spawn(move || {
        // Nobody waits any more where the commit was given up.
        let _unheard = done.send(work());
    });
    ended.await.map_err(LakeError::rows(table, ACTION))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_panics_is_an_error_and_the_next_is_done() {
        let failed = encode::<()>(TableName::Runs, || panic!("broken")).await;
        assert!(matches!(failed, Err(LakeError::Rows { .. })), "{failed:?}");
        assert_eq!(encode(TableName::Runs, || Ok(7)).await.unwrap(), 7);
    }
}
