use std::sync::Arc;

use tokio::sync::watch;

/// Which way a request took: an extension of its response, for whoever counts and logs it.
#[derive(Clone, Debug)]
pub struct Passage {
    /// The route, as the settings write it; never the path that was asked for, which has no bound.
    pub route: Arc<str>,
    /// The upstream that was asked, if one was.
    pub upstream: Option<Arc<str>>,
}

/// Tells streams and sockets that the server is about to end: an extension of the request.
#[derive(Clone, Debug)]
pub struct Stopping(pub watch::Receiver<bool>);
