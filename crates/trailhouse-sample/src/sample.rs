//! What comes out: objects as CloudTrail delivers them, and which of their events are the attack.

use trailhouse_model::EventTime;

use crate::{
    attack, digest, insight,
    objects::{self, Delivered},
    organization::{ACCOUNTS, SampleAccount},
    scene,
    tape::Tape,
    when::event_time,
};

/// The organisation's two weeks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Every delivered object, in the order of delivery.
    pub objects: Vec<SampleObject>,
    /// The steps of the attack, in the order in which they happen.
    pub labels: Vec<Label>,
    /// The accounts of the organisation.
    pub accounts: Vec<SampleAccount>,
    /// When the first event happens.
    pub first_event_time: EventTime,
    /// When the last event happens.
    pub last_event_time: EventTime,
    /// The records of all log and insight objects together; digests hold none.
    pub events: u64,
}

/// One object as CloudTrail delivers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleObject {
    /// The key in the bucket of an organisation's trail.
    pub key: String,
    /// The object itself, gzip.
    pub body: Vec<u8>,
}

/// Says that an event is a step of the attack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The `eventID` of the record.
    pub event_id: String,
    /// What the intruder does, in a few words.
    pub step: &'static str,
    /// What a detection that finds it is about.
    pub theme: Theme,
}

/// What the steps of the attack are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Theme {
    /// Looking around, with and without success.
    Discovery,
    /// Keys and users made for later.
    Credentials,
    /// From role to role and account to account.
    LateralMovement,
    /// Rights given.
    Policy,
    /// Data given away.
    Exfiltration,
    /// Data destroyed.
    Destruction,
    /// Records of all this prevented.
    Logging,
}

impl Theme {
    /// Returns the word that stands for the theme; where detections of the core pack are about it,
    /// the name of their folder.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Credentials => "credentials-and-keys",
            Self::LateralMovement => "lateral-movement",
            Self::Policy => "policy-changes",
            Self::Exfiltration => "exfiltration",
            Self::Destruction => "destructive",
            Self::Logging => "logging",
        }
    }
}

/// Makes the whole sample. The same seed makes the same records under the same keys, everywhere.
pub fn generate(seed: u64) -> Sample {
    let mut tape = Tape::new(seed);
    scene::play_ordinary_days(&mut tape);
    attack::play(&mut tape);
    let times = tape.records.iter().map(|record| record.place.at);
    let first = times.clone().min().unwrap_or_default();
    let last = times.max().unwrap_or_default();
    let mut delivered = objects::deliver(&mut tape);
    delivered.push(insight::deliver(&mut tape));
    delivered.extend(digest::deliver(&delivered));
    delivered.sort_by(|one, other| (one.at, &one.key).cmp(&(other.at, &other.key)));
    Sample {
        events: delivered.iter().map(|object| object.events).sum(),
        objects: delivered.into_iter().map(Delivered::into_object).collect(),
        labels: tape.labels,
        accounts: ACCOUNTS.to_vec(),
        first_event_time: event_time(first),
        last_event_time: event_time(last),
    }
}
