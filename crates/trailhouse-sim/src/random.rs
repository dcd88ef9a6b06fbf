//! Chance: everything that a run leaves open is drawn from one generator, seeded with one number.

use std::time::Duration;

/// Odds in ten thousandths.
pub(crate) const CERTAIN: u32 = 10_000;

/// The generator xoshiro256++, seeded through splitmix64 as its authors advise.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: [u64; 4],
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut word = seed;
        Self { state: std::array::from_fn(|_| splitmix64(&mut word)) }
    }

    fn next(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let drawn = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        drawn
    }

    /// Returns a number below the bound, or 0 where the bound is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // The high half of the product is spread evenly enough for bounds far below 2^64.
        let product = u128::from(self.next()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// Returns a number between the two, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low.saturating_add(self.below(high.saturating_sub(low).saturating_add(1)))
    }

    /// Returns a small number between the two, both included.
    pub(crate) fn count(&mut self, low: u32, high: u32) -> u32 {
        u32::try_from(self.between(u64::from(low), u64::from(high))).unwrap_or(high)
    }

    /// Returns a place in a list of this length.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u64::try_from(length).unwrap_or(u64::MAX))).unwrap_or(0)
    }

    /// Says whether something of these odds happens. Nothing is drawn for what cannot happen.
    pub(crate) fn happens(&mut self, odds: u32) -> bool {
        odds > 0 && self.below(u64::from(CERTAIN)) < u64::from(odds)
    }

    /// Returns a time between the two.
    pub(crate) fn duration(&mut self, low: Duration, high: Duration) -> Duration {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.between(micros(low), micros(high)))
    }

    /// Returns how long a call takes that typically takes so long: now and then far longer.
    pub(crate) fn latency(&mut self, typical: Duration) -> Duration {
        let tail = if self.happens(CERTAIN / 64) { self.count(5, 50) } else { 1 };
        self.duration(typical / 2, typical * 2) * tail
    }

    /// Puts the list in any order.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.index(last + 1));
        }
    }
}

fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // The first outputs of the authors' C code for this state.
        let mut random = Random { state: [1, 2, 3, 4] };
        let drawn: Vec<u64> = (0..4).map(|_| random.next()).collect();
        assert_eq!(drawn, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn draws_stay_within_their_bounds() {
        let mut random = Random::new(7);
        assert!((0..1_000).all(|_| (3..=5).contains(&random.between(3, 5))));
        assert_eq!(random.below(0), 0);
        assert!((0..1_000).all(|_| !random.happens(0) && random.happens(CERTAIN)));
        let mut list: Vec<u32> = (0..20).collect();
        random.shuffle(&mut list);
        list.sort_unstable();
        assert!((0..20).eq(list));
    }
}
