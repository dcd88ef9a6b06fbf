//! One Insights object: refusals came faster than usual while the intruder looked around.

use crate::{
    attack::ATTACK_STARTS,
    json::{Object, list},
    objects::{Delivered, key},
    organization::{HOME_REGION, STAGING},
    service::SECRETS,
    tape::Tape,
    when::{MINUTE, file_minute, iso},
};

pub(crate) fn deliver(tape: &mut Tape) -> Delivered {
    let (starts, ends) = (ATTACK_STARTS, ATTACK_STARTS + 5 * MINUTE);
    let at = ends + 25 * MINUTE;
    let shared = tape.random.uuid();
    let records = [
        record(&tape.random.uuid(), &shared, "Start", starts),
        record(&tape.random.uuid(), &shared, "End", ends),
    ];
    let rest = format!("{}_{}.json.gz", file_minute(at), tape.random.mixed(16));
    Delivered {
        at,
        account: STAGING,
        region: HOME_REGION,
        key: key(STAGING, "CloudTrail-Insight", HOME_REGION, at, &rest),
        text: format!(r#"{{"Records":{}}}"#, list(records)),
        events: 2,
        span: (starts, ends),
    }
}

fn record(event_id: &str, shared: &str, state: &str, at: i64) -> String {
    let statistics = r#"{"baseline":{"average":0.0007},"insight":{"average":0.4},"insightDuration":5,"baselineDuration":10073}"#;
    let attributions = format!(
        r#"[{{"attribute":"userIdentityArn","insight":[{{"value":"{}","average":0.4}}],"baseline":[]}}]"#,
        STAGING.user_arn("alice")
    );
    let context = Object::new().raw("statistics", statistics).raw("attributions", &attributions);
    let details = Object::with_capacity(600)
        .text("state", state)
        .text("eventSource", &SECRETS.source())
        .text("eventName", "ListSecrets")
        .text("insightType", "ApiErrorRateInsight")
        .text("errorCode", "AccessDeniedException")
        .raw("insightContext", &context.end())
        .end();
    Object::with_capacity(1000)
        .text("eventVersion", "1.09")
        .text("eventTime", &iso(at))
        .text("awsRegion", HOME_REGION)
        .text("eventID", event_id)
        .text("eventType", "AwsCloudTrailInsight")
        .text("recipientAccountId", STAGING.id)
        .text("sharedEventID", shared)
        .raw("insightDetails", &details)
        .text("eventCategory", "Insight")
        .end()
}
