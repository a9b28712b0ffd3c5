//! A load generator: keep-alive connections of HTTP/1.1, each with a thread that sends the same request again and again, either as soon as
//! it is answered or at a fixed rate. At a fixed rate a request's time begins when it was to be sent, however late the one before
//! it was answered (an open loop).

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::clock::now;

/// What is sent where.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// A request as it goes over the wire.
    pub(crate) request: Vec<u8>,
}

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) connections: u32,
    /// Requests a second in all; `None`: as many as are answered.
    pub(crate) rate: Option<f64>,
    pub(crate) lasts: Duration,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Answered {
    /// Statuses other than 2xx, and how often.
    pub(crate) refused: usize,
    /// First request to last answer.
    pub(crate) took: Duration,
    /// One a request, in order of length.
    pub(crate) latencies: Vec<Duration>,
}

/// Longest that an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

impl Answered {
    pub(crate) fn count(&self) -> usize {
        self.latencies.len()
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.count() as f64 / self.took.as_secs_f64()
    }

    /// The latency that this part of all requests did not exceed.
    pub(crate) fn quantile(&self, part: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get((last as f64 * part) as usize).copied().unwrap_or_default()
    }
}

impl Target {
    /// Puts `load` on it.
    pub(crate) fn under(&self, load: Load) -> Result<Answered, Failure> {
        let ready = Barrier::new(load.connections as usize);
        let clients: Vec<_> = thread::scope(|scope| {
            let client = |number| {
                scope.spawn({
                    let ready = &ready;
                    move || self.client(number, load, ready)
                })
            };
            let clients: Vec<_> = (0..load.connections).map(client).collect();
            clients.into_iter().map(|client| client.join()).collect()
        });
        let (mut refused, mut latencies, mut spans) = (0, Vec::new(), Vec::new());
        for client in clients {
            let client = client.map_err(|_| "a client's thread has panicked")??;
            refused += client.refused;
            latencies.extend(client.latencies);
            spans.extend([client.began, client.ended]);
        }
        latencies.sort();
        let (began, ended) = (spans.iter().min(), spans.iter().max());
        let (began, ended) = began.zip(ended).ok_or("a load needs a connection")?;
        Ok(Answered { refused, took: *ended - *began, latencies })
    }

    /// Sends it once on a connection of its own, and answers the status.
    pub(crate) fn once(&self) -> Result<u16, Failure> {
        Ok(Connection::open(self.address)?.ask(&self.request)?.status)
    }

    /// Sends it once, and answers head and body.
    pub(crate) fn answer(&self) -> Result<Answer, Failure> {
        Connection::open(self.address)?.ask(&self.request)
    }

    fn client(&self, number: u32, load: Load, ready: &Barrier) -> Result<Client, Failure> {
        let opened = Connection::open(self.address);
        ready.wait();
        let (mut connection, began) = (opened?, now());
        let mut client = Client { refused: 0, began, ended: began, latencies: Vec::new() };
        for turn in 0.. {
            let intended = match load.rate {
                None => now(),
                Some(rate) => {
                    let requests =
                        f64::from(turn) * f64::from(load.connections) + f64::from(number);
                    began + Duration::from_secs_f64(requests / rate)
                }
            };
            if intended - began >= load.lasts {
                break;
            }
            thread::sleep(intended.saturating_duration_since(now()));
            let status = connection.ask(&self.request)?.status;
            client.refused += usize::from(!(200..300).contains(&status));
            client.ended = now();
            client.latencies.push(client.ended - intended);
        }
        Ok(client)
    }
}

struct Client {
    refused: usize,
    began: Instant,
    ended: Instant,
    latencies: Vec<Duration>,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Values of the header `name`, given in lowercase.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.head.lines().filter_map(move |line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// One keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, read: Vec::with_capacity(4096) })
    }

    /// Sends `request` and reads the whole answer.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Answer, Failure> {
        self.stream.write_all(request)?;
        self.read.clear();
        let head = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            self.more()?;
        };
        let text = std::str::from_utf8(&self.read[..head])?.to_owned();
        let status = text.get(9..12).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| format!("no status in {text:?}"))?;
        let mut answer = Answer { status, head: text, body: String::new() };
        let (begin, end) =
            (head + 4, |read: &[u8]| read.ends_with(b"\r\n0\r\n\r\n") || read == b"0\r\n\r\n");
        if answer.values("transfer-encoding").next().is_some() {
            while !end(&self.read[begin..]) {
                self.more()?;
            }
        } else if status != 204 && status != 304 {
            let length = answer.values("content-length").next().and_then(|text| text.parse().ok());
            let length: usize = length.ok_or("an answer does not say how long it is")?;
            while self.read.len() < begin + length {
                self.more()?;
            }
        }
        answer.body = String::from_utf8_lossy(&self.read[begin..]).into_owned();
        Ok(answer)
    }

    fn more(&mut self) -> Result<(), Failure> {
        let mut part = [0; 4096];
        match self.stream.read(&mut part)? {
            0 => Err("a connection was closed before the end of an answer".into()),
            length => {
                self.read.extend_from_slice(&part[..length]);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers every request so, after a time of its own.
    fn server(answer: &'static str, slow: Duration) -> SocketAddr {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut read = [0; 1024];
                    while stream.read(&mut read).is_ok_and(|length| length > 0) {
                        thread::sleep(slow);
                        stream.write_all(answer.as_bytes()).unwrap();
                    }
                });
            }
        });
        address
    }

    fn target(answer: &'static str, slow: Duration) -> Target {
        Target { address: server(answer, slow), request: b"GET / HTTP/1.1\r\n\r\n".to_vec() }
    }

    #[test]
    fn answers_are_read_to_their_end_however_that_is_told() {
        for (text, status, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok"),
            ("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", 503, ""),
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                200,
                "2\r\nok\r\n0\r\n\r\n",
            ),
        ] {
            let answer = target(text, Duration::ZERO).answer().unwrap();
            assert_eq!((answer.status, answer.body.as_str()), (status, body), "{text:?}");
        }
    }

    #[test]
    fn at_a_fixed_rate_a_slow_answer_makes_those_behind_it_late_and_not_fewer() {
        let slow =
            target("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Duration::from_millis(20));
        let lasts = Duration::from_millis(200);
        let answered = slow.under(Load { connections: 1, rate: Some(100.0), lasts }).unwrap();
        assert_eq!((answered.count(), answered.refused), (20, 0));
        assert!(answered.quantile(1.0) > Duration::from_millis(180), "{:?}", answered.latencies);
        assert!(answered.quantile(0.0) < Duration::from_millis(180), "{:?}", answered.latencies);
    }

    #[test]
    fn what_is_refused_is_counted() {
        let server = target("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", Duration::ZERO);
        let lasts = Duration::from_millis(50);
        let answered = server.under(Load { connections: 2, rate: None, lasts }).unwrap();
        assert!(answered.refused > 0 && answered.refused == answered.count());
    }
}
