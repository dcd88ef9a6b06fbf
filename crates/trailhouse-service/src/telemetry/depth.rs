//! Looks now and then how much is in the queue.

use std::{sync::Arc, time::Duration};

use trailhouse_aws::SqsQueue;

use super::{Background, Telemetry, words};

/// SQS itself learns of changes within a minute.
const INTERVAL: Duration = Duration::from_secs(60);

/// Shows the depth of the queue until what it returns is dropped.
pub(crate) fn sample_depth(queue: SqsQueue, telemetry: Arc<Telemetry>) -> Background {
    Background(tokio::spawn(async move {
        loop {
            match queue.depth().await {
                Ok(depth) => telemetry.metrics.show_depth(Some(depth)),
                Err(error) => {
                    // Whoever may receive need not be allowed to ask this.
                    tracing::debug!(error = %error.chain(), "failed to ask for the queue's depth");
                    telemetry.count_failure("depth", words::kind(error.kind));
                    telemetry.metrics.show_depth(None);
                }
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }))
}
