//! Detections: the format of a pack, when it is run, what its rows become, and what of that alerts.
//!
//! Everything here is pure. Files come in as text, output rows come in as values; who reads the
//! files and runs the SQL is elsewhere.
//!
//! # A detection
//!
//! A detection is one SQL file with a header, its runbook and its cases:
//!
//! ```text
//! <pack>/<theme>/<name>.sql           what to find
//! <pack>/<theme>/<name>.md            what to do about it
//! <pack>/<theme>/<name>.tests.json    what it must and must not find
//! ```
//!
//! The SQL file begins with TOML in line comments, between two lines `-- +++`:
//!
//! ```sql
//! -- +++
//! -- schema          = 1                                  # required; always 1
//! -- id              = "aws.cloudtrail.trail-stopped"     # required; never reused
//! -- title           = "CloudTrail logging was stopped"   # required; one line
//! -- description     = "A trail no longer records."       # required
//! -- severity        = "high"             # required; info low medium high critical
//! -- confidence      = "medium"           # low medium high
//! -- status          = "experimental"     # draft experimental stable deprecated
//! -- mode            = "active"           # active, staging (no alerts), paused (does not run)
//! -- owner           = "detections@example.com"
//! -- created         = 2026-11-21
//! -- modified        = 2026-11-21
//! -- tags            = ["cloudtrail", "logging"]
//! -- mitre           = ["TA0112:T1685.002"]               # or only the technique
//! -- references      = ["https://docs.aws.amazon.com/awscloudtrail/"]
//! -- false_positives = ["an announced change of the trail"]
//! -- needs           = ["management"]     # what must be there for it to find anything
//! --
//! -- [window]
//! -- on       = "arrival"   # the rows new since the last run; or "event": by event time
//! -- every    = "5m"        # or by arrival cron = "*/5 * * * *", in UTC
//! -- lookback = "30d"       # what `events_before` holds
//! --                        # by event time also span, lateness and judge: see `window`
//! --
//! -- [params]
//! -- min_events = { default = 2, doc = "a single call is a mistake" }
//! --
//! -- [alert]
//! -- key        = ["recipient_account_id", "trail"]    # output columns that tell findings apart
//! -- dedupe     = "24h"                                # how long equal keys are one finding
//! -- realert    = { when = "events >= 10 * last.events" }
//! -- entity     = "user_identity_arn"                  # who or what it is about
//! -- title      = "{user_identity_arn} stopped {trail}"
//! -- max_alerts = 20
//! -- columns    = ["trail", "source_ip_address"]
//! -- +++
//! WITH params AS (SELECT 2 AS min_events)
//! SELECT ...
//! ```
//!
//! Unknown keys are errors. Periods are a number and a unit: `30s`, `5m`, `24h`, `30d`, `2w`.
//! [`read_detection`] reports every mistake with its place in the file.
//!
//! The SQL runs unchanged in other tools. So it holds no placeholders: the engine scopes the views
//! `events` (the rows to judge) and `events_before` (the lookback), and swaps the CTE `params`.
//! It holds no time bounds and nothing that reads a clock. [`lint`] has the rules.
//!
//! # What a detection outputs
//!
//! Every finding names its evidence, so the SELECT has one of two shapes:
//!
//! - one row an event: `event_id` and `event_time`;
//! - one row for many events: `event_ids` (a list), `first_event_time`, `last_event_time` and
//!   `events` (how many distinct events, even where the list is cut).
//!
//! Other columns are context. Some have a meaning of their own:
//!
//! | column | becomes |
//! | --- | --- |
//! | `severity` | the severity of this row, in place of the header's |
//! | `recipient_account_id`, `accounts` (a list) | the finding's accounts |
//! | `aws_region`, `regions` (a list) | the finding's regions |
//! | the columns of `alert.key` | what tells findings apart; by default `recipient_account_id` and `user_identity_arn`, as far as they are output |
//! | the column of `alert.entity` | who or what the finding is about; by default `user_identity_arn`, else `recipient_account_id` |
//!
//! Rows with equal keys in the same dedupe period become one [`Finding`]: the highest severity,
//! the events of all rows, each counted once, the first row by time as its sample. Periods are
//! aligned to the Unix epoch and chosen by the (first) event time of a row. The fingerprint of a
//! finding is made of detection, key and period, so it stays the same however often, in whatever
//! order and in whatever pieces the rows are judged.
//!
//! # Cases
//!
//! [`cases`] describes the file of cases; [`judge`] compares findings with a case.
//!
//! # From packs to alerts
//!
//! 1. [`Rulebook::assemble`] puts [`Pack`]s and the files of a [site](SiteRules) together.
//! 2. [`Schedule`] says which [`Rule`]s are due.
//! 3. [`FindingSet`] makes findings of what the SQL of a rule put out.
//! 4. [`Rule::except`] applies the exceptions and silences of the rule to them.
//! 5. [`decide_alerts`] says which of them alert.

pub mod alerts;
pub mod author;
pub mod cases;
pub mod catalog;
pub mod context;
pub mod cron;
pub mod definition;
pub mod diagnostic;
mod evidence;
pub mod finding;
pub mod finding_set;
mod front_matter;
pub mod gate;
pub mod lint;
mod lint_sql;
pub mod manifest;
mod period;
pub mod realert;
mod realert_parser;
pub mod rulebook;
pub mod schedule;
mod section;
pub mod site;
mod sql_shape;
mod sql_tokens;
pub mod tables;
pub mod technique;
pub mod timing;
pub mod title;
pub mod verdict;
pub mod window;
pub mod words;

pub use cases::{Case, Expectation, parse_cases};
pub use catalog::{Pack, PackEntry, PackErrors, PackQuery};
pub use cron::CronExpression;
pub use definition::{Detection, DetectionId, parse_detection, read_detection};
pub use diagnostic::{DetectionError, DetectionErrorCode, DetectionErrors};
pub use finding::{Finding, FindingError, Fingerprint, Row, findings_from};
pub use finding_set::FindingSet;
pub use gate::{AlertDecision, Candidate, Gated, NoAlert, RollUp, RunKind, decide_alerts};
pub use lint::{LintFinding, LintRule, LintSeverity, lint_detection, lint_pack};
pub use manifest::{PackManifest, parse_manifest};
pub use realert::{FindingSummary, RealertCondition, RealertError};
pub use rulebook::{Engine, Rule, Rulebook, RulebookErrors, RulebookQuery};
pub use schedule::{Due, RunOutcome, Schedule, ScheduleLimits};
pub use site::{
    SiteErrors, SiteRules,
    exception::{Exception, ExceptionId, ExceptionMode},
    hits::{Excepted, ExceptionHits},
    overlay::Overlay,
    selector::RuleSelector,
    silence::Silence,
};
pub use tables::{Alert, Param, ParamValue};
pub use technique::Technique;
pub use timing::RuleTiming;
pub use title::TitleTemplate;
pub use verdict::{CaseFailure, judge};
pub use window::{EventPeriods, Window};
pub use words::{CalendarDay, Confidence, JudgeWhen, Mode, Status, WindowOn};
