//! How many downloads at the same time: found by itself, half as many when the store asks to slow
//! down. Until it first does, one more for each that succeeds; from then on, one more for each full
//! window that succeeds.

/// The place of a download among all that were begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FetchNumber(u64);

/// The size of the window. It stays between one and its limit.
#[derive(Debug)]
pub(crate) struct FetchWindow {
    size: u32,
    size_max: u32,
    /// Downloads that succeeded since the size changed.
    successes: u32,
    next: FetchNumber,
    /// The first download that was begun after the last cut; nothing while there was none.
    since_cut: Option<FetchNumber>,
}

impl FetchWindow {
    pub(crate) fn new(size_first: u32, size_max: u32) -> Self {
        let size_max = size_max.max(1);
        let size = size_first.clamp(1, size_max);
        Self { size, size_max, successes: 0, next: FetchNumber::default(), since_cut: None }
    }

    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    /// Returns the number that the next download gets.
    pub(crate) fn next(&self) -> FetchNumber {
        self.next
    }

    pub(crate) fn is_within_limits(&self) -> bool {
        (1..=self.size_max).contains(&self.size)
    }

    /// Counts a download that begins.
    pub(crate) fn begin(&mut self) -> FetchNumber {
        let number = self.next;
        self.next = FetchNumber(number.0.saturating_add(1));
        number
    }

    pub(crate) fn succeeded(&mut self, number: FetchNumber) {
        if self.is_before_cut(number) {
            return;
        }
        self.successes = self.successes.saturating_add(1);
        if self.successes >= self.size || self.since_cut.is_none() {
            self.size = self.size.saturating_add(1).min(self.size_max);
            self.successes = 0;
        }
    }

    /// Halves the window, once for all that were under way together: what was begun before the last
    /// cut says nothing about the size since.
    pub(crate) fn throttled(&mut self, number: FetchNumber) {
        if self.is_before_cut(number) {
            return;
        }
        self.size = (self.size / 2).max(1);
        self.successes = 0;
        self.since_cut = Some(self.next);
    }

    fn is_before_cut(&self, number: FetchNumber) -> bool {
        self.since_cut.is_some_and(|since| number < since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(window: &mut FetchWindow, count: usize) -> Vec<FetchNumber> {
        (0..count).map(|_| window.begin()).collect()
    }

    #[test]
    fn each_success_opens_it_until_the_first_throttle() {
        let mut window = FetchWindow::new(2, 6);
        for size in [3, 4, 5, 6, 6] {
            let number = window.begin();
            window.succeeded(number);
            assert_eq!(window.size(), size);
        }
    }

    #[test]
    fn after_a_throttle_a_full_window_of_successes_opens_it_by_one() {
        let mut window = FetchWindow::new(4, 4);
        let number = window.begin();
        window.throttled(number);
        for (successes, size) in [(1, 2), (1, 3), (2, 3), (1, 4), (100, 4)] {
            for number in begin(&mut window, successes) {
                window.succeeded(number);
            }
            assert_eq!(window.size(), size);
        }
    }

    #[test]
    fn many_throttles_of_one_window_halve_it_once() {
        let mut window = FetchWindow::new(8, 64);
        let numbers = begin(&mut window, 8);
        for number in &numbers {
            window.throttled(*number);
        }
        assert_eq!(window.size(), 4);
        window.succeeded(numbers[0]);
        let later = window.begin();
        window.throttled(later);
        assert_eq!(window.size(), 2);
    }

    #[test]
    fn it_never_closes() {
        let mut window = FetchWindow::new(0, 0);
        for _ in 0..10 {
            let number = window.begin();
            window.throttled(number);
            assert_eq!(window.size(), 1);
            assert!(window.is_within_limits());
        }
    }
}
