//! PagerDuty, by the Events API.

use async_trait::async_trait;

use super::{Delivered, SendError, Sink, http::HttpTarget, webhook::json_headers};
use crate::{Alert, config::Secret, format::pagerduty, text::json_line};

/// Opens and updates incidents of one service.
#[derive(Debug)]
pub(crate) struct PagerDutySink {
    pub(crate) name: String,
    pub(crate) target: HttpTarget,
    pub(crate) routing_key: Secret,
}

#[async_trait]
impl Sink for PagerDutySink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, alert: &Alert) -> Result<Delivered, SendError> {
        let body = json_line(&pagerduty::value(alert, self.routing_key.reveal()));
        self.target.post(json_headers(alert), body).await.map(|()| Delivered::default())
    }
}
