//! The store of the objects, and what decoding makes of their bytes.

use std::{collections::BTreeSet, time::Duration};

use trailhouse_ingest::{
    CircuitKey, DecodeFailure, DecodedContent, DecodedFacts, FetchFailure, FetchFailureKind,
};
use trailhouse_model::{ObjectRef, QuarantineReason};

use crate::{
    catalog::{Catalog, Nature, Object, ObjectNo},
    fault::{Fault, Faults},
    plan::Window,
    random::Random,
};

/// How inflated bytes relate to compressed ones here.
const INFLATE_RATIO: u64 = 8;

/// The bucket that lets nobody in for a while in some runs.
const DENIED_BUCKET: &str = "other";

/// What a read brought.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) object: ObjectNo,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    is_damaged: bool,
}

/// Reads an object.
pub(crate) fn read(
    catalog: &mut Catalog,
    denial: Option<&Window>,
    random: &mut Random,
    faults: &mut Faults,
    request: &ReadRequest<'_>,
) -> Result<Body, FetchFailure> {
    let is_denied = request.object.bucket.as_str() == DENIED_BUCKET
        && denial.is_some_and(|denial| denial.contains(&request.now));
    if is_denied {
        faults.count(Fault::BucketDenied);
        let key = CircuitKey::Bucket(request.object.bucket.clone());
        return Err(failure(FetchFailureKind::Denied(key), "access denied"));
    }
    let refusals = [
        (Fault::StoreUnavailable, FetchFailureKind::Temporary),
        (Fault::StoreThrottled, FetchFailureKind::Throttled),
        (Fault::StoreAnswerLost, FetchFailureKind::Temporary),
    ];
    for (fault, kind) in refusals {
        if faults.strikes(random, fault) {
            return Err(failure(kind, fault.as_str()));
        }
    }
    let missing = || failure(FetchFailureKind::Missing, "no such key");
    let (place, is_other_key) = catalog.find(request.object.id()).ok_or_else(missing)?;
    let object = catalog.objects.get_mut(place).ok_or_else(missing)?;
    let is_there = match object.nature {
        Nature::Missing => false,
        Nature::UnderOtherKey => is_other_key,
        Nature::Late => request.now >= object.turns_at,
        Nature::Events
        | Nature::Empty
        | Nature::WithRejects
        | Nature::Rewritten
        | Nature::Archived
        | Nature::Huge
        | Nature::Damaged
        | Nature::NotCloudTrail
        | Nature::Bomb
        | Nature::Foreign
        | Nature::Digest => !is_other_key,
    };
    if !is_there {
        return Err(missing());
    }
    if object.nature == Nature::Archived {
        return Err(failure(FetchFailureKind::Archived, "in an archive tier"));
    }
    if object.bytes > request.bytes_max {
        return Err(failure(FetchFailureKind::TooLarge, "larger than the limit"));
    }
    if faults.strikes(random, Fault::TruncatedBody) {
        object.damages += 1;
        return Err(failure(FetchFailureKind::Corrupt, "fewer bytes than announced"));
    }
    let is_damaged = faults.strikes(random, Fault::CorruptBody);
    object.damages += u32::from(is_damaged);
    let is_changed = object.nature == Nature::Rewritten && request.now >= object.turns_at;
    Ok(Body {
        object: place,
        bytes: object.bytes,
        rows: object.rows + u64::from(is_changed),
        is_damaged,
    })
}

/// A call for an object.
#[derive(Debug)]
pub(crate) struct ReadRequest<'a> {
    pub(crate) now: Duration,
    pub(crate) object: &'a ObjectRef,
    pub(crate) bytes_max: u64,
}

/// Decodes what a read brought, as the decoder would.
pub(crate) fn decode(object: &Object, body: &Body) -> Result<Box<DecodedFacts>, DecodeFailure> {
    let refused =
        |reason| Err(DecodeFailure { reason, detail: format!("it is {:?}", object.nature) });
    let content = match object.nature {
        _ if body.is_damaged => return refused(QuarantineReason::Corrupt),
        Nature::Damaged => return refused(QuarantineReason::Corrupt),
        Nature::NotCloudTrail => return refused(QuarantineReason::NotCloudTrail),
        Nature::Bomb => return refused(QuarantineReason::LimitExceeded),
        Nature::Foreign | Nature::Digest => DecodedContent::Skipped("foreign"),
        Nature::Events
        | Nature::Empty
        | Nature::WithRejects
        | Nature::UnderOtherKey
        | Nature::Rewritten
        | Nature::Late
        | Nature::Missing
        | Nature::Archived
        | Nature::Huge => DecodedContent::Records,
    };
    Ok(Box::new(DecodedFacts {
        content,
        events: body.rows,
        rejects: object.rejects,
        compressed_bytes: body.bytes,
        inflated_bytes: body.bytes * INFLATE_RATIO,
        memory_bytes: body.bytes * INFLATE_RATIO,
        first_event_time: None,
        last_event_time: None,
        accounts: BTreeSet::new(),
        regions: BTreeSet::new(),
    }))
}

fn failure(kind: FetchFailureKind, detail: &str) -> FetchFailure {
    FetchFailure { kind, detail: detail.to_owned() }
}
