//! The machine's actions as port calls, and the answers as its inputs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use trailhouse_decode::{ContentKind, DecodeContext, DecodedObject, EventRows};
use trailhouse_failpoint::{Failpoint, reach};
use trailhouse_ingest::{
    Action, DecodeFailure, DecodedContent, DecodedFacts, Delivery, Failure, FetchFailure,
    FetchFailureKind, Input, MessageTicket, QuarantineSubject, QueueMessage, Stage, Ticket,
};
use trailhouse_model::{
    BatchId, BucketName, Classify, CommitOutcome, ObjectKey, ObjectRef, QuarantineEntry,
    QuarantineReason, TableVersion,
};

use super::{DriveError, Driver, now};
use crate::{
    commit_object::{committed_object, decode_context},
    decode_pool::PoolDecodeError,
    observer::Quarantined,
    ports::{
        AcknowledgeReport, CommitRequest, LakeWriter, NotificationQueue, ObjectReader, PortError,
        PortErrorKind, error_chain,
    },
};

/// How a port call ended.
pub(super) enum Done {
    Received(Result<Vec<QueueMessage>, PortError>),
    LookedUp(Vec<Ticket>, Result<Vec<bool>, PortError>),
    Fetched(Ticket, Result<Bytes, PortError>),
    Decoded(Box<DecodeDone>),
    Quarantined(Result<(), PortError>),
    Committed(BatchId, CommitOutcome),
    Probed(BatchId, Result<Option<TableVersion>, PortError>),
    Acknowledged(Vec<Delivery>, AcknowledgeReport),
    Extended(MessageTicket, Result<(), PortError>),
    Released(MessageTicket, Result<(), PortError>),
}

/// A port call that ended.
pub(super) struct Finished {
    pub(super) took: Duration,
    pub(super) done: Done,
}

/// A decode with what it was made of.
pub(super) struct DecodeDone {
    ticket: Ticket,
    object: ObjectRef,
    context: DecodeContext,
    compressed: Bytes,
    pub(super) outcome: Result<DecodedObject<EventRows>, PoolDecodeError>,
}

/// The last kind of trouble at each stage that can stop the machine.
#[derive(Default)]
pub(super) struct Failures(BTreeMap<Stage, PortErrorKind>);

impl Failures {
    pub(super) fn last(&self, stage: Stage) -> Option<PortErrorKind> {
        self.0.get(&stage).copied()
    }

    fn note(&mut self, stage: Stage, error: &PortError) -> Failure {
        self.0.insert(stage, error.kind);
        failure(error)
    }
}

