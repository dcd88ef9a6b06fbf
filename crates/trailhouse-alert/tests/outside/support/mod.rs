//! What the integration tests share.

mod http_server;

use std::{path::Path, sync::Arc};

pub(crate) use http_server::{Answer, HttpServer};
use trailhouse_alert::{Alert, LineWriter, Sink, Surroundings, build_routes, parse_alerts};

pub(crate) struct NoOutput;

impl LineWriter for NoOutput {
    fn write(&self, _: &str) -> std::io::Result<()> {
        Ok(())
    }
}

/// Makes the sinks of a configuration whose `schema` is left out.
pub(crate) fn routes(folder: &Path, text: &str) -> Vec<Arc<dyn Sink>> {
    let config = parse_alerts("alerts.toml", &format!("schema = 1\n{text}"));
    let config = config.unwrap_or_else(|errors| panic!("{}", errors.first.rendered));
    let around =
        Surroundings { folder: folder.to_owned(), stdout: Some(Arc::new(NoOutput)), topics: None };
    let routes = build_routes(&config, &around).unwrap();
    routes.iter().map(|route| Arc::clone(route.sink())).collect()
}

pub(crate) fn alert() -> Alert {
    serde_json::from_str(include_str!("../alert.json")).unwrap()
}
