//! Runs plans: each once for all that its job asks.

use std::{collections::HashMap, sync::Arc, time::Instant};

use datafusion::{common::runtime::SpawnedTask, execution::SessionState};
use futures::{StreamExt, stream};
use tokio::task::JoinError;

use super::{
    Answer, JudgeLimits,
    answer::Runnable,
    cost::millis,
    job::{Job, Pool},
    slots::repeatable,
};
use crate::{
    error::{QueryError, classify},
    planner::Planner,
};

/// What a question said, about a period or about all rows.
pub(crate) type Said = (usize, Option<usize>, Answer);

/// The rows of the leaves.
#[derive(Clone)]
pub(crate) struct Pools {
    pub(crate) events: Arc<Pool>,
    pub(crate) before: Arc<Pool>,
}

/// Makes one plan and runs it as often as its job says.
async fn answer_job(
    job: Job,
    planner: Arc<Planner>,
    state: Arc<SessionState>,
    limits: JudgeLimits,
    pools: Pools,
) -> Result<Vec<Said>, (usize, QueryError)> {
    let Job { question, prepared, plan, runs, is_shared } = job;
    let mut started = Instant::now();
    let vocabulary = Arc::clone(&planner.vocabulary);
    let runnable = Runnable::of(planner, state, plan, limits).await;
    let runnable = runnable.map_err(|error| (question, error))?;
    let mut answers = Vec::with_capacity(runs.len());
    for run in runs {
        let outcome = match &runnable {
            None => Ok(Vec::new()),
            Some(runnable) => match run.slots(&prepared, &pools.events, &pools.before) {
                Ok(slots) => runnable.rows(slots).await,
                Err(error) => Err(classify(&error.into(), &vocabulary)),
            },
        };
        let millis = millis(started.elapsed());
        started = Instant::now();
        let answer = Answer { outcome, rows_in: run.rows_in, millis, shared: is_shared };
        answers.push((question, run.place(), answer));
    }
    Ok(answers)
}

/// Runs all plans.
pub(crate) async fn answer_all(
    planner: &Arc<Planner>,
    limits: JudgeLimits,
    at_once: usize,
    jobs: Vec<Job>,
    pools: &Pools,
) -> (Vec<Said>, Vec<(usize, QueryError)>) {
    let state = Arc::new(planner.context.state());
    let repeatable = Arc::new(repeatable(&state));
    let mut planning: HashMap<usize, u64> =
        jobs.iter().map(|job| (job.question, job.prepared.millis)).collect();
    let answering = jobs.into_iter().map(|job| {
        let state = if job.is_by_period() { &repeatable } else { &state };
        let (planner, state) = (Arc::clone(planner), Arc::clone(state));
        let question = job.question;
        let job = answer_job(job, planner, state, limits, pools.clone());
        // A join of rows in memory does its work where it is asked for rows: each on a processor
        // of its own.
        async move {
            let failed =
                |error: JoinError| (question, QueryError::Bug { message: error.to_string() });
            SpawnedTask::spawn(job).join_unwind().await.map_err(failed)?
        }
    });
    let outcomes: Vec<_> = stream::iter(answering).buffered(at_once).collect().await;
    let (mut answers, mut failures) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Ok(said) => answers.extend(said),
            Err(failure) => failures.push(failure),
        }
    }
    answers.sort_by_key(|(question, period, _)| (*question, *period));
    for (question, _, answer) in &mut answers {
        // A question is planned once, whatever number of periods it has.
        answer.millis += planning.remove(question).unwrap_or_default();
    }
    (answers, failures)
}
