//! One address of an upstream: sending to it, and how well it does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::{CONNECTION, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{PathAndQuery, Scheme};
use http::{Extensions, HeaderValue, Method, StatusCode, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::connect::Connector;
use super::download::{Download, Held, Line};
use super::pool::{Leased, Pool};
use super::spec::{Target, Wire};
use super::{Outage, SILENCE, TakesTrailers, Upload};
use crate::headers::{has_one_length, is_event_stream};

pub(super) struct Address {
    target: Target,
    pool: Arc<Pool>,
    /// The `Host` of a request that has none; `None` if the address is none that a header can hold.
    host: Option<HeaderValue>,
    under_way: Arc<AtomicUsize>,
    standing: Mutex<Standing>,
}

/// What has become of the last requests.
struct Standing {
    /// In a row.
    failures: u32,
    /// Until then it is passed over.
    out_until: Option<Instant>,
    /// Whether the last failure took its time: then nobody is sent to wait for the next one.
    was_slow: bool,
    /// What the last health check said.
    is_well: bool,
}

/// How an address may be used now.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Use {
    /// It works.
    Good,
    /// It has just failed, but fails quickly: if there is no other.
    Doubtful,
    /// It would only keep people waiting.
    Never,
}

/// No answer; and the request, if nothing of it was sent.
pub(super) struct Failed {
    pub(super) why: Outage,
    pub(super) unsent: Option<Box<Request>>,
}

/// A request's path and `Host`, as they are before an address has its say, and how it is waited for.
pub(super) struct Errand {
    path: PathAndQuery,
    host: Option<HeaderValue>,
    pub(super) upload: Upload,
    patience: Duration,
    /// Longest silence within the answer; left out, [`SILENCE`], and none for a stream of events.
    silence: Option<Duration>,
    takes_trailers: bool,
}

impl Errand {
    /// Takes out of `request` what is said to us alone: a copy of it then copies no extensions.
    pub(super) fn of(request: &mut Request, patience: Duration, silence: Option<Duration>) -> Self {
        let upload = Upload::of(request);
        let path = request.uri().path_and_query().cloned();
        let path = path.unwrap_or(PathAndQuery::from_static("/"));
        let host = request.headers().get(HOST).cloned();
        let takes_trailers = request.extensions().get::<TakesTrailers>().is_some();
        *request.extensions_mut() = Extensions::new();
        Self { path, host, upload, patience, silence, takes_trailers }
    }
}

/// Counts one request, or one socket, for as long as it is under way.
pub(crate) struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// So many failures in a row, and an address is passed over: for a second, then for two, four, eight.
const FAILURES: u32 = 3;
const LONGEST_OUT: Duration = Duration::from_secs(8);

impl Address {
    pub(super) fn new(target: Target, tls: Option<&Arc<rustls::ClientConfig>>) -> Self {
        let pool = Arc::new(Pool::new(Connector::new(target.clone(), tls)));
        let host = HeaderValue::from_str(target.authority.as_str()).ok();
        let standing = Standing { failures: 0, out_until: None, was_slow: false, is_well: true };
        Self { target, pool, host, under_way: Arc::default(), standing: Mutex::new(standing) }
    }

    /// What logs and metrics call it.
    pub(super) fn name(&self) -> String {
        match &self.target.wire {
            Wire::Unix(path) => path.display().to_string(),
            _ => self.target.authority.to_string(),
        }
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    pub(super) fn usable(&self) -> Use {
        let standing = self.standing();
        match standing.out_until {
            _ if !standing.is_well => Use::Never,
            None => Use::Good,
            Some(until) if until <= Instant::now() => Use::Good,
            Some(_) if standing.was_slow => Use::Never,
            Some(_) => Use::Doubtful,
        }
    }

    /// Whether no health check says otherwise.
    pub(super) fn is_well(&self) -> bool {
        self.standing().is_well
    }

    /// It is used. The first after a time out finds out how it is; until that is known, for a second at most, the
    /// others go elsewhere.
    pub(super) fn take(&self) {
        let mut standing = self.standing();
        if standing.out_until.is_some() {
            standing.out_until = Some(Instant::now() + Duration::from_secs(1));
        }
    }

    /// What the health check found; whether that is news.
    pub(super) fn found(&self, is_well: bool) -> bool {
        let mut standing = self.standing();
        let is_news = standing.is_well != is_well;
        standing.is_well = is_well;
        if is_news && is_well {
            (standing.failures, standing.out_until) = (0, None);
        }
        is_news
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn send(
        &self,
        request: Box<Request>,
        slot: OwnedSemaphorePermit,
        errand: &Errand,
    ) -> Result<Response, (Failed, OwnedSemaphorePermit)> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let under_way = UnderWay(self.under_way.clone());
        match self.ask(request, errand).await {
            Ok((mut response, _)) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                self.worked();
                // A socket counts where the least busy is looked for, but not as a request.
                response.extensions_mut().insert(Arc::new(under_way));
                Ok(response.map(Body::new))
            }
            Ok((response, line)) => {
                self.worked();
                let usual = (!is_event_stream(response.headers())).then_some(SILENCE);
                let line = match line {
                    Line::Lone(lone) if response.status() == StatusCode::INTERNAL_SERVER_ERROR => {
                        Line::Last(lone)
                    }
                    line => line,
                };
                let pool = self.pool.clone();
                let held = Held { line, pool, _slot: slot, _under_way: under_way };
                let silence = errand.silence.or(usual);
                Ok(response.map(|body| Body::new(Download::new(body, held, silence))))
            }
            Err(failed) => {
                if errand.upload.fault().is_none() {
                    self.failed(failed.why);
                }
                Err((failed, slot))
            }
        }
    }

