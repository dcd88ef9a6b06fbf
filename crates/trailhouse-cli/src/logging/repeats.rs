//! Holds back repeated warnings and errors: what goes wrong once goes wrong a thousand times.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tracing::{
    Event, Level, Subscriber,
    callsite::Identifier,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Layer};

use super::CONSOLE;

/// Lines of one kind that pass in one window.
const PASSES_MAX: u32 = 5;
/// From the first line of a kind until it passes again.
const WINDOW: Duration = Duration::from_secs(60);
/// How often what was held back is reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// Kinds of lines that are told apart; further ones count as one.
const KINDS_MAX: usize = 1_000;
/// Fields that take few values and mean another kind of trouble each.
const KIND_FIELDS: [&str; 4] = ["call", "kind", "reason", "outcome"];
/// What is kept of the text of a kind.
const TEXT_CHARS_MAX: usize = 200;
/// The target of the reports, which must not be held back themselves.
const REPORTS: &str = "trailhouse::repeats";

/// Lines of one kind come from one place and have one message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    place: Option<Identifier>,
    text: String,
}

#[derive(Debug)]
struct Seen {
    since: Instant,
    passed: u32,
    suppressed: u64,
}

/// So many lines of a kind were held back.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Suppressed {
    text: String,
    repeats: u64,
}

/// Decides which lines pass. Reads no clock.
#[derive(Debug, Default)]
struct Repeats {
    seen: HashMap<Kind, Seen>,
}

impl Repeats {
    /// Says whether the line passes.
    fn admits(&mut self, now: Instant, kind: Kind) -> bool {
        let is_full = self.seen.len() >= KINDS_MAX && !self.seen.contains_key(&kind);
        let kind =
            if is_full { Kind { place: None, text: "further messages".to_owned() } } else { kind };
        let first = Seen { since: now, passed: 0, suppressed: 0 };
        let seen = self.seen.entry(kind).or_insert(first);
        if now.saturating_duration_since(seen.since) >= WINDOW && seen.suppressed == 0 {
            *seen = Seen { since: now, passed: 0, suppressed: 0 };
        }
        if seen.passed < PASSES_MAX {
            seen.passed += 1;
            return true;
        }
        seen.suppressed = seen.suppressed.saturating_add(1);
        false
    }

    /// Forgets the windows that are over and returns what they held back.
    fn take_due(&mut self, now: Instant) -> Vec<Suppressed> {
        self.take(|seen| now.saturating_duration_since(seen.since) >= WINDOW)
    }

    fn take(&mut self, is_due: impl Fn(&Seen) -> bool) -> Vec<Suppressed> {
        let due = self.seen.extract_if(|_, seen| is_due(seen));
        let held_back = due.filter(|(_, seen)| seen.suppressed > 0);
        let mut all: Vec<Suppressed> = held_back
            .map(|(kind, seen)| Suppressed { text: kind.text, repeats: seen.suppressed })
            .collect();
        all.sort_unstable_by(|one, other| one.text.cmp(&other.text));
        all
    }
}

/// The layer that holds back. All clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct RepeatLimit(Arc<Mutex<Repeats>>);

impl RepeatLimit {
    /// Reports what is held back, again and again.
    pub(crate) async fn report(self) {
        loop {
            tokio::time::sleep(REPORT_INTERVAL).await;
            let due = self.repeats().take_due(now());
            tell(due);
        }
    }

    /// Reports everything that was held back and not reported.
    pub(crate) fn finish(&self) {
        let rest = self.repeats().take(|_| true);
        tell(rest);
    }

    fn repeats(&self) -> MutexGuard<'_, Repeats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for RepeatLimit {
    fn event_enabled(&self, event: &Event<'_>, _context: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        let is_trouble = *metadata.level() <= Level::WARN;
        if !is_trouble || [CONSOLE, REPORTS].contains(&metadata.target()) {
            return true;
        }
        let mut text = KindText(String::new());
        event.record(&mut text);
        let text: String = text.0.chars().take(TEXT_CHARS_MAX).collect();
        let kind = Kind { place: Some(metadata.callsite()), text };
        self.repeats().admits(now(), kind)
    }
}

