//! A real listening server in this process, and an upstream on a socket that writes down what reaches it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;
use vestibule::secrets::Secrets;
use vestibule::server::Edge;
use vestibule::wiring::{self, SiteParts};
use vestibule_gateway::{App, HopSettings, Plan, PlanSettings, Upstream};
use vestibule_types::{Clock, Secret};

use crate::support::NOW;

/// What has not happened by then never will.
pub const LONG: Duration = Duration::from_secs(20);

/// A server, until it is told to stop.
pub struct Served {
    pub address: SocketAddr,
    pub stop: watch::Sender<bool>,
    pub ended: JoinHandle<()>,
}

impl Served {
    pub async fn new(edge: Edge, app: impl Into<App>) -> Self {
        Self::draining(edge, app, LONG).await
    }

    pub async fn draining(edge: Edge, app: impl Into<App>, drain: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let ended = tokio::spawn(edge.serve(listener, app.into(), stopped, drain));
        Self { address, stop, ended }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `bytes`, and reads what comes until the server closes the connection.
    pub async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        until_closed(&mut stream).await
    }
}

/// What comes until the server closes the connection, which it has to do in order.
pub async fn until_closed(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    let read = tokio::time::timeout(LONG, stream.read_to_end(&mut text)).await;
    let text = String::from_utf8_lossy(&text).into_owned();
    let closed = read.unwrap_or_else(|_| panic!("it stays open: {text}"));
    closed.unwrap_or_else(|error| panic!("{error} after {text:?}"));
    text
}

/// The statuses of the answers in `text`.
pub fn statuses(text: &str) -> Vec<u16> {
    let heads = text.split("HTTP/1.").skip(1).filter_map(|rest| rest.get(2..5));
    heads.filter_map(|status| status.parse().ok()).collect()
}

/// An upstream that reads laxly, as old ones do, and writes down each message that is whole: `METHOD target body`.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    pub async fn start() -> (Self, Url) {
        let recorder = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let records = recorder.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(records.clone().connection(stream));
            }
        });
        (recorder, url)
    }

    /// What has come since last time.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    async fn connection(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some(message) = read_message(&mut stream).await {
            self.0.lock().unwrap().push(message);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
    }
}

async fn read_message(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let first = read_line(stream).await?;
    let target = first.rsplit_once(' ').map_or(first.as_str(), |(target, _)| target).to_owned();
    let (mut length, mut is_chunked) = (0, false);
    loop {
        let line = read_line(stream).await?.to_lowercase();
        match line.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim())) {
            None => break,
            Some((name, value)) if name == "content-length" => length = value.parse().ok()?,
            Some((name, value)) if name == "transfer-encoding" => {
                is_chunked = value.contains("chunked")
            }
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    if !is_chunked {
        return Some(format!("{target} {}", String::from_utf8_lossy(&body)).trim_end().to_owned());
    }
    loop {
        let size = usize::from_str_radix(read_line(stream).await?.split(';').next()?, 16).ok()?;
        if size == 0 {
            while !read_line(stream).await?.is_empty() {}
            break;
        }
        let mut chunk = vec![0; size];
        stream.read_exact(&mut chunk).await.ok()?;
        body.extend(chunk);
        read_line(stream).await?;
    }
    Some(format!("{target} {}", String::from_utf8_lossy(&body)).trim_end().to_owned())
}

async fn read_line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await.ok().filter(|read| *read > 0)?;
    Some(String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// The site as it is wired, with one upstream for everything.
pub fn site_over(upstream: &Url) -> App {
    let upstream = Upstream::at(upstream).unwrap();
    let plan = PlanSettings { ui: Some(upstream.clone()), ..PlanSettings::new(upstream.clone()) };
    let parts = SiteParts {
        site: "http://localhost:3000".parse().unwrap(),
        secrets: Secrets { first: Secret::from_random([5; 32]), older: Vec::new() },
        plan: Plan::new(plan).unwrap(),
        max_stale: Duration::from_secs(60),
        // What raw requests of these tests call it.
        hops: HopSettings { also_hosts: vec!["a".parse().unwrap()], ..HopSettings::default() },
    };
    wiring::site(parts, upstream, Clock::stopped_at(NOW)).1
}
