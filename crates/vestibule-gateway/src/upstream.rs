use std::convert::Infallible;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Method, Uri, header};
use http_body::Body as _;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::util::BoxCloneSyncService;
use tower::{ServiceExt as _, service_fn};
use url::Url;

use crate::asked::asked;
use crate::problem::Problem;

/// A server behind the gateway: an HTTP client for a fixed address, or a router in this process. Nothing in
/// a request chooses where it goes (GW-09). Cheap to clone.
#[derive(Clone, Debug)]
pub struct Upstream {
    name: Arc<str>,
    service: BoxCloneSyncService<Request, Response, Outage>,
}

/// Why an upstream did not answer. Never a verdict on a session (CK-09, ER-04).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Outage {
    /// No connection: it is down, or the address is wrong.
    #[error("no connection")]
    Unreachable,
    /// It was connected, and then did not answer in HTTP.
    #[error("the connection broke")]
    Broken,
    /// It did not begin to answer in time.
    #[error("no answer in time")]
    Slow,
    /// It answered, and said that it can't work now, or something that makes no sense.
    #[error("it can't work now")]
    Failing,
}

/// An upstream's address can't be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidUpstream {
    /// Not an absolute `http` or `https` URL without a query.
    #[error("has to be a URL such as http://localhost:8000")]
    Url,
    /// `https` needs the system's certificate authorities.
    #[error("the system's certificate authorities can't be read: {0}")]
    Roots(std::io::Error),
}

/// Time for a connection (RL-05).
const CONNECT: Duration = Duration::from_secs(2);
/// Time for the head of an answer.
const HEAD: Duration = Duration::from_secs(60);
/// Next.js closes idle connections after 5 s; whoever is older loses the race (contract: Next.js, N14).
const IDLE: Duration = Duration::from_secs(4);

impl Upstream {
    /// A router in this process.
    pub fn in_process(router: Router) -> Self {
        let service = service_fn(move |request: Request| {
            let answer = router.clone().oneshot(request);
            async { answer.await.map_err(|never: Infallible| match never {}) }
        });
        Self { name: "in-process".into(), service: BoxCloneSyncService::new(service) }
    }

    /// The server at `url`; its path, if it has one, goes in front of every path.
    ///
    /// # Errors
    /// [`InvalidUpstream`], in words for whoever set the address.
    pub fn at(url: &Url) -> Result<Self, InvalidUpstream> {
        let base = Base::of(url)?;
        let mut plain = HttpConnector::new();
        plain.set_connect_timeout(Some(CONNECT));
        plain.set_nodelay(true);
        if base.scheme == Scheme::HTTPS {
            plain.enforce_http(false);
            let roots =
                HttpsConnectorBuilder::new().with_native_roots().map_err(InvalidUpstream::Roots)?;
            let connector = roots.https_only().enable_http1().wrap_connector(plain);
            return Ok(Self::over(base, connector));
        }
        Ok(Self::over(base, plain))
    }

    /// What metrics call it.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn over<C: Connect + Clone + Send + Sync + 'static>(base: Base, connector: C) -> Self {
        let client: Client<C, Body> = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        let name = format!("{}://{}", base.scheme, base.authority).into();
        let service = service_fn(move |request: Request| {
            let (client, request) = (client.clone(), base.address(request));
            async move {
                let request = request.ok_or(Outage::Broken)?;
                let again = repeatable(&request);
                match (answer(&client, request).await, again) {
                    // A kept connection that the server had just closed: nothing was lost but the way.
                    (Err(Outage::Broken), Some(again)) => answer(&client, again).await,
                    (answer, _) => answer,
                }
            }
        });
        Self { name, service: BoxCloneSyncService::new(service) }
    }

    /// Sends one request, whose URI is a path. Bodies are streamed both ways.
    ///
    /// # Errors
    /// [`Outage`] if no answer began.
    pub async fn send(&self, request: Request) -> Result<Response, Outage> {
        asked(&self.name, request, |request| self.service.clone().oneshot(request)).await
    }
}

/// The same request once more, if it can do no harm: a read without a body (RFC 9110, 9.2.2).
fn repeatable(request: &Request) -> Option<Request> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_read || !request.body().is_end_stream() {
        return None;
    }
    let mut again = Request::new(Body::empty());
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.headers_mut() = request.headers().clone();
    Some(again)
}

async fn answer<C>(client: &Client<C, Body>, request: Request) -> Result<Response, Outage>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    match tokio::time::timeout(HEAD, client.request(request)).await {
        Err(_) => Err(Outage::Slow),
        Ok(Err(error)) if error.is_connect() => Err(Outage::Unreachable),
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn StdError, "an upstream broke the connection");
            Err(Outage::Broken)
        }
        Ok(Ok(response)) => Ok(response.map(Body::new)),
    }
}

/// Where a remote upstream is.
#[derive(Clone)]
struct Base {
    scheme: Scheme,
    authority: Authority,
    prefix: String,
}

impl Base {
    fn of(url: &Url) -> Result<Self, InvalidUpstream> {
        let scheme = match url.scheme() {
            "http" => Scheme::HTTP,
            "https" => Scheme::HTTPS,
            _ => return Err(InvalidUpstream::Url),
        };
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        let authority = url[url::Position::BeforeHost..url::Position::AfterPort].parse();
        match authority {
            Ok(authority) if plain => {
                Ok(Self { scheme, authority, prefix: url.path().trim_end_matches('/').to_owned() })
            }
            _ => Err(InvalidUpstream::Url),
        }
    }

    /// Points a request at this base. A `Host` that is there stays: the site's own servers need it.
    fn address(&self, mut request: Request) -> Option<Request> {
        let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
        let target = format!("{}{path}", self.prefix).parse().ok()?;
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(self.scheme.clone());
        uri.authority = Some(self.authority.clone());
        uri.path_and_query = Some(target);
        *request.uri_mut() = Uri::from_parts(uri).ok()?;
        *request.version_mut() = http::Version::HTTP_11;
        if !request.headers().contains_key(header::HOST) {
            let host = HeaderValue::from_str(self.authority.as_str()).ok()?;
            request.headers_mut().insert(header::HOST, host);
        }
        Some(request)
    }
}

impl From<Outage> for Problem {
    fn from(outage: Outage) -> Self {
        match outage {
            Outage::Unreachable => Self::UNREACHABLE,
            Outage::Broken => Self::BROKEN,
            Outage::Slow => Self::SLOW,
            Outage::Failing => Self::FAILING,
        }
    }
}