/// Collects what tells one kind of line from another.
struct KindText(String);

impl Visit for KindText {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let name = field.name();
        if name == "message" {
            self.0.insert_str(0, &format!("{value:?}"));
        } else if KIND_FIELDS.contains(&name) {
            self.0.push_str(&format!(" {name}={value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

fn tell(all: Vec<Suppressed>) {
    for Suppressed { text, repeats } in all {
        tracing::warn!(target: REPORTS, repeats, of = text, "suppressed repeats of a message");
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn kind(text: &str) -> Kind {
        Kind { place: None, text: text.to_owned() }
    }

    fn suppressed(text: &str, repeats: u64) -> Suppressed {
        Suppressed { text: text.to_owned(), repeats }
    }

    #[test]
    fn five_lines_pass_a_minute_and_the_rest_is_counted() {
        let start = Instant::now();
        let mut repeats = Repeats::default();
        let passed = (0..40_u64)
            .filter(|second| repeats.admits(start + Duration::from_secs(*second), kind("a")))
            .count();
        assert_eq!(passed, 5);
        assert!(repeats.admits(start, kind("b")), "another message is another kind");
        assert_eq!(repeats.take_due(start + WINDOW - Duration::from_secs(1)), []);
        assert_eq!(repeats.take_due(start + WINDOW), [suppressed("a", 35)]);
        assert_eq!(repeats.take_due(start + WINDOW), [], "once");
        assert!(repeats.admits(start + WINDOW, kind("a")));
    }

    #[test]
    fn a_line_now_and_then_always_passes() {
        let start = Instant::now();
        let mut repeats = Repeats::default();
        for minute in 0..20 {
            assert!(repeats.admits(start + WINDOW * minute, kind("a")));
        }
    }

    #[test]
    fn endless_kinds_take_no_endless_memory() {
        let start = Instant::now();
        let mut repeats = Repeats::default();
        let count = KINDS_MAX + 100;
        let passed =
            (0..count).filter(|index| repeats.admits(start, kind(&index.to_string()))).count();
        assert_eq!((passed, repeats.seen.len()), (KINDS_MAX + 5, KINDS_MAX + 1));
        assert_eq!(repeats.take_due(start + WINDOW), [suppressed("further messages", 95)]);
        assert!(repeats.seen.is_empty());
    }

    /// Counts what reaches it.
    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Heard {
        fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
            let mut text = String::new();
            let mut visitor = |field: &Field, value: &dyn fmt::Debug| {
                text.push_str(&format!("{}={value:?} ", field.name()));
            };
            event.record(&mut visitor as &mut dyn Visit);
            self.0.lock().unwrap().push(text);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_layer_reports_what_it_held_back() {
        let (limit, heard) = (RepeatLimit::default(), Heard::default());
        let subscriber = tracing_subscriber::registry().with(heard.clone()).with(limit.clone());
        let _guard = tracing::subscriber::set_default(subscriber);
        for number in 0..100 {
            for call in ["receive", "fetch"] {
                tracing::warn!(call, number, "call failed");
            }
            tracing::info!(number, "committed");
        }
        let lines = || heard.0.lock().unwrap().len();
        assert_eq!(lines(), 5 + 5 + 100, "information is not held back");
        let ended = tokio::time::timeout(WINDOW * 2, limit.clone().report()).await;
        assert!(ended.is_err(), "it reports for ever");
        let heard_last = heard.0.lock().unwrap().split_off(110);
        let report = |call: &str| {
            format!(
                "message=suppressed repeats of a message repeats=95 of=\"call failed call={call}\" "
            )
        };
        assert_eq!(heard_last, [report("fetch"), report("receive")]);
        limit.finish();
        assert_eq!(lines(), 110, "nothing is left to report");
    }
}
