//! What is between gateways and API nodes: it gives each request to any node, and loses answers when told to.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use vestibule_gateway::{Outage, Upstream};

use crate::cluster::{GATEWAYS, NODES};
use crate::dice::Dice;
use crate::record::Record;

pub(crate) struct Balancer {
    nodes: Vec<Upstream>,
    record: Arc<Record>,
    dice: Mutex<Dice>,
    /// How many refreshes each node is at work on.
    pub(crate) refreshing: [AtomicUsize; NODES],
    pub(crate) cuts_answers: AtomicBool,
    pub(crate) delays_answers: AtomicBool,
    feeds: [AtomicU8; GATEWAYS],
    /// Sessions that an API node has ended, and when its answer came.
    ended: Mutex<HashMap<String, Instant>>,
}

/// What happens to a gateway's questions for revocations.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Feed {
    Open = 0,
    Cut = 1,
    /// The question is taken and never answered.
    Silent = 2,
}

const FEED: &str = "/internal/revocations";
const REFRESH: &str = "/api/v1/refresh";
const LOGOUT: &str = "/api/v1/logout";

/// Of a hundred answers to refreshes, those that are cut in such a period; and of other answers.
const REFRESHES_CUT: usize = 30;
const OTHERS_CUT: usize = 3;
/// Of a hundred answers, those that are late in such a period, and by how many milliseconds at most.
const LATE: usize = 20;
const LATEST: usize = 4_000;

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut")]
struct Cut;

