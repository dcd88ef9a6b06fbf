//! An HTTP server that answers as told, down to breaking HTTP.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Status {
        status: u16,
        headers: Vec<(String, String)>,
    },
    /// Promises a body and ends in the middle of it.
    CutOff {
        status: u16,
    },
    /// Sends a body without end.
    Endless {
        status: u16,
    },
    /// Says nothing.
    Hang,
    /// Closes the connection.
    Close,
    /// Speaks something else.
    NotHttp,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self::Status { status, headers: Vec::new() }
    }

    /// Makes an answer with a header.
    pub(crate) fn with_header(status: u16, name: &str, value: &str) -> Self {
        Self::Status { status, headers: vec![(name.to_owned(), value.to_owned())] }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// Ends when it is dropped.
pub(crate) struct HttpServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    serving: AbortHandle,
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl HttpServer {
    /// Gives these answers in order, then 200.
    pub(crate) async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&answers), Arc::clone(&seen)));
            }
        });
        Self { address, requests, serving: serving.abort_handle() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    stream: TcpStream,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    seen: Arc<Mutex<Vec<Request>>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let request = read_request(&mut stream).await?;
    seen.lock().unwrap().push(request);
    let answer = answers.lock().unwrap().pop_front().unwrap_or(Answer::status(200));
    let stream = stream.get_mut();
    match answer {
        Answer::Status { status, headers } => {
            let lines: String =
                headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let head = format!(
                "HTTP/1.1 {status} X\r\n{lines}content-length: 2\r\nconnection: close\r\n\r\n"
            );
            let body = if status == 204 { "" } else { "no" };
            stream.write_all(format!("{head}{body}").as_bytes()).await?;
            stream.shutdown().await
        }
        Answer::CutOff { status } => {
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: 1000\r\n\r\nonly this");
            stream.write_all(head.as_bytes()).await?;
            stream.shutdown().await
        }
        Answer::Endless { status } => {
            let head = format!("HTTP/1.1 {status} X\r\ntransfer-encoding: chunked\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
            loop {
                stream.write_all(chunk.as_bytes()).await?;
            }
        }
        Answer::Hang => std::future::pending().await,
        Answer::Close => Ok(()),
        Answer::NotHttp => stream.write_all(b"220 mail.example ESMTP\r\n").await,
    }
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> std::io::Result<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await?;
        match header.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let body = String::from_utf8(body).unwrap();
    Ok(Request { line: line.trim_end().to_owned(), headers, body })
}
