//! SNS topics.

use std::{path::PathBuf, sync::Arc, time::Duration};

use aws_sdk_sqs::types::QueueAttributeName;
use trailhouse_alert::{
    Alert, AlertFormat, SendErrorKind, Sink, Surroundings, build_routes, parse_alerts,
};
use trailhouse_aws::SnsTopics;
use trailhouse_model::EventTime;
use trailhouse_testkit::MotoServer;

use super::{
    start_moto,
    support::{clients, config},
};

/// Makes a topic and a queue that listens to it; returns the topic's ARN and the queue's URL.
async fn topic_with_queue(moto: &MotoServer, name: &str) -> (String, String) {
    let sns = aws_sdk_sns::config::Builder::from(&config(Some("us-east-1")));
    let sns = aws_sdk_sns::Client::from_conf(sns.endpoint_url(moto.url()).build());
    let sqs = aws_sdk_sqs::config::Builder::from(&config(Some("us-east-1")));
    let sqs = aws_sdk_sqs::Client::from_conf(sqs.endpoint_url(moto.url()).build());
    let is_fifo = name.ends_with(".fifo");
    let mut topic = sns.create_topic().name(name);
    let mut queue = sqs.create_queue().queue_name(name);
    if is_fifo {
        topic = topic.attributes("FifoTopic", "true");
        queue = queue.attributes(QueueAttributeName::FifoQueue, "true");
    }
    let topic = topic.send().await.unwrap().topic_arn.unwrap();
    let queue = queue.send().await.unwrap().queue_url.unwrap();
    let asked = sqs.get_queue_attributes().queue_url(&queue);
    let answer = asked.attribute_names(QueueAttributeName::QueueArn).send().await.unwrap();
    let arn = &answer.attributes.unwrap()[&QueueAttributeName::QueueArn];
    sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(arn).send().await.unwrap();
    (topic, queue)
}

async fn received(moto: &MotoServer, queue: &str) -> Vec<String> {
    let sqs = aws_sdk_sqs::config::Builder::from(&config(Some("us-east-1")));
    let sqs = aws_sdk_sqs::Client::from_conf(sqs.endpoint_url(moto.url()).build());
    let request = sqs.receive_message().queue_url(queue).max_number_of_messages(10);
    let answer = request.send().await.unwrap();
    answer.messages.unwrap_or_default().into_iter().filter_map(|message| message.body).collect()
}

fn sink(moto: &MotoServer, topic_arn: &str, format: &str) -> Arc<dyn Sink> {
    let text = format!(
        "schema = 1\n[[sink]]\nname = \"topic\"\ntype = \"sns\"\ntopic_arn = \"{topic_arn}\"\n\
         format = \"{format}\"\n"
    );
    let config = parse_alerts("alerts.toml", &text).unwrap();
    let topics = SnsTopics::new(clients(&moto.url()));
    let around =
        Surroundings { folder: PathBuf::new(), stdout: None, topics: Some(Arc::new(topics)) };
    let routes = build_routes(&config, &around).unwrap();
    Arc::clone(routes.first().expect("one sink").sink())
}

fn alert() -> Alert {
    Alert::test(EventTime::from_micros(1_700_000_000_000_000))
}

#[tokio::test]
async fn an_alert_reaches_who_listens_to_the_topic() {
    let Some(moto) = start_moto() else { return };
    let (topic, queue) = topic_with_queue(&moto, "alerts").await;
    let delivered = sink(&moto, &topic, "native").send(&alert()).await.unwrap();
    let bodies = received(&moto, &queue).await;
    let body = bodies.first().expect("the queue listens to the topic");
    let subject = "[info] Test alert: nothing was found";
    assert!(body.contains(subject), "{body}");
    assert!(body.contains(&delivered.receipt.unwrap()), "{body}");
    let escaped = trailhouse_alert::write(&AlertFormat::Native, &alert()).replace('"', "\\\"");
    assert!(body.contains(&escaped), "{body}");
    assert!(body.contains("\"severity\""), "subscriptions can filter: {body}");
}

#[tokio::test]
async fn a_topic_that_keeps_order_takes_an_alert_once() {
    let Some(moto) = start_moto() else { return };
    let (topic, queue) = topic_with_queue(&moto, "alerts.fifo").await;
    let sink = sink(&moto, &topic, "text");
    sink.send(&alert()).await.unwrap();
    sink.send(&alert()).await.unwrap();
    assert_eq!(received(&moto, &queue).await.len(), 1);
}

#[tokio::test]
async fn trouble_says_whether_to_try_again() {
    let Some(moto) = start_moto() else { return };
    let absent = "arn:aws:sns:us-east-1:123456789012:absent";
    let error = sink(&moto, absent, "native").send(&alert()).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Permanent, "{error}");
    assert!(error.reason.contains("absent"), "{error}");
    let topic = "arn:aws:sns:us-east-1:123456789012:alerts";
    let unanswered = sink(&moto, topic, "native");
    drop(moto);
    let sent = tokio::time::timeout(Duration::from_secs(60), unanswered.send(&alert())).await;
    let error = sent.expect("a refused connection is noticed").unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Retryable { .. }), "{error}");
}
