//! E-mail, against a small mail server.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};
use trailhouse_alert::{Alert, SendErrorKind, Sink};

use crate::support::{alert, routes};

/// Takes mail and answers the end of each with one line.
struct MailServer {
    port: u16,
    lines: Arc<Mutex<Vec<String>>>,
    serving: AbortHandle,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl MailServer {
    async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lines);
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, answer, Arc::clone(&seen)));
            }
        });
        Self { port, lines, serving: serving.abort_handle() }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

async fn serve(
    stream: TcpStream,
    answer: &'static str,
    seen: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    let mut in_data = false;
    writing.write_all(b"220 mail.example ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        seen.lock().unwrap().push(line.clone());
        let reply = match (in_data, line.get(..4).unwrap_or(&line)) {
            (true, _) if line == "." => {
                in_data = false;
                answer
            }
            (true, _) => continue,
            (false, "EHLO") => "250 mail.example",
            (false, "DATA") => {
                in_data = true;
                "354 go on"
            }
            (false, "QUIT") => "221 bye",
            (false, _) => "250 fine",
        };
        writing.write_all(format!("{reply}\r\n").as_bytes()).await?;
    }
    Ok(())
}

fn sink(port: u16, tls: &str, allowed: &str) -> Arc<dyn Sink> {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[[sink]]\nname = \"mail\"\ntype = \"email\"\nhost = \"127.0.0.1\"\nport = {port}\n\
         tls = \"{tls}\"\nfrom = \"Trailhouse <trailhouse@example.com>\"\n\
         to = [\"soc@example.com\", \"boss@example.com\"]\n{allowed}"
    );
    routes(folder.path(), &text).remove(0)
}

const LOOPBACK: &str = "allow_private = [\"127.0.0.0/8\"]\n";

#[tokio::test]
async fn an_alert_is_a_mail_of_two_parts_to_all_receivers() {
    let server = MailServer::start("250 queued as 42").await;
    let delivered = sink(server.port, "none", LOOPBACK).send(&alert()).await.unwrap();
    assert_eq!(delivered.receipt.as_deref(), Some("queued as 42"));
    let lines = server.lines();
    let has =
        |wanted: &str| assert!(lines.iter().any(|line| line.starts_with(wanted)), "{lines:#?}");
    has("RCPT TO:<soc@example.com>");
    has("RCPT TO:<boss@example.com>");
    has("Subject: [high] alice stopped org-trail");
    has("Message-ID: <4f1c-new.mail@example.com>");
    has("Content-Type: multipart/alternative");
    has("Content-Type: text/plain");
    has("Content-Type: text/html");
}

#[tokio::test]
async fn no_text_makes_a_header_or_a_receiver() {
    for text in ["x\r\nBcc: evil@example.com\r\n\r\nbody", "a\n.\r\nQUIT\r\n", "\u{202e}\u{0}\r"] {
        let server = MailServer::start("250 fine").await;
        let mut hostile = Alert { title: text.to_owned(), entity: text.to_owned(), ..alert() };
        hostile.detection.description = text.to_owned();
        hostile.fingerprint = text.to_owned();
        sink(server.port, "none", LOOPBACK).send(&hostile).await.unwrap();
        let lines = server.lines();
        assert!(!lines.iter().any(|line| line.starts_with("Bcc")), "{lines:#?}");
        assert_eq!(lines.iter().filter(|line| line.starts_with("RCPT")).count(), 2, "{lines:#?}");
        assert_eq!(lines.iter().filter(|line| *line == ".").count(), 1, "{lines:#?}");
        let headers = lines.iter().skip_while(|line| *line != "DATA").skip(1);
        for header in headers.take_while(|line| !line.is_empty()) {
            let name = header.split(':').next().unwrap_or_default();
            let ours =
                ["From", "To", "Subject", "Message-ID", "Date", "MIME-Version", "Content-Type"];
            assert!(header.starts_with(' ') || ours.contains(&name), "{lines:#?}");
        }
    }
}

async fn check(answer: &'static str, expected: SendErrorKind) {
    let server = MailServer::start(answer).await;
    let error = sink(server.port, "none", LOOPBACK).send(&alert()).await.unwrap_err();
    assert_eq!(error.kind, expected, "{answer}: {error}");
}

#[tokio::test]
async fn the_code_says_whether_to_try_again() {
    check("451 later", SendErrorKind::Retryable { after: None }).await;
    check("421 closing", SendErrorKind::Retryable { after: None }).await;
    check("552 too large", SendErrorKind::Rejected).await;
    check("530 log in first", SendErrorKind::Permanent).await;
}

#[tokio::test]
async fn nothing_is_said_in_the_clear_where_tls_is_asked_for() {
    // The server does not offer STARTTLS, as one does behind somebody who takes the offer away.
    let server = MailServer::start("250 fine").await;
    sink(server.port, "starttls", LOOPBACK).send(&alert()).await.unwrap_err();
    assert!(!server.lines().iter().any(|line| line.starts_with("MAIL")), "{:?}", server.lines());
}

#[tokio::test]
async fn a_mail_server_is_judged_by_its_address() {
    let server = MailServer::start("250 fine").await;
    for tls in ["none", "starttls", "tls"] {
        let error = sink(server.port, tls, "").send(&alert()).await.unwrap_err();
        assert_eq!(error.kind, SendErrorKind::Permanent, "{error}");
        assert!(error.reason.contains("loopback"), "{error}");
    }
    assert!(server.lines().is_empty());
}