impl<Q: NotificationQueue, O: ObjectReader, L: LakeWriter> Driver<'_, Q, O, L> {
    pub(super) fn perform_actions(&mut self) -> Result<(), DriveError> {
        while let Some(action) = self.machine.poll_action() {
            self.perform(action)?;
        }
        Ok(())
    }

    fn perform(&mut self, action: Action) -> Result<(), DriveError> {
        let queue = Arc::clone(&self.ports.queue);
        let lake = Arc::clone(&self.ports.lake);
        match action {
            Action::Receive { messages_max, visibility } => {
                self.spawn(
                    async move { Done::Received(queue.receive(messages_max, visibility).await) },
                )
            }
            Action::LookUp { objects } => {
                let (tickets, objects): (Vec<_>, Vec<_>) = objects.into_iter().unzip();
                self.spawn(async move { Done::LookedUp(tickets, lake.look_up(&objects).await) });
            }
            Action::Fetch { ticket, object, bytes_max } => {
                self.payloads.expect(ticket);
                let objects = Arc::clone(&self.ports.objects);
                self.spawn(
                    async move { Done::Fetched(ticket, objects.read(&object, bytes_max).await) },
                );
            }
            Action::Decode { ticket, object } => self.decode(ticket, object)?,
            Action::Quarantine { subjects } => {
                let entries = self.quarantine_entries(subjects);
                self.in_quarantine = entries.iter().map(Quarantined::from).collect();
                self.spawn(async move { Done::Quarantined(lake.quarantine(entries).await) });
            }
            Action::Commit { batch, tickets } => self.commit(batch, &tickets)?,
            Action::Probe { batch } => self.spawn(async move {
                let outcome = lake.probe(&batch).await;
                Done::Probed(batch, outcome)
            }),
            Action::Acknowledge { deliveries } => self.spawn(async move {
                let receipts: Vec<_> =
                    deliveries.iter().map(|delivery| delivery.receipt.clone()).collect();
                reach(Failpoint::BeforeDelete);
                let report = queue.acknowledge(&receipts).await;
                reach(Failpoint::AfterDelete);
                Done::Acknowledged(deliveries, report)
            }),
            Action::ExtendVisibility { delivery, by } => self.spawn(async move {
                let outcome = queue.extend_visibility(&delivery.receipt, by).await;
                Done::Extended(delivery.message, outcome)
            }),
            Action::Release { delivery, delay } => self.spawn(async move {
                let outcome = if delay.is_zero() {
                    queue.release(&delivery.receipt).await
                } else {
                    queue.extend_visibility(&delivery.receipt, delay).await
                };
                Done::Released(delivery.message, outcome)
            }),
            Action::Forget { tickets } => {
                for ticket in tickets {
                    self.payloads.forget(ticket);
                }
            }
        }
        Ok(())
    }

    fn spawn(&mut self, call: impl Future<Output = Done> + Send + 'static) {
        self.tasks.spawn(async move {
            let started = now();
            let done = call.await;
            Finished { took: now().saturating_duration_since(started), done }
        });
    }

    fn decode(&mut self, ticket: Ticket, object: ObjectRef) -> Result<(), DriveError> {
        let Some(compressed) = self.payloads.take_compressed(ticket) else {
            return Err(DriveError::PayloadMissing { ticket });
        };
        let context = decode_context(&object, self.ports.clock.now());
        let pool = self.ports.pool.clone();
        self.spawn(async move {
            let outcome = pool.decode(context, compressed.clone()).await;
            Done::Decoded(Box::new(DecodeDone { ticket, object, context, compressed, outcome }))
        });
        Ok(())
    }

    /// Every object that the machine names must be there: one left out would count as stored.
    fn commit(&mut self, batch: BatchId, tickets: &[Ticket]) -> Result<(), DriveError> {
        let mut objects = Vec::with_capacity(tickets.len());
        for ticket in tickets {
            let Some(object) = self.payloads.decoded(*ticket) else {
                return Err(DriveError::PayloadMissing { ticket: *ticket });
            };
            objects.push(object.clone());
        }
        self.in_commit = objects.iter().map(|object| (&object.committed).into()).collect();
        let lake = Arc::clone(&self.ports.lake);
        self.spawn(async move {
            let request = CommitRequest { batch: batch.clone(), objects };
            Done::Committed(batch, lake.commit(request).await)
        });
        Ok(())
    }

    fn quarantine_entries(&self, subjects: Vec<QuarantineSubject>) -> Vec<QuarantineEntry> {
        let quarantined_at = self.ports.clock.now();
        let mut entries = Vec::with_capacity(subjects.len());
        for subject in subjects {
            entries.push(match subject {
                QuarantineSubject::Object { ticket, object, reason, detail } => {
                    let raw = self.payloads.refused(ticket);
                    QuarantineEntry::of_object(object, reason, detail, raw, quarantined_at)
                }
                QuarantineSubject::Message { message: _, id, body, detail } => QuarantineEntry {
                    reason: QuarantineReason::UnknownMessage,
                    detail,
                    object_id: None,
                    bucket: BucketName::new(self.ports.queue.name()),
                    key: ObjectKey::new(id),
                    record_index: None,
                    raw: body,
                    quarantined_at,
                },
            });
        }
        entries
    }

    /// Hands the answer to the machine and keeps what it carries.
    pub(super) fn take_in(&mut self, done: Done) {
        let input = match done {
            Done::Received(Ok(messages)) => {
                reach(Failpoint::AfterReceive);
                Input::Received { messages }
            }
            Done::Received(Err(error)) => {
                Input::ReceiveFailed { failure: self.failures.note(Stage::Receive, &error) }
            }
            Done::LookedUp(tickets, outcome) => self.looked_up(&tickets, outcome),
            Done::Fetched(ticket, outcome) => self.fetched(ticket, outcome),
            Done::Decoded(done) => self.decoded(*done),
            Done::Quarantined(outcome) => Input::Quarantined {
                outcome: outcome.map_err(|error| self.failures.note(Stage::Quarantine, &error)),
            },
            Done::Committed(batch, outcome) => {
                tracing::debug!(%batch, ?outcome, "commit ended");
                Input::Committed { batch, outcome }
            }
            Done::Probed(batch, outcome) => Input::Probed {
                batch,
                outcome: outcome.map_err(|error| self.failures.note(Stage::Probe, &error)),
            },
            Done::Acknowledged(deliveries, report) => acknowledged(deliveries, &report),
            Done::Extended(message, outcome) => Input::VisibilityExtended {
                message,
                outcome: outcome.map_err(|error| failure(&error)),
            },
            Done::Released(message, outcome) => {
                if let Err(error) = outcome {
                    // It comes back by itself when its lease is over.
                    tracing::debug!(error = %error.chain(), "failed to give a message back");
                }
                Input::Released { message }
            }
        };
        self.machine.handle(now(), input);
    }

    fn looked_up(&mut self, tickets: &[Ticket], outcome: Result<Vec<bool>, PortError>) -> Input {
        let answers = match outcome {
            Ok(answers) if answers.len() == tickets.len() => answers,
            Ok(_) => {
                let error = PortError::new(PortErrorKind::Bug, "look up every object");
                return Input::LookedUp { outcome: Err(self.failures.note(Stage::LookUp, &error)) };
            }
            Err(error) => {
                return Input::LookedUp { outcome: Err(self.failures.note(Stage::LookUp, &error)) };
            }
        };
        let pairs = tickets.iter().zip(answers);
        let stored = pairs.filter_map(|(ticket, is_stored)| is_stored.then_some(*ticket));
        Input::LookedUp { outcome: Ok(stored.collect()) }
    }

    fn fetched(&mut self, ticket: Ticket, outcome: Result<Bytes, PortError>) -> Input {
        let outcome = match outcome {
            Ok(bytes) => {
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.payloads.put_compressed(ticket, bytes);
                reach(Failpoint::AfterFetch);
                Ok(length)
            }
            Err(error) => {
                let detail = error.chain();
                tracing::debug!(error = detail, "failed to fetch an object");
                Err(FetchFailure { kind: fetch_failure(&error), detail })
            }
        };
        Input::Fetched { ticket, outcome }
    }

    fn decoded(&mut self, done: DecodeDone) -> Input {
        let DecodeDone { ticket, object, context, compressed, outcome } = done;
        let outcome = match outcome {
            Ok(decoded) => {
                let facts = decoded_facts(&decoded);
                let object = committed_object(object, decoded, &context);
                self.payloads.put_decoded(ticket, object);
                reach(Failpoint::AfterDecode);
                Ok(Box::new(facts))
            }
            Err(error) => {
                self.payloads.put_refused(ticket, &compressed);
                Err(DecodeFailure { reason: error.reason(), detail: error_chain(&error) })
            }
        };
        Input::Decoded { ticket, outcome }
    }
}

