//! What a chosen place does to the process.

use std::{
    process::{self, Command},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{Failpoint, VARIABLE};

/// What happens at which place, and at the how manieth visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    place: Failpoint,
    nth: u32,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kill,
    Stop,
}

static PLAN: OnceLock<Option<Plan>> = OnceLock::new();
static VISITS: AtomicU32 = AtomicU32::new(0);

pub(crate) fn reach(place: Failpoint) {
    let Some(plan) = PLAN.get_or_init(plan_of_environment) else { return };
    if plan.place != place || VISITS.fetch_add(1, Ordering::SeqCst).saturating_add(1) != plan.nth {
        return;
    }
    match plan.fate {
        Fate::Kill => {
            signal_self("-KILL");
            // Only where the signal could not be sent: nothing may run on past the place.
            process::abort();
        }
        Fate::Stop => signal_self("-STOP"),
    }
}

/// A misspelt plan would be a test that tests nothing, so it ends the process.
fn plan_of_environment() -> Option<Plan> {
    let text = std::env::var(VARIABLE).ok()?;
    Some(Plan::parse(&text).unwrap_or_else(|| process::abort()))
}

/// The standard library sends signals to children only.
fn signal_self(signal: &str) {
    let sent = Command::new("kill").arg(signal).arg(process::id().to_string()).status();
    if !sent.is_ok_and(|status| status.success()) {
        process::abort();
    }
}

impl Plan {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let place = Failpoint::parse(parts.next()?)?;
        let nth = parts.next().map_or(Some(1), |nth| nth.parse().ok())?;
        let fate = match parts.next() {
            None | Some("kill") => Fate::Kill,
            Some("stop") => Fate::Stop,
            Some(_) => return None,
        };
        parts.next().is_none().then_some(Self { place, nth, fate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_the_place_the_visit_and_the_fate() {
        let place = Failpoint::AfterUpload;
        assert_eq!(Plan::parse("after_upload"), Some(Plan { place, nth: 1, fate: Fate::Kill }));
        assert_eq!(
            Plan::parse("after_upload:3:stop"),
            Some(Plan { place, nth: 3, fate: Fate::Stop })
        );
        for text in ["", "after", "after_upload:x", "after_upload:1:pause", "after_upload:1:kill:1"]
        {
            assert_eq!(Plan::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_place_is_found_by_its_name() {
        for place in Failpoint::ALL {
            assert_eq!(Failpoint::parse(place.as_str()), Some(place));
        }
    }
}
