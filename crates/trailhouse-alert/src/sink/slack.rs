//! Slack, by an incoming webhook.

use async_trait::async_trait;

use super::{Delivered, SendError, Sink, http::HttpTarget, webhook::json_headers};
use crate::{Alert, format::slack, text::json_line};

/// Posts alerts to the channel of an incoming webhook.
#[derive(Debug)]
pub(crate) struct SlackSink {
    pub(crate) name: String,
    pub(crate) target: HttpTarget,
}

#[async_trait]
impl Sink for SlackSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn send(&self, alert: &Alert) -> Result<Delivered, SendError> {
        let body = json_line(&slack::value(alert));
        self.target.post(json_headers(alert), body).await.map(|()| Delivered::default())
    }
}
