//! What a run may look like, and what one run looks like.

use std::{ops::Range, time::Duration};

use trailhouse_ingest::IngestLimits;

use crate::{
    fault::Fault,
    random::{CERTAIN, Random},
};

/// Bounds on what the runs look like. One plan and one seed are one run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Ingesters at the same time, at most.
    pub ingesters_max: u32,
    /// Objects, at most.
    pub objects_max: u32,
    /// How long there is trouble, at most.
    pub trouble_max: Duration,
    /// Which faults a run may have.
    pub faults: Vec<Fault>,
    /// How often the sender sends each message, at most.
    pub copies_max: u32,
    /// How long after the last trouble everything must be done.
    pub drain_max: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            ingesters_max: 8,
            objects_max: 40,
            trouble_max: Duration::from_secs(20 * 60),
            faults: Fault::ALL.to_vec(),
            copies_max: 5,
            drain_max: Duration::from_secs(20 * 60),
        }
    }
}

impl Plan {
    /// Returns the plan of a world where nothing but this goes wrong.
    #[must_use]
    pub fn with_only(self, faults: &[Fault]) -> Self {
        Self { faults: faults.to_vec(), ..self }
    }
}

/// From when until when something is so.
pub(crate) type Window = Range<Duration>;

/// What one run looks like.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) ingesters: usize,
    pub(crate) objects: u32,
    /// The limits to which every machine is held.
    pub(crate) limits: IngestLimits,
    pub(crate) visibility: Duration,
    /// Deliveries after which the queue puts a message aside.
    pub(crate) receives_max: Option<u32>,
    /// Whether the queue keeps the order in groups.
    pub(crate) is_fifo: bool,
    /// How often the sender sends each message, at most.
    pub(crate) copies_max: u32,
    /// How long messages are being sent.
    pub(crate) sending: Duration,
    /// When the trouble ends.
    pub(crate) calm_at: Duration,
    /// Whether notifications always tell the true size.
    pub(crate) sizes_are_told: bool,
}

impl Scenario {
    pub(crate) fn draw(random: &mut Random, plan: &Plan) -> Self {
        let ingesters = usize::try_from(random.between(1, u64::from(plan.ingesters_max)));
        let visibility = Duration::from_secs(random.between(30, 300));
        let calm_at = random.duration(plan.trouble_max / 10, plan.trouble_max);
        let receives_max = random.happens(CERTAIN / 2).then(|| random.count(3, 10));
        Self {
            ingesters: ingesters.unwrap_or(1),
            objects: random.count(1, plan.objects_max),
            limits: draw_limits(random, visibility, receives_max),
            visibility,
            receives_max,
            is_fifo: random.happens(CERTAIN / 5),
            copies_max: if random.happens(CERTAIN / 4) { plan.copies_max } else { 1 },
            sending: random.duration(Duration::ZERO, calm_at / 2),
            calm_at,
            sizes_are_told: random.happens(CERTAIN / 2),
        }
    }

    /// Draws a time of trouble of one kind.
    pub(crate) fn draw_window(&self, random: &mut Random) -> Window {
        let from = random.duration(Duration::ZERO, self.calm_at);
        from..random.duration(from, self.calm_at)
    }
}

/// Small limits are reached often.
fn draw_limits(
    random: &mut Random,
    visibility: Duration,
    receives_max: Option<u32>,
) -> IngestLimits {
    let batch_inflated_bytes_max = random.between(1, 60_000);
    IngestLimits {
        messages_per_receive: u8::try_from(random.between(1, 10)).unwrap_or(10),
        receives_in_flight_max: random.count(1, 3),
        messages_in_flight_max: random.count(1, 30),
        objects_in_flight_max: random.count(1, 20),
        objects_per_look_up_max: random.count(1, 10),
        isolate_receive_count: receives_max.map(|most| most - 1),
        fetches_in_flight_max: random.count(1, 8),
        fetch_window_first: random.count(1, 8),
        circuit_messages_max: random.count(1, 30),
        circuit_denials_max: random.count(1, 4),
        bytes_in_flight_max: random.between(1, 200_000),
        compressed_bytes_max: COMPRESSED_BYTES_MAX,
        batch_inflated_bytes_max,
        batch_objects_max: random.count(1, 12),
        batch_linger_max: random.duration(Duration::from_millis(1), Duration::from_secs(15)),
        visibility: Some(visibility),
        acknowledges_in_flight_max: random.count(1, 4),
        quarantine_entries_max: random.count(1, 5),
        ..IngestLimits::default()
    }
}

/// The largest object that is read.
pub(crate) const COMPRESSED_BYTES_MAX: u64 = 20_000;
