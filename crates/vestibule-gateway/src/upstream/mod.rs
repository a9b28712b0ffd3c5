//! Servers behind the gateway: who they are, which address is asked, and what became of it.

mod address;
mod connect;
mod download;
mod listening;
mod lone;
mod pool;
mod remote;
mod spec;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use url::Url;

use crate::app::App;
use crate::asked::{Times, asked};
use crate::pass::Pass;
use crate::problem::Problem;
pub(crate) use address::UnderWay;
use remote::Remote;
pub use spec::{HealthCheck, InvalidUpstream, UpstreamSpec};
pub(crate) use upload::{Fault, Upload};

/// A server behind the gateway: one or more fixed addresses, or what answers in this process. Nothing in a
/// request chooses where it goes (GW-09). Cheap to clone.
#[derive(Clone, Debug)]
pub struct Upstream {
    name: Arc<str>,
    at: At,
    pass: Option<Pass>,
    times: Arc<Times>,
}

#[derive(Clone, Debug)]
enum At {
    Here(App),
    There(Arc<Remote>),
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
    /// It is not asked now: it has as much to do as it may, or has just not answered several times (RL-05).
    #[error("it has too much to do")]
    Overloaded,
}

/// Marks a request whose client can take trailers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TakesTrailers;

/// Time for the head of an answer, once the request is sent (RL-05).
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Longest silence within an answer that is no stream of events (F13).
const SILENCE: Duration = Duration::from_secs(60);

impl Upstream {
    /// What answers in this process.
    pub fn in_process(app: impl Into<App>) -> Self {
        Self {
            name: "in-process".into(),
            at: At::Here(app.into()),
            pass: None,
            times: Arc::default(),
        }
    }

    /// The server at `url`; its path, if it has one, goes in front of every path.
    ///
    /// # Errors
    /// [`InvalidUpstream`], in words for whoever set the address.
    pub fn at(url: &Url) -> Result<Self, InvalidUpstream> {
        Self::new(url.as_str(), &UpstreamSpec::at(url.as_str()))
    }

    /// A server as settings describe it, under the `name` that they and the metrics give it.
    ///
    /// # Errors
    /// [`InvalidUpstream`], in words for whoever wrote the settings.
    pub fn new(name: &str, spec: &UpstreamSpec) -> Result<Self, InvalidUpstream> {
        let remote = Arc::new(Remote::new(name, spec)?);
        Ok(Self { name: name.into(), at: At::There(remote), pass: None, times: Arc::default() })
    }

    /// The same, shown with each request that it comes from a gateway.
    pub fn with_pass(self, pass: Pass) -> Self {
        Self { pass: Some(pass), ..self }
    }

    /// What settings and metrics call it.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Sends one request, whose URI is a path. Bodies are streamed both ways.
    ///
    /// # Errors
    /// [`Outage`] if no answer began.
    pub async fn send(&self, request: Request) -> Result<Response, Outage> {
        self.send_within(request, PATIENCE, None).await
    }

    /// The same, with a time for the head of the answer, which begins when the request is sent, and one for each
    /// silence in its body: left out, a minute, and no limit for a stream of events.
    // Boxed, it is not in the future of everything that it goes through from here.
    pub(crate) fn send_within(
        &self,
        request: Request,
        patience: Duration,
        silence: Option<Duration>,
    ) -> impl Future<Output = Result<Response, Outage>> {
        let mut request = Box::new(request);
        if let Some(pass) = &self.pass {
            request.headers_mut().insert(Pass::HEADER, pass.issue());
        }
        let send = async move |request: Box<Request>| match &self.at {
            At::Here(app) => Ok(app.answer(*request).await),
            At::There(remote) => remote.send(request, patience, silence).await,
        };
        asked(&self.name, &self.times, request, send)
    }
}

impl From<Outage> for Problem {
    fn from(outage: Outage) -> Self {
        match outage {
            Outage::Unreachable => Self::UNREACHABLE,
            Outage::Broken => Self::BROKEN,
            Outage::Slow => Self::SLOW,
            Outage::Failing => Self::FAILING,
            Outage::Overloaded => Self::OVERLOADED,
        }
    }
}
