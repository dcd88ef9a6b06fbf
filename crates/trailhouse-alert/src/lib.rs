//! Alerts: what is told of a finding, and to whom.
//!
//! [`Alert`] is plain data. [`build_routes`] makes sinks of an `alerts.toml`; a [`Sink`] sends an
//! alert once; [`Spool`] keeps alerts on disk until they are sent, and [`Pump`] sends them.

mod alert;
mod config;
mod egress;
mod format;
mod pump;
#[cfg(test)]
mod samples;
mod sink;
mod spool;
mod text;
mod word;

pub use trailhouse_detect::alerts::{
    AlertFormat, AlertsConfig, AsffIdentity, SinkConfig, parse_alerts,
};

pub use alert::{Alert, AlertDetection, AlertKind, AlertTechnique, EVENT_IDS_MAX};
pub use config::{
    ALERTS_FILE, AlertsError, Route, SetupReason, SinkSetupError, Surroundings, build_routes,
    load_routes,
};
pub use egress::{AddressKind, EgressError, EgressPolicy, Transport};
pub use format::{Template, TemplateError, write};
pub use pump::{Clock, DrainReport, Pump, PumpError, PumpOptions, SinkHealth};
pub use sink::{
    Delivered, LineWriter, SendError, SendErrorKind, Sink, TopicMessage, TopicOrder, TopicPublisher,
};
pub use spool::{
    DeadAlert, Enqueued, EntryId, EntryIdError, PendingAlert, Spool, SpoolDepth, SpoolError,
    SpoolOptions,
};
