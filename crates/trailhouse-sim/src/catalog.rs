//! The objects of a run: what lies under each key and what may become of it.

use std::{collections::BTreeMap, time::Duration};

use trailhouse_model::{
    BucketName, ETag, ObjectId, ObjectKey, ObjectRef, QuarantineReason as Reason,
};

use crate::{
    plan::{COMPRESSED_BYTES_MAX, Scenario},
    random::Random,
};

/// The place of an object in the catalog.
pub(crate) type ObjectNo = usize;

/// What lies under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    Events,
    Empty,
    /// Some of its records cannot become rows.
    WithRejects,
    /// Its key is encoded so that only the other reading finds it.
    UnderOtherKey,
    /// Somebody puts another content under its key at some time.
    Rewritten,
    /// It appears after its notification.
    Late,
    Missing,
    Archived,
    /// Larger than the limit.
    Huge,
    /// Damaged at rest.
    Damaged,
    NotCloudTrail,
    /// Inflates beyond the limit.
    Bomb,
    /// Readable, but not for the lake.
    Foreign,
    /// By its key not for the lake.
    Digest,
}

/// The largest object that is not too large.
pub(crate) const SMALL_BYTES_MAX: u64 = 2_000;

/// How the natures are mixed.
const NATURES: [(Nature, u64); 14] = [
    (Nature::Events, 60),
    (Nature::Empty, 6),
    (Nature::WithRejects, 6),
    (Nature::UnderOtherKey, 4),
    (Nature::Rewritten, 4),
    (Nature::Late, 3),
    (Nature::Missing, 2),
    (Nature::Archived, 2),
    (Nature::Huge, 2),
    (Nature::Damaged, 3),
    (Nature::NotCloudTrail, 2),
    (Nature::Bomb, 1),
    (Nature::Foreign, 3),
    (Nature::Digest, 2),
];

/// One object.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) named: ObjectRef,
    /// As it is found.
    pub(crate) found: ObjectRef,
    pub(crate) nature: Nature,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    pub(crate) rejects: u64,
    /// When it appears, or its content changes.
    pub(crate) turns_at: Duration,
    /// How often its bytes were damaged on their way.
    pub(crate) damages: u32,
}

/// All objects, and who is called what.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) objects: Vec<Object>,
    by_id: BTreeMap<ObjectId, ObjectNo>,
    other_keys: BTreeMap<ObjectId, ObjectNo>,
}

impl Catalog {
    pub(crate) fn draw(random: &mut Random, scenario: &Scenario) -> Self {
        let mut catalog =
            Self { objects: Vec::new(), by_id: BTreeMap::new(), other_keys: BTreeMap::new() };
        for number in 0..scenario.objects {
            let object = Object::draw(random, scenario, number);
            let place = catalog.objects.len();
            if let Some(key) = &object.named.key_alternative {
                let other = ObjectRef { key: key.clone(), ..object.named.clone() };
                catalog.other_keys.insert(other.id(), place);
            }
            catalog.by_id.insert(object.named.id(), place);
            catalog.objects.push(object);
        }
        catalog
    }

    /// Finds what lies under a name, and whether that is the other reading of its key.
    pub(crate) fn find(&self, id: ObjectId) -> Option<(ObjectNo, bool)> {
        let first = self.by_id.get(&id).map(|place| (*place, false));
        first.or_else(|| self.other_keys.get(&id).map(|place| (*place, true)))
    }

    pub(crate) fn get(&self, object: ObjectNo) -> Option<&Object> {
        self.objects.get(object)
    }
}

impl Object {
    fn draw(random: &mut Random, scenario: &Scenario, number: u32) -> Self {
        let nature = draw_nature(random);
        let folder = if nature == Nature::Digest { "CloudTrail-Digest" } else { "CloudTrail" };
        let day = random.between(1, 3);
        let key = format!(
            "AWSLogs/111111111111/{folder}/eu-west-1/2026/01/0{day}/\
             111111111111_{folder}_eu-west-1_2026010{day}T0000Z_{number:016}.json.gz"
        );
        let bucket = BucketName::new(if random.below(4) == 0 { "other" } else { "trail" });
        let bytes = if nature == Nature::Huge {
            random.between(COMPRESSED_BYTES_MAX + 1, 10 * COMPRESSED_BYTES_MAX)
        } else {
            random.between(20, SMALL_BYTES_MAX)
        };
        let mut named = ObjectRef::new(bucket, ObjectKey::new(key.clone()));
        let has_other_key = matches!(nature, Nature::UnderOtherKey | Nature::Missing);
        named.key_alternative = has_other_key.then(|| ObjectKey::new(format!("{key}+")));
        named.e_tag = (random.below(2) == 0).then(|| ETag::new("first"));
        named.size_bytes = told_size(random, scenario, bytes);
        let found = match (nature, &named.key_alternative) {
            (Nature::UnderOtherKey, Some(key)) => ObjectRef { key: key.clone(), ..named.clone() },
            _ => named.clone(),
        };
        Self {
            named,
            found,
            nature,
            bytes,
            rows: if nature == Nature::Empty { 0 } else { random.between(1, 50) },
            rejects: if nature == Nature::WithRejects { random.between(1, 3) } else { 0 },
            turns_at: random.duration(Duration::ZERO, scenario.calm_at),
            damages: 0,
        }
    }

    /// Says whether rows of it may be in the table.
    pub(crate) fn may_be_stored(&self) -> bool {
        match self.nature {
            Nature::Events
            | Nature::Empty
            | Nature::WithRejects
            | Nature::UnderOtherKey
            | Nature::Rewritten
            | Nature::Late => true,
            Nature::Missing
            | Nature::Archived
            | Nature::Huge
            | Nature::Damaged
            | Nature::NotCloudTrail
            | Nature::Bomb
            | Nature::Foreign
            | Nature::Digest => false,
        }
    }

    /// Says whether it is for the lake at all.
    pub(crate) fn is_for_the_lake(&self) -> bool {
        !matches!(self.nature, Nature::Foreign | Nature::Digest)
    }

    /// Says whether it may be in quarantine for this reason. Bytes damaged twice on their way look
    /// like bytes damaged at rest.
    pub(crate) fn may_be_quarantined(&self, reason: Reason) -> bool {
        let by_nature = match self.nature {
            Nature::Late | Nature::Missing => reason == Reason::Missing,
            Nature::Archived => reason == Reason::Archived,
            Nature::Huge | Nature::Bomb => reason == Reason::LimitExceeded,
            Nature::Damaged => reason == Reason::Corrupt,
            Nature::NotCloudTrail => reason == Reason::NotCloudTrail,
            Nature::Events
            | Nature::Empty
            | Nature::WithRejects
            | Nature::UnderOtherKey
            | Nature::Rewritten
            | Nature::Foreign
            | Nature::Digest => false,
        };
        by_nature || (reason == Reason::Corrupt && self.damages >= 2)
    }
}

fn draw_nature(random: &mut Random) -> Nature {
    let mut left = random.below(NATURES.iter().map(|(_, share)| share).sum());
    for (nature, share) in NATURES {
        if left < share {
            return nature;
        }
        left -= share;
    }
    Nature::Events
}

fn told_size(random: &mut Random, scenario: &Scenario, bytes: u64) -> Option<u64> {
    if scenario.sizes_are_told {
        return Some(bytes);
    }
    match random.below(4) {
        0 => None,
        1 => Some(u64::MAX),
        2 => Some(1),
        _ => Some(bytes),
    }
}
