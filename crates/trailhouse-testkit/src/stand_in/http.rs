//! As much of HTTP/1.1 as the SDK speaks to us: bodies of known length, connections kept open.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::TcpStream,
};

#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// As sent, without the query.
    pub(super) path: String,
    /// By their names in lower case.
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    /// Announces the whole body, sends half of it and hangs up.
    pub(super) is_cut_off: bool,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Answers requests until the other side hangs up, which is how every client of ours ends.
pub(super) fn serve(stream: &TcpStream, answer: impl Fn(&Request) -> Response) {
    let mut reader = BufReader::new(stream);
    while let Ok(Some(request)) = read_request(&mut reader) {
        let response = answer(&request);
        if write_response(stream, &response).is_err() || response.is_cut_off {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let mut request = Request { method, path, headers: Vec::new(), body: Vec::new() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = request.header("content-length").and_then(|length| length.parse().ok());
    request.body.resize(length.unwrap_or(0), 0);
    reader.read_exact(&mut request.body)?;
    Ok(Some(request))
}

fn write_response(mut stream: &TcpStream, response: &Response) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} -\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n",
        status = response.status,
        content_type = response.content_type,
        length = response.body.len(),
    );
    let (first, second) = response.body.split_at(response.body.len() / 2);
    stream.write_all(head.as_bytes())?;
    // In two pieces, so that a reader sees a body grow.
    stream.write_all(first)?;
    stream.flush()?;
    if response.is_cut_off {
        return stream.shutdown(std::net::Shutdown::Both);
    }
    stream.write_all(second)
}
