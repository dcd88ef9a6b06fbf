//! Delays that are unlike those of others, so that callers that failed together do not come back
//! together.

use std::time::Duration;

/// A small generator (SplitMix64). It spreads delays; nothing secret may rest on it.
#[derive(Debug, Clone)]
pub(crate) struct Jitter {
    state: u64,
}

impl Jitter {
    /// Makes a generator whose numbers follow from the name alone.
    pub(crate) fn seeded(name: &str) -> Self {
        // FNV-1a: names that differ in one letter begin far apart.
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self { state: name.bytes().fold(0xcbf2_9ce4_8422_2325, fold) }
    }

    /// Draws a duration evenly from above zero up to and including `longest`.
    pub(crate) fn up_to(&mut self, longest: Duration) -> Duration {
        let longest_ns = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        if longest_ns == 0 {
            return Duration::ZERO;
        }
        let scaled = (u128::from(self.draw()) * u128::from(longest_ns)) >> 64;
        let below_ns = u64::try_from(scaled).unwrap_or(longest_ns - 1);
        Duration::from_nanos(below_ns + 1)
    }

    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_millis(1_000);

    fn delays(name: &str) -> Vec<Duration> {
        let mut jitter = Jitter::seeded(name);
        (0..1_000).map(|_| jitter.up_to(LONGEST)).collect()
    }

    #[test]
    fn the_same_name_gives_the_same_delays() {
        assert_eq!(delays("run"), delays("run"));
        assert_ne!(delays("run1"), delays("run2"));
    }

    #[test]
    fn delays_are_spread_over_the_whole_range() {
        let delays = delays("run");
        assert!(delays.iter().all(|delay| !delay.is_zero() && *delay <= LONGEST));
        for tenth in 0..10 {
            let range = LONGEST * tenth / 10..LONGEST * (tenth + 1) / 10;
            let count = delays.iter().filter(|delay| range.contains(delay)).count();
            assert!((50..200).contains(&count), "{count} of 1,000 in {range:?}");
        }
    }

    #[test]
    fn extremes_do_not_overflow() {
        let mut jitter = Jitter::seeded("");
        assert_eq!(jitter.up_to(Duration::ZERO), Duration::ZERO);
        assert_eq!(jitter.up_to(Duration::from_nanos(1)), Duration::from_nanos(1));
        assert!(jitter.up_to(Duration::MAX) > Duration::ZERO);
    }
}