fn failure(error: &PortError) -> Failure {
    let detail = error.chain();
    tracing::debug!(error = detail, "port call failed");
    Failure { disposition: error.disposition(), detail }
}

/// A refusal that names what it concerns may end for all that it concerns; one that does not is the
/// object's own.
fn fetch_failure(error: &PortError) -> FetchFailureKind {
    if let Some(circuit) = &error.circuit {
        return FetchFailureKind::Denied(circuit.as_ref().clone());
    }
    match error.kind {
        PortErrorKind::NotFound => FetchFailureKind::Missing,
        PortErrorKind::Archived => FetchFailureKind::Archived,
        PortErrorKind::TooLarge => FetchFailureKind::TooLarge,
        PortErrorKind::Corrupt => FetchFailureKind::Corrupt,
        PortErrorKind::Denied | PortErrorKind::Unavailable => FetchFailureKind::Temporary,
        PortErrorKind::Throttled => FetchFailureKind::Throttled,
        PortErrorKind::Misconfigured | PortErrorKind::Bug => FetchFailureKind::Hopeless,
    }
}

/// A receipt that the queue did not mention counts as failed.
fn acknowledged(deliveries: Vec<Delivery>, report: &AcknowledgeReport) -> Input {
    let deleted: BTreeSet<_> = report.done.iter().collect();
    let mut done = Vec::new();
    let mut failed = Vec::new();
    for delivery in deliveries {
        let list = if deleted.contains(&delivery.receipt) { &mut done } else { &mut failed };
        list.push(delivery.message);
    }
    Input::Acknowledged { done, failed }
}

fn decoded_facts(decoded: &DecodedObject<EventRows>) -> DecodedFacts {
    let content = match decoded.kind {
        ContentKind::Events | ContentKind::Insight | ContentKind::Empty => DecodedContent::Records,
        ContentKind::Digest
        | ContentKind::Aggregated
        | ContentKind::Control
        | ContentKind::Foreign => DecodedContent::Skipped(decoded.kind.as_str()),
    };
    let count = |length| u64::try_from(length).unwrap_or(u64::MAX);
    let stats = &decoded.stats;
    DecodedFacts {
        content,
        events: count(decoded.events.num_rows()),
        rejects: count(decoded.rejects.len()),
        compressed_bytes: stats.compressed_bytes,
        inflated_bytes: stats.inflated_bytes,
        memory_bytes: count(decoded.events.memory_bytes()),
        first_event_time: stats.first_event_time,
        last_event_time: stats.last_event_time,
        accounts: stats.accounts.clone(),
        regions: stats.regions.clone(),
    }
}
