//! Sinks that speak HTTP, against a server that fails in every way it can.

use std::{fs, path::Path, sync::Arc, time::Duration};

use serde_json::Value;
use trailhouse_alert::{Delivered, SendError, SendErrorKind, Sink};

use crate::support::{Answer, HttpServer, alert, routes};

fn webhook(folder: &Path, url: &str, more: &str) -> Arc<dyn Sink> {
    let text = format!(
        "[[sink]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"{url}\"\n\
         allow_private = [\"127.0.0.0/8\"]\ntimeout = \"1s\"\n{more}"
    );
    routes(folder, &text).remove(0)
}

async fn send(answer: Answer) -> Result<Delivered, SendError> {
    let server = HttpServer::start(vec![answer]).await;
    let folder = tempfile::tempdir().unwrap();
    webhook(folder.path(), &server.url(), "").send(&alert()).await
}

async fn check(answer: Answer, expected: SendErrorKind, words: &str) {
    let error = send(answer.clone()).await.unwrap_err();
    assert_eq!(error.kind, expected, "{answer:?}: {error}");
    assert!(error.reason.contains(words), "{answer:?}: {error}");
    assert!(!error.reason.contains("/hook"), "the URL may be a secret: {error}");
}

const AGAIN: SendErrorKind = SendErrorKind::Retryable { after: None };

#[tokio::test]
async fn success_is_success_whatever_the_body() {
    for status in [200, 201, 202, 204] {
        send(Answer::status(status)).await.unwrap();
    }
    send(Answer::CutOff { status: 200 }).await.unwrap();
    send(Answer::Endless { status: 200 }).await.unwrap();
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    for status in [408, 409, 425, 429, 500, 502, 503, 504] {
        check(Answer::status(status), AGAIN, &status.to_string()).await;
    }
    check(Answer::Hang, AGAIN, "").await;
    check(Answer::Close, AGAIN, "").await;
    check(Answer::CutOff { status: 500 }, AGAIN, "500").await;
    check(Answer::Endless { status: 503 }, AGAIN, "503").await;
    check(Answer::NotHttp, AGAIN, "").await;
}

#[tokio::test]
async fn the_server_says_when_to_come_back() {
    let after = Some(Duration::from_secs(17));
    let told = SendErrorKind::Retryable { after };
    for status in [429, 503] {
        check(Answer::with_header(status, "retry-after", "17"), told, "").await;
    }
}

#[tokio::test]
async fn what_will_not_pass_is_not_tried_again() {
    for status in [401, 403, 404, 405, 410, 418] {
        check(Answer::status(status), SendErrorKind::Permanent, "").await;
    }
    for status in [400, 413, 422] {
        check(Answer::status(status), SendErrorKind::Rejected, "").await;
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let server = HttpServer::start(Vec::new()).await;
        for target in [server.url(), "http://169.254.169.254/latest/".to_owned()] {
            let answer = Answer::with_header(status, "location", &target);
            check(answer, SendErrorKind::Permanent, "redirects are not followed").await;
        }
        assert!(server.requests().is_empty());
    }
}

#[tokio::test]
async fn a_refused_connection_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = HttpServer::start(Vec::new()).await;
    let url = server.url();
    drop(server);
    let error = webhook(folder.path(), &url, "").send(&alert()).await.unwrap_err();
    assert_eq!(error.kind, AGAIN, "{error}");
}

#[tokio::test]
async fn an_address_that_is_not_allowed_gets_no_connection() {
    let folder = tempfile::tempdir().unwrap();
    let server = HttpServer::start(Vec::new()).await;
    let port = server.address().port();
    for host in ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"] {
        let text = format!(
            "[[sink]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"http://{host}:{port}/hook\"\n"
        );
        let error = routes(folder.path(), &text).remove(0).send(&alert()).await.unwrap_err();
        assert_eq!(error.kind, SendErrorKind::Permanent, "{host}: {error}");
        assert!(error.reason.contains("allow_private"), "{host}: {error}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_webhook_carries_headers_template_and_key() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "s3cret\n").unwrap();
    fs::write(folder.path().join("hook.json"), r#"{"what":"{{title}}","n":"{{events}}"}"#).unwrap();
    let server = HttpServer::start(Vec::new()).await;
    let more = "template = \"hook.json\"\nheaders = { x-team = \"soc\", x-token = { file = \"token\" } }\n";
    let sink = webhook(folder.path(), &server.url(), more);
    assert!(!format!("{sink:?}").contains("s3cret"), "{sink:?}");
    sink.send(&alert()).await.unwrap();
    let request = server.requests().remove(0);
    assert_eq!(request.body, r#"{"what":"alice stopped org-trail","n":3}"#);
    assert_eq!(request.header("x-team"), "soc");
    assert_eq!(request.header("x-token"), "s3cret");
    assert_eq!(request.header("idempotency-key"), "4f1c-new");
    assert_eq!(request.header("content-type"), "application/json");
}

#[tokio::test]
async fn slack_gets_blocks_and_pagerduty_an_event() {
    let folder = tempfile::tempdir().unwrap();
    let server = HttpServer::start(Vec::new()).await;
    fs::write(folder.path().join("url"), server.url()).unwrap();
    fs::write(folder.path().join("key"), "R0UT1NG").unwrap();
    let text = format!(
        "[[sink]]\nname = \"slack\"\ntype = \"slack\"\nurl_file = \"url\"\n\
         allow_private = [\"127.0.0.1\"]\n\
         [[sink]]\nname = \"pager\"\ntype = \"pagerduty\"\nrouting_key_file = \"key\"\n\
         url = \"{}\"\nallow_private = [\"127.0.0.1\"]\n",
        server.url()
    );
    for sink in routes(folder.path(), &text) {
        assert!(!format!("{sink:?}").contains("R0UT1NG"), "{sink:?}");
        sink.send(&alert()).await.unwrap();
    }
    let bodies: Vec<Value> = server
        .requests()
        .iter()
        .map(|request| serde_json::from_str(&request.body).unwrap())
        .collect();
    assert_eq!(bodies[0]["blocks"][0]["type"], "header");
    assert_eq!(bodies[1]["routing_key"], "R0UT1NG");
    assert_eq!(bodies[1]["dedup_key"], "4f1c");
}

#[tokio::test]
async fn a_proxy_is_used_where_one_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    // Refuses to tunnel; that it was asked is what counts.
    let proxy = HttpServer::start(vec![Answer::status(502)]).await;
    let text = format!(
        "[[sink]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"https://hooks.example/x\"\n\
         proxy = \"http://{}\"\nallow_private = [\"127.0.0.1\"]\n",
        proxy.address()
    );
    let error = routes(folder.path(), &text).remove(0).send(&alert()).await.unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Retryable { .. }), "{error}");
    let request = proxy.requests().remove(0);
    assert_eq!(request.line, "CONNECT hooks.example:443 HTTP/1.1");
}
