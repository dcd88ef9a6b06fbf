//! Chance that can be repeated: the same seed gives the same numbers.

/// A sequence of numbers that one seed decides (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Starts the sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Returns the next number.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        let span = high.saturating_sub(low).saturating_add(1);
        low.saturating_add(self.number() % span.max(1))
    }

    /// Says yes so many times out of a thousand.
    pub fn per_mille(&mut self, times: u16) -> bool {
        self.number() % 1_000 < u64::from(times)
    }

    /// Returns one of the items; `None` where there is none.
    pub fn choice<'items, T>(&mut self, items: &'items [T]) -> Option<&'items T> {
        let length = u64::try_from(items.len()).unwrap_or(u64::MAX);
        let index = self.number().checked_rem(length)?;
        items.get(usize::try_from(index).ok()?)
    }

    /// Puts the items in another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        let mut rest = items;
        while let Some(last) = u64::try_from(rest.len()).ok().and_then(|n| n.checked_sub(1)) {
            let other = usize::try_from(self.between(0, last)).unwrap_or(0);
            rest.swap(0, other);
            rest = rest.get_mut(1..).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_sequence() {
        let numbers = |seed| {
            let mut random = Random::new(seed);
            [random.number(), random.number(), random.number()]
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
    }

    #[test]
    fn shuffled_items_are_the_same_items() {
        let mut items: Vec<u32> = (0..50).collect();
        Random::new(3).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
