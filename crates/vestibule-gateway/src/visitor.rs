use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};

use crate::account::AccountId;
use crate::headers::Forwarding;
use crate::names::X_REQUEST_ID;
use crate::session::{Session, SessionChange};
use crate::site::Site;

/// Who sent this request: the session its cookie opened, and what becomes of it. One for each request, made
/// by [`crate::Gateway::site`]; what a handler changes here, the answer's cookie follows.
#[derive(Clone, Debug)]
pub struct Visitor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    address: IpAddr,
    agent: Option<HeaderValue>,
    request_id: HeaderValue,
    hint: String,
    /// Whether this came with no cookie of ours, and gets none.
    is_guest: bool,
}

#[derive(Debug)]
struct State {
    session: Option<Arc<Session>>,
    change: SessionChange,
    changed_at: i64,
}

impl Visitor {
    pub(crate) fn new(
        session: Option<Session>,
        change: SessionChange,
        address: IpAddr,
        headers: &HeaderMap,
        hint: String,
        now: i64,
    ) -> Self {
        let state = State { session: session.map(Arc::new), change, changed_at: now };
        Self::of(state, address, headers, hint, false)
    }

    /// Somebody for whom server code of a UI asks: who it is was shown in another way, and no answer sets a cookie.
    pub(crate) fn guest(session: Session, address: IpAddr, headers: &HeaderMap, now: i64) -> Self {
        let session = Some(Arc::new(session));
        let state = State { session, change: SessionChange::Keep, changed_at: now };
        Self::of(state, address, headers, String::new(), true)
    }

    fn of(
        state: State,
        address: IpAddr,
        headers: &HeaderMap,
        hint: String,
        is_guest: bool,
    ) -> Self {
        let request_id = headers.get(&X_REQUEST_ID).cloned();
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            address,
            agent: headers.get(header::USER_AGENT).cloned(),
            request_id: request_id.unwrap_or(HeaderValue::from_static("-")),
            hint,
            is_guest,
        }))
    }

    /// The session as it stands now; `None` when signed out.
    pub fn session(&self) -> Option<Arc<Session>> {
        self.state().session.clone()
    }

    /// The hint cookie that came with the request; empty if none did. A page that shows nobody is out of date when
    /// the browser has another one by the time that a script looks.
    pub fn hint(&self) -> &str {
        &self.0.hint
    }

    /// This session is the visitor's from now on.
    pub(crate) fn replace(&self, session: Session, now: i64) {
        let change = SessionChange::Replace(session.clone());
        *self.state() = State { session: Some(Arc::new(session)), change, changed_at: now };
    }

    /// The visitor is signed out from now on.
    pub(crate) fn end(&self, now: i64) {
        *self.state() = State { session: None, change: SessionChange::End, changed_at: now };
    }

    /// What becomes of the cookie is told in another way than by this answer's head.
    pub(crate) fn settle(&self) {
        self.state().change = SessionChange::Keep;
    }

    /// What becomes of the cookie, and since when that is so.
    pub(crate) fn change(&self) -> (SessionChange, i64) {
        let state = self.state();
        (state.change.clone(), state.changed_at)
    }

    /// Whether no answer to this sets a cookie.
    pub(crate) fn is_guest(&self) -> bool {
        self.0.is_guest
    }

    /// Whose session it is, as it stands now.
    pub fn user(&self) -> Option<AccountId> {
        self.state().session.as_ref().map(|session| session.user.id.clone())
    }

    /// Where the request came from.
    pub fn address(&self) -> IpAddr {
        self.0.address
    }

    pub(crate) fn agent(&self) -> Option<&HeaderValue> {
        self.0.agent.as_ref()
    }

    pub(crate) fn forwarding<'a>(&'a self, site: &'a Site) -> Forwarding<'a> {
        Forwarding { client: self.0.address, site, request_id: &self.0.request_id }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().expect("every route is inside Gateway::site"))
    }
}
