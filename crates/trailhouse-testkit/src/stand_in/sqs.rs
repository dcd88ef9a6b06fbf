//! The JSON protocol of SQS.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    Shared,
    http::{Request, Response},
    queue::Delivered,
};

/// A single pass asks for a wait of a second, because SQS has many servers. Here an empty answer
/// means an empty queue at once.
const WAIT_SECONDS_IGNORED: u64 = 1;
const SENT_AT_MS: &str = "1780308000000";

pub(super) fn answer(shared: &Shared, request: &Request) -> Response {
    let target = request.header("x-amz-target").unwrap_or_default();
    let Ok(input) = serde_json::from_slice::<Value>(&request.body) else {
        return refusal(400, "MalformedQueryString");
    };
    match target.strip_prefix("AmazonSQS.").unwrap_or_default() {
        "ReceiveMessage" => receive(shared, &input),
        "DeleteMessageBatch" => delete_batch(shared, &input),
        "ChangeMessageVisibility" => change_visibility(shared, &input),
        "GetQueueAttributes" => attributes(shared),
        _ => refusal(400, "UnknownOperationException"),
    }
}

pub(super) fn refusal(status: u16, code: &str) -> Response {
    let kind = format!("com.amazonaws.sqs#{code}");
    respond(status, &json!({ "__type": kind, "message": "stand-in" }))
}

fn respond(status: u16, body: &Value) -> Response {
    Response {
        status,
        content_type: "application/x-amz-json-1.0",
        body: body.to_string().into_bytes(),
        is_cut_off: false,
    }
}

fn receive(shared: &Shared, input: &Value) -> Response {
    let number = |name: &str, default| input[name].as_u64().unwrap_or(default);
    let messages_max = usize::try_from(number("MaxNumberOfMessages", 1)).unwrap_or(1);
    let visibility = Duration::from_secs(number("VisibilityTimeout", 30));
    let wait = number("WaitTimeSeconds", 0);
    let wait = if wait > WAIT_SECONDS_IGNORED { Duration::from_secs(wait) } else { Duration::ZERO };
    let gives_up_at = Instant::now() + wait;
    let mut state = shared.lock();
    let also_leased = {
        let times = state.faults.delivered_twice;
        state.random.per_mille(times)
    };
    loop {
        let now = Instant::now();
        let delivered = state.queue.receive(messages_max, visibility, also_leased, now);
        if !delivered.is_empty() || now >= gives_up_at {
            state.counts.deliveries += u64::try_from(delivered.len()).unwrap_or(u64::MAX);
            let messages: Vec<Value> = delivered.iter().map(message).collect();
            return respond(200, &json!({ "Messages": messages }));
        }
        let waited = shared.changed.wait_timeout(state, gives_up_at - now);
        (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
    }
}

fn message(delivered: &Delivered) -> Value {
    json!({
        "MessageId": delivered.id,
        "ReceiptHandle": delivered.receipt,
        "Body": delivered.body,
        "Attributes": {
            "SentTimestamp": SENT_AT_MS,
            "ApproximateReceiveCount": delivered.receives.to_string(),
        },
    })
}

/// A stale receipt is answered either way, as SQS does it.
fn delete_batch(shared: &Shared, input: &Value) -> Response {
    let mut state = shared.lock();
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in input["Entries"].as_array().into_iter().flatten() {
        let times = state.faults.partial_delete;
        let id = &entry["Id"];
        if state.random.per_mille(times) {
            failed.push(json!({ "Id": id, "Code": "InternalError", "SenderFault": false }));
            continue;
        }
        let deleted = state.queue.delete(entry["ReceiptHandle"].as_str().unwrap_or_default());
        if deleted.is_ok() || state.random.per_mille(500) {
            successful.push(json!({ "Id": id }));
        } else {
            failed.push(json!({ "Id": id, "Code": "ReceiptHandleIsInvalid", "SenderFault": true }));
        }
    }
    respond(200, &json!({ "Successful": successful, "Failed": failed }))
}

fn change_visibility(shared: &Shared, input: &Value) -> Response {
    let receipt = input["ReceiptHandle"].as_str().unwrap_or_default();
    let visibility = Duration::from_secs(input["VisibilityTimeout"].as_u64().unwrap_or(0));
    let changed = shared.lock().queue.change_visibility(receipt, visibility, Instant::now());
    shared.changed.notify_all();
    match changed {
        Ok(()) => respond(200, &json!({})),
        Err(_) => refusal(400, "MessageNotInflight"),
    }
}

fn attributes(shared: &Shared) -> Response {
    let depth = shared.lock().queue.depth();
    let attributes = json!({
        "ApproximateNumberOfMessages": depth.waiting.to_string(),
        "ApproximateNumberOfMessagesNotVisible": depth.leased.to_string(),
    });
    respond(200, &json!({ "Attributes": attributes }))
}
