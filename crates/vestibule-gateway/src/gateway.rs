use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Method, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;
use vestibule_types::{Access, ClientAddress, Clock, Detail, Refresh, Token};

use crate::account::Account;
use crate::cookie::SessionCookie;
use crate::dialect::Dialect;
use crate::ended::Ended;
use crate::flight::{Flights, Refreshed};
use crate::guard::Guard;
use crate::path::PathPattern;
use crate::requests::{Answer, get, held, json};
use crate::revoked::Revocations;
use crate::seal::SealKeys;
use crate::session::{Session, SpreadKey};
use crate::site::Site;
use crate::tokens::Tokens;
use crate::upstream::{Outage, Upstream};
use crate::visitor::Visitor;

/// How often one request follows refreshed tokens that are due again at once.
const MOST_REFRESHES: usize = 3;

/// Browser sessions in front of an API. It keeps no state that matters: what it remembers only makes a
/// sign-out quicker and a refresh rarer. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(pub(crate) Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) site: Site,
    pub(crate) api: Upstream,
    pub(crate) dialect: Dialect,
    pub(crate) ui: Option<Upstream>,
    pub(crate) cookie: SessionCookie,
    pub(crate) guard: Guard,
    pub(crate) ended: Arc<Ended>,
    pub(crate) revoked: Revocations,
    pub(crate) clock: Clock,
    pub(crate) flights: Flights,
    /// Told whenever sessions have ended, here or elsewhere.
    pub(crate) ends: watch::Sender<()>,
    /// Sign-outs that the API has not heard of yet.
    pub(crate) unconfirmed: Mutex<Vec<(Visitor, Session)>>,
    spread: SpreadKey,
}

/// What a gateway is told, besides its keys and its API.
pub struct GatewaySettings {
    /// The public origin.
    pub site: Site,
    /// What is particular about the API.
    pub dialect: Dialect,
    /// The web server that has the site's other pages, if there is one.
    pub ui: Option<Upstream>,
    /// Paths that need a session, besides `/dashboard/**`.
    pub protect: Vec<PathPattern>,
    /// How old the knowledge of revocations may be before guarded pages are refused (RV-03).
    pub max_stale: Duration,
}

/// Why a call for a visitor has no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoAnswer {
    /// The visitor is not signed in, or not any more.
    #[error("signed out")]
    SignedOut,
    /// The API did not answer; nothing is known of the session.
    #[error(transparent)]
    Outage(#[from] Outage),
}

impl Gateway {
    /// A gateway in front of `api`. It follows no revocations until it is told to.
    pub fn new(settings: GatewaySettings, keys: &SealKeys, api: Upstream, clock: Clock) -> Self {
        let GatewaySettings { site, dialect, ui, protect, max_stale } = settings;
        Self(Arc::new(Parts {
            cookie: SessionCookie::new(&site, keys),
            spread: SpreadKey::new(keys),
            guard: Guard::new(protect),
            ended: Arc::new(Ended::new(clock.clone())),
            revoked: Revocations::new(max_stale),
            flights: Flights::new(clock.clone()),
            ends: watch::Sender::new(()),
            unconfirmed: Mutex::default(),
            site,
            api,
            dialect,
            ui,
            clock,
        }))
    }

    /// Whether the site has pages elsewhere.
    pub fn has_ui(&self) -> bool {
        self.0.ui.is_some()
    }

