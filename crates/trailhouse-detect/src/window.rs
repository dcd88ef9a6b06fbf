//! The table `[window]`: which rows a run judges, and how often it runs.
//!
//! By arrival, a run judges the rows that came since the last one. By event time, it judges
//! periods: they step by `every` and are aligned to the Unix epoch. The period that begins at
//! `k * every` judges the events of `[end - span, end)` with `end = (k + 1) * every`.

use std::time::Duration;

use crate::{
    cron::CronExpression,
    diagnostic::Report,
    section::{Keys, Section},
    words::{JudgeWhen, WindowOn},
};

/// The longest `every` and the longest `lateness` by event time.
pub const EVENT_PERIOD_MAX: Duration = Duration::from_secs(31 * 86_400);
/// The shortest `every` by event time.
pub const EVENT_PERIOD_MIN: Duration = Duration::from_secs(60);
/// The longest `span`.
pub const SPAN_MAX: Duration = Duration::from_secs(92 * 86_400);
/// The most periods that one event may lie in: each of them is judged again when it comes late.
pub const PERIODS_OF_EVENT_MAX: u32 = 1_000;

/// The table `[window]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// By arrival or by event time.
    pub on: WindowOn,
    /// The time between two runs, and by event time the step of the periods; absent where `cron`
    /// or the runner says.
    pub every: Option<Duration>,
    /// When it runs, by arrival.
    pub cron: Option<CronExpression>,
    /// How far back `events_before` reaches.
    pub lookback: Option<Duration>,
    /// How late rows may come and still be judged in their period.
    pub lateness: Option<Duration>,
    /// How far back from its end one period reaches, by event time; `every` where it is absent.
    pub span: Option<Duration>,
    /// When a period is judged, by event time.
    pub judge: JudgeWhen,
}

/// A value of a window that does not go with the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WindowProblem {
    /// The key in the table.
    pub(crate) key: &'static str,
    pub(crate) message: String,
    pub(crate) help: &'static str,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            on: WindowOn::Arrival,
            every: None,
            cron: None,
            lookback: None,
            lateness: None,
            span: None,
            judge: JudgeWhen::Rows,
        }
    }
}

/// Periods of event time, as a detection asks for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPeriods {
    /// The step, and the distance of two runs.
    pub every: Duration,
    /// How far back from its end a period reaches.
    pub span: Duration,
    /// How late rows may come and still be judged; without a bound where it is absent.
    pub lateness: Option<Duration>,
    /// When a period is judged.
    pub judge: JudgeWhen,
}

impl Window {
    /// Returns the periods; absent where rows are judged by arrival.
    pub fn event_periods(&self) -> Option<EventPeriods> {
        match (self.on, self.every) {
            (WindowOn::Event, Some(every)) => Some(EventPeriods {
                every,
                span: self.span.unwrap_or(every),
                lateness: self.lateness,
                judge: self.judge,
            }),
            (WindowOn::Event, None) | (WindowOn::Arrival, _) => None,
        }
    }

    /// Returns what does not go together.
    pub(crate) fn problems(&self) -> Vec<WindowProblem> {
        match self.on {
            WindowOn::Arrival => self.arrival_problems(),
            WindowOn::Event => self.event_problems(),
        }
    }

    fn arrival_problems(&self) -> Vec<WindowProblem> {
        let mut problems = Vec::new();
        if self.every.is_some() && self.cron.is_some() {
            problems.push(WindowProblem {
                key: "cron",
                message: "`window.every` and `window.cron` are both given".to_owned(),
                help: "keep one of them",
            });
        }
        let mut refuse = |key: &'static str, help: &'static str| {
            let message = format!("`window.{key}` is only for `on = \"event\"`");
            problems.push(WindowProblem { key, message, help });
        };
        if self.lateness.is_some() {
            refuse("lateness", "by arrival a late row is just a new row");
        }
        if self.span.is_some() {
            refuse("span", "by arrival a run judges the rows that are new");
        }
        if self.judge == JudgeWhen::Closed {
            refuse("judge", "by arrival there is no period that could close");
        }
        problems
    }

    fn event_problems(&self) -> Vec<WindowProblem> {
        let mut problems = Vec::new();
        let mut refuse = |key: &'static str, what: &str, help: &'static str| {
            problems.push(WindowProblem { key, message: format!("`window.{key}` {what}"), help });
        };
        if self.cron.is_some() {
            refuse("cron", "is only for `on = \"arrival\"`", "periods step by `every`");
        }
        if self.lateness.is_some_and(|lateness| lateness > EVENT_PERIOD_MAX) {
            refuse("lateness", "is too long", "use at most 31d");
        }
        let Some(every) = self.every else {
            refuse("every", "is missing", "by event time, periods step by `every`");
            return problems;
        };
        if every < EVENT_PERIOD_MIN || every > EVENT_PERIOD_MAX {
            refuse("every", "is too short or too long", "by event time, use 1m to 31d");
        }
        let Some(span) = self.span else {
            return problems;
        };
        if span < every {
            refuse("span", "is shorter than `every`", "events between two periods would be lost");
        } else if span > SPAN_MAX {
            refuse("span", "is too long", "use at most 92d");
        } else if span > every.saturating_mul(PERIODS_OF_EVENT_MAX) {
            refuse("span", "is more than 1000 times `every`", "use a longer `every`");
        }
        problems
    }
}

pub(crate) const WINDOW_KEYS: Keys = Keys {
    known: &["on", "every", "cron", "lookback", "lateness", "span", "judge"],
    required: &[],
};

pub(crate) fn read_window(root: &Section<'_>, report: &mut Report<'_>) -> Window {
    let Some(section) = root.child("window", &WINDOW_KEYS, report) else {
        return Window::default();
    };
    let mistakes_before = report.mistakes();
    let on = section.choice("on", &WindowOn::ALL, WindowOn::as_str, report);
    let judge = section.choice("judge", &JudgeWhen::ALL, JudgeWhen::as_str, report);
    let window = Window {
        on: on.unwrap_or(WindowOn::Arrival),
        every: section.period("every", report),
        cron: section.parsed("cron", report, CronExpression::parse),
        lookback: section.period("lookback", report),
        lateness: section.period("lateness", report),
        span: section.period("span", report),
        judge: judge.unwrap_or(JudgeWhen::Rows),
    };
    // What a misread value would have to go with cannot be told.
    if report.mistakes() == mistakes_before {
        for problem in window.problems() {
            section.bad_value(problem.key, problem.message, problem.help, report);
        }
    }
    window
}