impl Balancer {
    pub(crate) fn new(nodes: Vec<Upstream>, record: Arc<Record>, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            nodes,
            record,
            dice: Mutex::new(Dice::new(seed, 1)),
            refreshing: Default::default(),
            cuts_answers: AtomicBool::new(false),
            delays_answers: AtomicBool::new(false),
            feeds: Default::default(),
            ended: Mutex::default(),
        })
    }

    /// Listens for one gateway, on a port of its own.
    pub(crate) async fn open(self: &Arc<Self>, gateway: usize) -> io::Result<u16> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let balancer = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let balancer = balancer.clone();
                let service = service_fn(move |request| {
                    let balancer = balancer.clone();
                    async move { balancer.pass(gateway, request).await }
                });
                let server = hyper::server::conn::http1::Builder::new();
                let connection = server.serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move { connection.await.is_ok() });
            }
        });
        Ok(port)
    }

    pub(crate) fn set_feed(&self, gateway: usize, feed: Feed) {
        self.feeds[gateway].store(feed as u8, Ordering::SeqCst);
    }

    /// When an API node answered that the session `sid` is over, whether or not that answer arrived.
    pub(crate) fn ended(&self, sid: &str) -> Option<Instant> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).get(sid).copied()
    }

    async fn pass(
        &self,
        gateway: usize,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Cut> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        let path = head.uri.path().to_owned();
        if path == FEED {
            self.hold_feed(gateway).await?;
        }
        let claims = refresh_token(&head.headers, header::COOKIE).and_then(claims);
        let answered = self.ask_any(&head, &body, path == REFRESH).await?;
        let Some((node, answer)) = answered else {
            let nobody = Response::builder().status(StatusCode::SERVICE_UNAVAILABLE);
            return Ok(nobody.body(Body::empty()).expect("a status is legal"));
        };
        if path == LOGOUT && answer.status() == StatusCode::OK {
            let access =
                head.headers.get(header::AUTHORIZATION).and_then(bearer).and_then(self::claims);
            let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            for claims in access.iter().chain(&claims) {
                ended.entry(claims.sid.clone()).or_insert_with(Instant::now);
            }
        }
        let is_cut = path != FEED && self.is_cut(path == REFRESH);
        if let (REFRESH, Some(shown)) = (path.as_str(), &claims) {
            let next = refresh_token(answer.headers(), header::SET_COOKIE).and_then(self::claims);
            let next = next.map(|next| format!(" -> {}", next.place())).unwrap_or_default();
            let cut = if is_cut { ", and the answer is cut" } else { "" };
            let line = format!(
                "gateway {} at node {}: refresh {}: {}{next}{cut}",
                gateway + 1,
                node + 1,
                shown.place(),
                answer.status().as_u16(),
            );
            self.record.tell(&shown.sid, &line);
            self.record.count("refreshes answered by the API");
        }
        if is_cut {
            self.record.count(if path == REFRESH { "refreshes cut" } else { "other answers cut" });
            return Err(Cut);
        }
        if path != FEED {
            self.linger().await;
        }
        Ok(answer)
    }

    /// Asks a node, and the other one if that can't be reached at all. The answer is held whole, so that what
    /// was cut on its way here is not taken for an answer.
    async fn ask_any(
        &self,
        head: &http::request::Parts,
        body: &Bytes,
        is_refresh: bool,
    ) -> Result<Option<(usize, Response<Body>)>, Cut> {
        let first = self.dice.lock().unwrap_or_else(PoisonError::into_inner).below(NODES);
        for node in [first, (first + 1) % NODES] {
            let mut request = Request::new(Body::from(body.clone()));
            *request.method_mut() = head.method.clone();
            *request.uri_mut() = head.uri.clone();
            *request.headers_mut() = head.headers.clone();
            let _at_work = is_refresh.then(|| AtWork::on(&self.refreshing[node]));
            match self.nodes[node].send(request).await {
                Ok(answer) => {
                    let (mut head, body) = answer.into_parts();
                    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
                    head.headers.remove(header::TRANSFER_ENCODING);
                    return Ok(Some((node, Response::from_parts(head, Body::from(body)))));
                }
                Err(Outage::Unreachable) => {}
                Err(_) => return Err(Cut),
            }
        }
        Ok(None)
    }

    async fn hold_feed(&self, gateway: usize) -> Result<(), Cut> {
        let state = || self.feeds[gateway].load(Ordering::SeqCst);
        if state() == Feed::Open as u8 {
            return Ok(());
        }
        while state() == Feed::Silent as u8 {
            sleep(Duration::from_millis(50)).await;
        }
        Err(Cut)
    }

    fn is_cut(&self, is_refresh: bool) -> bool {
        let percent = if is_refresh { REFRESHES_CUT } else { OTHERS_CUT };
        self.cuts_answers.load(Ordering::SeqCst)
            && self.dice.lock().unwrap_or_else(PoisonError::into_inner).happens(percent)
    }

    async fn linger(&self) {
        if !self.delays_answers.load(Ordering::SeqCst) {
            return;
        }
        let late = {
            let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
            dice.happens(LATE).then(|| dice.millis(100, LATEST))
        };
        if let Some(late) = late {
            self.record.count("answers delayed");
            sleep(late).await;
        }
    }
}

/// Counts a request for as long as it lives.
struct AtWork<'a>(&'a AtomicUsize);

impl<'a> AtWork<'a> {
    fn on(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A web server behind a gateway whose pages call nobody.
pub(crate) async fn ui() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    let router = Router::new().fallback(any(async || "a page of the UI"));
    let (running, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        vestibule::server::serve(listener, router, stopped, Duration::ZERO).await;
        drop(running);
    });
    Ok(port)
}

/// What a token says of its session; read, not verified.
pub(crate) struct Claims {
    pub(crate) sid: String,
    jti: String,
    generation: Option<i64>,
}

impl Claims {
    /// Where a refresh token stands, briefly.
    pub(crate) fn place(&self) -> String {
        let jti = self.jti.get(..6).unwrap_or_default();
        self.generation.map_or_else(|| jti.to_owned(), |number| format!("{number}/{jti}"))
    }
}

pub(crate) fn claims(token: &str) -> Option<Claims> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    Some(Claims {
        sid: claims["sid"].as_str()?.to_owned(),
        jti: claims["jti"].as_str()?.to_owned(),
        generation: claims["gen"].as_i64(),
    })
}

/// The refresh token in a `Cookie` or `Set-Cookie` header.
pub(crate) fn refresh_token(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    let mut pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == "refresh_token").map(|(_, value)| value)
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()?.strip_prefix("Bearer ")
}