    /// Name of the cookie by which scripts notice that the session is another.
    pub fn hint_name(&self) -> &'static str {
        self.0.cookie.hint_name()
    }

    /// Whether the API answers at all, whatever it says.
    ///
    /// # Errors
    /// [`Outage`] if it doesn't.
    pub async fn probe(&self) -> Result<(), Outage> {
        self.0.api.send(get("/health")).await.map(drop)
    }

    /// Whether the session is over before its time: signed out here, or revoked by the API.
    pub(crate) fn is_ended(&self, session: &Session) -> bool {
        self.0.ended.contains(&session.sid) || self.0.revoked.contains(session)
    }

    /// Makes sure that the visitor's access token is good for a call: refreshed ahead of time, by a part of
    /// its life (RF-13). While a token still lives, an outage is no reason to stop.
    ///
    /// # Errors
    /// [`NoAnswer::SignedOut`] if there is no session, or the API says that it is over; then the visitor's
    /// cookie goes too.
    pub async fn fresh(&self, visitor: &Visitor) -> Result<Session, NoAnswer> {
        for _ in 0..MOST_REFRESHES {
            let session = visitor.session().ok_or(NoAnswer::SignedOut)?;
            let now = self.0.clock.now();
            if now < session.refresh_due_at(&self.0.spread)
                || session.refresh.is_none() && now < session.access_until
            {
                return Ok(session);
            }
            match self.renew(visitor, &session).await {
                Err(NoAnswer::Outage(_)) if now < session.access_until => return Ok(session),
                Err(no) => return Err(no),
                Ok(()) => {}
            }
        }
        visitor.session().ok_or(NoAnswer::SignedOut)
    }

    /// Gives the visitor the next tokens of `session`, or ends it if the API says so.
    async fn renew(&self, visitor: &Visitor, session: &Session) -> Result<(), NoAnswer> {
        let now = self.0.clock.now();
        let refreshed = self.refreshed(session).await;
        // Signed out meanwhile: the sign-out wins.
        if self.is_ended(session) {
            visitor.end(now);
            return Err(NoAnswer::SignedOut);
        }
        match refreshed {
            Some(Refreshed::Tokens(tokens)) => {
                visitor.replace(tokens.renew(session), now);
                Ok(())
            }
            Some(Refreshed::Outage(outage)) => Err(outage.into()),
            Some(Refreshed::Over) | None => {
                visitor.end(now);
                Err(NoAnswer::SignedOut)
            }
        }
    }

    /// One refresh for everybody who asks with this session's token; `None` if it has none.
    pub(crate) async fn refreshed(&self, session: &Session) -> Option<Refreshed> {
        let token = session.refresh.clone()?;
        let refresh = {
            let (parts, token) = (self.0.clone(), token.clone());
            || async move { refresh(&parts, &token).await }.boxed()
        };
        Some(self.0.flights.join(&token, refresh).await)
    }

    /// Calls the API for the visitor: with a fresh token, and once more with the next one if the API says that
    /// this one is dead. `request` has a path below `/api/v1` and a body held whole.
    ///
    /// # Errors
    /// [`NoAnswer`]; a refusal by the API is an answer.
    pub async fn call(
        &self,
        visitor: &Visitor,
        request: http::Request<Bytes>,
    ) -> Result<Response, NoAnswer> {
        let session = self.fresh(visitor).await?;
        let response = self.send_as(visitor, &request, &session.access).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        if session.refresh.is_none() {
            if !self.is_nobody(visitor, &session.access).await? {
                return Ok(response);
            }
            self.forget(visitor);
            return Err(NoAnswer::SignedOut);
        }
        self.renew(visitor, &session).await?;
        let session = visitor.session().ok_or(NoAnswer::SignedOut)?;
        let response = self.send_as(visitor, &request, &session.access).await?;
        if response.status() == StatusCode::UNAUTHORIZED
            && self.is_nobody(visitor, &session.access).await?
        {
            self.forget(visitor);
        }
        Ok(response)
    }

    /// Whether the API refuses a token that it has just made. Then the account is gone; a 401 of one route
    /// alone is that route's own affair, and no reason to sign anybody out (CK-09).
    async fn is_nobody(&self, visitor: &Visitor, access: &Token<Access>) -> Result<bool, Outage> {
        let Some(request) = self.0.dialect.me() else { return Ok(false) };
        let response = self.send_as(visitor, &request, access).await?;
        Ok(response.status() == StatusCode::UNAUTHORIZED)
    }

    /// `GET /user/me` and its kind: the answer read as JSON, `None` for anything but 200.
    ///
    /// # Errors
    /// As [`Gateway::call`].
    pub async fn read<T: DeserializeOwned>(
        &self,
        visitor: &Visitor,
        path: &str,
    ) -> Result<Option<T>, NoAnswer> {
        let path = format!("{}{path}", self.0.dialect.prefix());
        let response = self.call(visitor, held(Method::GET, &path, None)).await?;
        match response.status() {
            StatusCode::OK => Ok(Some(json(response).await?)),
            StatusCode::UNAUTHORIZED => Err(NoAnswer::SignedOut),
            status if status.is_server_error() => Err(Outage::Failing.into()),
            _ => Ok(None),
        }
    }

    /// A call with a JSON body below `/api/v1`. `None` when it was done, otherwise what the API said.
    ///
    /// # Errors
    /// As [`Gateway::call`].
    pub async fn change(
        &self,
        visitor: &Visitor,
        method: Method,
        path: &str,
        fields: Option<&Value>,
    ) -> Result<Option<Detail>, NoAnswer> {
        let path = format!("{}{path}", self.0.dialect.prefix());
        let response = self.call(visitor, held(method, &path, fields)).await?;
        match response.status() {
            status if status.is_success() => Ok(None),
            StatusCode::UNAUTHORIZED => Err(NoAnswer::SignedOut),
            status if status.is_server_error() => Err(Outage::Failing.into()),
            _ => Ok(Some(json(response).await?)),
        }
    }

    /// Asks the API who the visitor is, and keeps the answer in the session.
    ///
    /// # Errors
    /// As [`Gateway::call`].
    pub async fn reload_user(&self, visitor: &Visitor) -> Result<Account, NoAnswer> {
        let session = self.fresh(visitor).await?;
        // What an API does not tell is as it was at the login.
        let Some(request) = self.0.dialect.me() else { return Ok(session.user.into()) };
        let answer = Answer::read(self.call(visitor, request).await?).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            return Err(NoAnswer::SignedOut);
        }
        let account = self.0.dialect.account_in(&answer).ok_or(Outage::Failing)?;
        let session = visitor.session().unwrap_or(session);
        if session.user != account.snapshot() {
            visitor.replace(Session { user: account.snapshot(), ..session }, self.0.clock.now());
        }
        Ok(account)
    }

    pub(crate) async fn send_as(
        &self,
        visitor: &Visitor,
        request: &http::Request<Bytes>,
        access: &Token<Access>,
    ) -> Result<Response, Outage> {
        let mut request = request.clone().map(Body::from);
        self.0.dialect.attach(request.headers_mut(), access);
        self.send(visitor, request).await
    }

    /// Sends a request to the API with what it is to know of the visitor.
    pub(crate) async fn send(
        &self,
        visitor: &Visitor,
        mut request: Request,
    ) -> Result<Response, Outage> {
        let with = visitor.forwarding(&self.0.site);
        crate::headers::introduce(request.headers_mut(), &with);
        if let Some(agent) = visitor.agent() {
            request.headers_mut().insert(header::USER_AGENT, agent.clone());
        }
        request.extensions_mut().insert(ClientAddress(visitor.address()));
        let response = self.0.dialect.send(&self.0.api, request).await?;
        if !response.status().is_server_error() {
            self.tell_again();
        }
        Ok(response)
    }
}

async fn refresh(parts: &Parts, token: &Token<Refresh>) -> Refreshed {
    let Some(request) = parts.dialect.refresh(token) else { return Refreshed::Over };
    let answer = match parts.api.send(request).await {
        Ok(response) => Answer::read(response).await,
        Err(outage) => Err(outage),
    };
    match answer {
        Ok(answer) if answer.status.is_success() => {
            match Tokens::of(&answer, &parts.dialect, parts.clock.now()) {
                Ok(tokens) => Refreshed::Tokens(Box::new(tokens)),
                Err(outage) => Refreshed::Outage(outage),
            }
        }
        // Only these are definitive (G3); 409, 429 and 5xx say nothing of the session (RF-17).
        Ok(answer) if parts.dialect.is_over(answer.status, &answer.body) => Refreshed::Over,
        Ok(_) => Refreshed::Outage(Outage::Failing),
        Err(outage) => Refreshed::Outage(outage),
    }
}
