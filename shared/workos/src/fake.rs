//! A WorkOS that answers by script, on a socket: faults are made on the wire, so the code under test is what
//! ships.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// What to do with one request.
pub(crate) enum Answer {
    Http {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// Take the request and say nothing.
    Hang,
    /// Take the request and hang up.
    Cut,
    /// Promise more than is sent, then hang up.
    CutInBody,
    /// Promise more than is sent, then say nothing.
    HangInBody,
}

pub(crate) fn ok(body: impl ToString) -> Answer {
    status(200, body)
}

pub(crate) fn status(status: u16, body: impl ToString) -> Answer {
    Answer::Http { status, headers: vec![("x-request-id", "req_fake".to_owned())], body: body.to_string() }
}

impl Answer {
    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        if let Self::Http { headers, .. } = &mut self {
            headers.push((name, value.to_string()));
        }
        self
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Lower-cased names and values as sent, one a line.
    pub(crate) headers: String,
    pub(crate) body: String,
    pub(crate) at: Instant,
}

pub(crate) struct Fake {
    pub(crate) base: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Fake {
    /// Gives the answers in order; a request beyond the script gets status 599.
    pub(crate) async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let log = requests.clone();
        let mut script: VecDeque<Answer> = script.into_iter().collect();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = script.pop_front().unwrap_or_else(|| status(599, "the script is over"));
                tokio::spawn(serve(stream, answer, log.clone()));
            }
        });
        Self { base, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// One request per connection.
async fn serve(mut stream: TcpStream, answer: Answer, log: Arc<Mutex<Vec<Request>>>) {
    let Some(request) = receive(&mut stream).await else { return };
    log.lock().unwrap().push(request);
    let text = match answer {
        Answer::Http { status, headers, body } => {
            let headers: String =
                headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let length = body.len();
            format!(
                "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
            )
        }
        Answer::Cut => return,
        Answer::CutInBody => "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{".to_owned(),
        Answer::HangInBody => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{";
            stream.write_all(head).await.unwrap();
            return std::future::pending().await;
        }
        Answer::Hang => return std::future::pending().await,
    };
    // The client hangs up by itself on an answer that is too large.
    let _ = stream.write_all(text.as_bytes()).await;
}

async fn receive(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk).await.ok()?;
        if read == 0 {
            return None;
        }
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let (line, headers) = head.split_once("\r\n")?;
        let headers: Vec<String> = headers
            .lines()
            .filter_map(|header| header.split_once(": "))
            .map(|(name, value)| format!("{}: {value}", name.to_lowercase()))
            .collect();
        let length = headers.iter().find_map(|header| header.strip_prefix("content-length: "));
        if body.len() < length.map_or(0, |length| length.parse().unwrap()) {
            continue;
        }
        let mut line = line.split(' ');
        return Some(Request {
            method: line.next()?.to_owned(),
            target: line.next()?.to_owned(),
            headers: headers.join("\n"),
            body: body.to_owned(),
            at: Instant::now(),
        });
    }
}