    /// On a kept connection first; if its server had just closed it, on the next one.
    async fn ask(&self, mut request: Box<Request>, errand: &Errand) -> Result<Asked, Failed> {
        loop {
            let changes = self.may_change() && request.headers().contains_key(UPGRADE);
            let (connection, is_kept) = match self.pool.lease(changes).await {
                Ok(leased) => leased,
                Err(why) => return Err(Failed { why, unsent: Some(request) }),
            };
            let again = if is_kept { repeatable(&request) } else { None };
            let failed = match self.ask_on(connection, changes, request, errand).await {
                Ok(asked) => return Ok(asked),
                Err(failed) => failed,
            };
            match failed {
                Failed { why: Outage::Broken, unsent } if is_kept => match unsent.or(again) {
                    Some(unsent) => request = unsent,
                    None => return Err(Failed { why: Outage::Broken, unsent: None }),
                },
                failed => return Err(failed),
            }
        }
    }

    async fn ask_on(
        &self,
        connection: Leased,
        changes: bool,
        mut request: Box<Request>,
        errand: &Errand,
    ) -> Result<Asked, Failed> {
        let is_h2 = matches!(connection, Leased::H2(..));
        let unusable = Failed { why: Outage::Failing, unsent: None };
        self.point(&mut request, errand, is_h2).ok_or(unusable)?;
        let (upload, patience) = (&errand.upload, errand.patience);
        let (answer, line) = match connection {
            Leased::H1(mut lone) => {
                if changes || !request.body().is_end_stream() {
                    lone.run();
                }
                let answer = upload.wait(patience, lone.send(*request)).await;
                (answer, Line::Lone(lone))
            }
            Leased::H2(mut sender, share) => {
                let answer = upload.wait(patience, sender.try_send_request(*request)).await;
                (answer, Line::Shared(share))
            }
        };
        match answer {
            None => Err(Failed { why: Outage::Slow, unsent: None }),
            Some(Err(error)) => Err(broken(error)),
            Some(Ok(response)) if !has_one_length(response.version(), response.headers()) => {
                tracing::warn!(
                    "how long an upstream's answer is can't be told: it was thrown away"
                );
                Err(Failed { why: Outage::Broken, unsent: None })
            }
            Some(Ok(response)) => Ok((response, line)),
        }
    }

    /// Points a request at this address. A `Host` that it had stays: the site's own servers need it.
    fn point(&self, request: &mut Request, errand: &Errand, is_h2: bool) -> Option<()> {
        let target: PathAndQuery = match self.target.prefix.as_str() {
            "" => errand.path.clone(),
            prefix => format!("{prefix}{}", errand.path).parse().ok()?,
        };
        let host = errand.host.as_ref().or(self.host.as_ref())?.clone();
        if is_h2 {
            let scheme = if self.target.wire == Wire::Tls { Scheme::HTTPS } else { Scheme::HTTP };
            let uri = Uri::builder().scheme(scheme).authority(host.as_bytes());
            *request.uri_mut() = uri.path_and_query(target).build().ok()?;
            *request.version_mut() = Version::HTTP_2;
            for name in [HOST, CONNECTION, UPGRADE] {
                request.headers_mut().remove(name);
            }
            if errand.takes_trailers {
                request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
            }
        } else {
            *request.uri_mut() = Uri::from(target);
            *request.version_mut() = Version::HTTP_11;
            request.headers_mut().insert(HOST, host);
            // Otherwise the client takes it that a read has no body.
            if request.body().size_hint().exact().is_none() {
                let chunked = HeaderValue::from_static("chunked");
                request.headers_mut().insert(TRANSFER_ENCODING, chunked);
            }
        }
        Some(())
    }

    /// Whether its connections can change to another protocol: HTTP/2's can't.
    fn may_change(&self) -> bool {
        self.target.wire != Wire::PlainH2
    }

    fn worked(&self) {
        let mut standing = self.standing();
        (standing.failures, standing.out_until) = (0, None);
    }

    fn failed(&self, why: Outage) {
        let mut standing = self.standing();
        standing.failures = standing.failures.saturating_add(1);
        standing.was_slow = why == Outage::Slow;
        let more = standing.failures.saturating_sub(FAILURES).min(3);
        if why == Outage::Unreachable || standing.failures >= FAILURES {
            let out = Duration::from_secs(1 << more).min(LONGEST_OUT);
            standing.out_until = Some(Instant::now() + out);
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Asked = (http::Response<Incoming>, Line);

fn broken(mut error: TrySendError<Request>) -> Failed {
    let unsent = error.take_message().map(Box::new);
    let error = error.into_error();
    tracing::debug!(%error, "a connection to an upstream broke");
    Failed { why: Outage::Broken, unsent }
}

/// The same request once more, if it can do no harm: a read without a body (RFC 9110, 9.2.2).
fn repeatable(request: &Request) -> Option<Box<Request>> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_read || !request.body().is_end_stream() {
        return None;
    }
    let mut again = Request::new(Body::empty());
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.headers_mut() = request.headers().clone();
    Some(Box::new(again))
}
