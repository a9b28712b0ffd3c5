use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use opentelemetry::trace::FutureExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;
use vestibule_types::{Access, ClientAddress, Clock, Detail, Refresh, Token, TrustedHops};

use crate::account::Account;
use crate::arrival::HopSettings;
use crate::cookie::SessionCookie;
use crate::counts;
use crate::dialect::{Dialect, is_elsewhere};
use crate::ended::Ended;
use crate::flight::{Flights, Refreshed};
use crate::host::Hosts;
use crate::plan::Plan;
use crate::requests::{Answer, get, held, json};
use crate::revoked::Revocations;
use crate::seal::SealKeys;
use crate::session::{Session, SpreadKey};
use crate::site::Site;
use crate::tokens::Tokens;
use crate::toward_ui::TowardUi;
use crate::upstream::{Outage, PATIENCE, Upstream};
use crate::visitor::Visitor;

/// A token that a refresh brought so few seconds ago is not refreshed because of a 401; less for short lives.
const BRAND_NEW: i64 = 30;

/// How often one request follows refreshed tokens that are due again at once.
const MOST_REFRESHES: usize = 3;

/// Browser sessions in front of an API. It keeps no state that matters: what it remembers only makes a
/// sign-out quicker and a refresh rarer. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(pub(crate) Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) site: Site,
    pub(crate) api: Upstream,
    pub(crate) cookie: SessionCookie,
    pub(crate) toward_ui: TowardUi,
    pub(crate) plan: ArcSwap<Plan>,
    pub(crate) hosts: Hosts,
    pub(crate) trusted: TrustedHops,
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
    /// What goes where.
    pub plan: Plan,
    /// How old the knowledge of revocations may be before guarded pages are refused (RV-03).
    pub max_stale: Duration,
    /// Proxies in front of it.
    pub hops: HopSettings,
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
        let GatewaySettings { site, plan, max_stale, hops } = settings;
        Self(Arc::new(Parts {
            cookie: SessionCookie::new(&site, keys),
            toward_ui: TowardUi::new(&site, keys),
            spread: SpreadKey::new(keys),
            plan: ArcSwap::from_pointee(plan),
            hosts: Hosts::new(&site, hops.also_hosts),
            trusted: hops.trusted,
            ended: Arc::new(Ended::new(clock.clone())),
            revoked: Revocations::new(max_stale),
            flights: Flights::new(clock.clone()),
            ends: watch::Sender::new(()),
            unconfirmed: Mutex::default(),
            site,
            api,
            clock,
        }))
    }

    /// From now on requests go by this plan; those under way end by the one they began with.
    pub fn replace_plan(&self, plan: Plan) {
        self.0.plan.store(Arc::new(plan));
    }

    /// How the API is spoken to.
    pub(crate) fn dialect(&self) -> Arc<Dialect> {
        self.0.plan.load().dialect.clone()
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
    pub async fn fresh(&self, visitor: &Visitor) -> Result<Arc<Session>, NoAnswer> {
        for _ in 0..MOST_REFRESHES {
            let session = visitor.session().ok_or(NoAnswer::SignedOut)?;
            let now = self.0.clock.now();
            if !session.is_refresh_due(&self.0.spread, now)
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
                counts::ended("refused");
                visitor.end(now);
                Err(NoAnswer::SignedOut)
            }
        }
    }

    /// One refresh for everybody who asks with this session's token; `None` if it has none.
    pub(crate) async fn refreshed(&self, session: &Session) -> Option<Refreshed> {
        let token = session.refresh.clone()?;
        let refresh = {
            let (parts, dialect, token) = (self.0.clone(), self.dialect(), token.clone());
            || {
                async move { counts::refresh(refresh(&parts, &dialect, &token).await) }
                    .with_current_context()
                    .boxed()
            }
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
        let (parts, body) = request.into_parts();
        let head = || http::Request::from_parts(parts.clone(), ());
        self.ask(&self.api_way(), visitor, head, Payload::Held(body)).await
    }

    /// Asks an upstream for the visitor, with his token kept fresh, by a request with this `head`. If it says that the token
    /// is dead, there is one refresh and, if the body is held whole, one more try (GW-14, GW-20).
    pub(crate) async fn ask(
        &self,
        way: &AskedBy<'_>,
        visitor: &Visitor,
        head: impl Fn() -> http::Request<()>,
        payload: Payload,
    ) -> Result<Response, NoAnswer> {
        let session = self.fresh(visitor).await?;
        let body = match payload {
            Payload::Held(body) => body,
            // Not before: nobody is asked for a body that is then refused (RFC 9110, 10.1.1).
            Payload::ToHold(body) => body.collect().await.map_err(|_| Outage::Broken)?.to_bytes(),
            // What can't be repeated goes out once.
            Payload::Streamed(body) => {
                let request = head().map(|()| body);
                return Ok(self.send_as(way, visitor, request, &session.access).await?);
            }
        };
        let request = || head().map(|()| body.clone());
        let response = self.send_as(way, visitor, request(), &session.access).await?;
        if !self.is_worth_a_refresh(&session, &response, way.is_identity) {
            return Ok(response);
        }
        if session.refresh.is_none() {
            if !self.is_nobody(visitor, &session.access).await? {
                return Ok(response);
            }
            match visitor.is_guest() {
                // His browser's session can be refreshed, and may live on.
                true => visitor.end(self.0.clock.now()),
                false => self.forget(visitor),
            }
            return Err(NoAnswer::SignedOut);
        }
        self.renew(visitor, &session).await?;
        let session = visitor.session().ok_or(NoAnswer::SignedOut)?;
        let response = self.send_as(way, visitor, request(), &session.access).await?;
        if way.is_identity
            && response.status() == StatusCode::UNAUTHORIZED
            && self.is_nobody(visitor, &session.access).await?
        {
            self.forget(visitor);
        }
        Ok(response)
    }

    /// A 401 is, if the API that made the token says so, or another one in as many words (RFC 6750, 3.1); but not
    /// of a token that a refresh has just brought: who refuses that refuses the next one too (GW-20, F15).
    fn is_worth_a_refresh(
        &self,
        session: &Session,
        response: &Response,
        is_identity: bool,
    ) -> bool {
        let age = self.0.clock.now() - session.access_from;
        let is_brand_new = session.access_from > session.began
            && (0..BRAND_NEW.min(session.access_life() / 4)).contains(&age);
        let is_refused = response.status() == StatusCode::UNAUTHORIZED
            && (is_identity || says_invalid_token(response.headers()));
        is_refused && !is_brand_new
    }

    /// Whether the API refuses a token that it has just made. Then the account is gone; a 401 of one route
    /// alone is that route's own affair, and no reason to sign anybody out (CK-09).
    async fn is_nobody(&self, visitor: &Visitor, access: &Token<Access>) -> Result<bool, Outage> {
        let Some(request) = self.dialect().me() else { return Ok(false) };
        let response = self.send_as(&self.api_way(), visitor, request, access).await?;
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
        let path = format!("{}{path}", self.dialect().prefix());
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
        let path = format!("{}{path}", self.dialect().prefix());
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
        let Some(answer) = self.who(visitor).await? else { return Ok(session.user.clone().into()) };
        let account = self.dialect().account_in(&answer).ok_or(Outage::Failing)?;
        let session = visitor.session().unwrap_or(session);
        let changed = &self.0.toward_ui.changed;
        match visitor.is_guest() {
            true => changed.note(&session.sid, account.snapshot(), self.0.clock.now()),
            false => changed.forget(&session.sid),
        }
        if session.user != account.snapshot() {
            visitor.replace(
                Session { user: account.snapshot(), ..Session::clone(&session) },
                self.0.clock.now(),
            );
        }
        Ok(account)
    }

    /// What the API says of the visitor; `None` if it has no route for that.
    ///
    /// # Errors
    /// As [`Gateway::call`].
    pub(crate) async fn who(&self, visitor: &Visitor) -> Result<Option<Answer>, NoAnswer> {
        let Some(request) = self.dialect().me() else { return Ok(None) };
        let answer = Answer::read(self.call(visitor, request).await?).await?;
        match answer.status {
            StatusCode::UNAUTHORIZED => Err(NoAnswer::SignedOut),
            status if status.is_success() => Ok(Some(answer)),
            _ => Err(Outage::Failing.into()),
        }
    }

    pub(crate) fn send_as(
        &self,
        way: &AskedBy<'_>,
        visitor: &Visitor,
        request: http::Request<impl Into<Body>>,
        access: &Token<Access>,
    ) -> impl Future<Output = Result<Response, Outage>> {
        let mut request = request.map(Into::into);
        self.dialect().attach(request.headers_mut(), access);
        self.send_by(way, visitor, request)
    }

    /// Sends a request to the API with what it is to know of the visitor.
    pub(crate) async fn send(
        &self,
        visitor: &Visitor,
        mut request: Request,
    ) -> Result<Response, Outage> {
        crate::headers::introduce(request.headers_mut(), &visitor.forwarding(&self.0.site));
        if let Some(agent) = visitor.agent() {
            request.headers_mut().insert(header::USER_AGENT, agent.clone());
        }
        self.send_by(&self.api_way(), visitor, request).await
    }

    pub(crate) async fn send_by(
        &self,
        way: &AskedBy<'_>,
        visitor: &Visitor,
        mut request: Request,
    ) -> Result<Response, Outage> {
        request.extensions_mut().insert(ClientAddress(visitor.address()));
        let (request, other) = match way.is_identity {
            true => self.dialect().spelled(request),
            false => (request, None),
        };
        let mut response = way.upstream.send_within(request, way.patience, way.silence).await?;
        if let Some(other) = other.filter(|_| is_elsewhere(response.status())) {
            response = way.upstream.send_within(other, way.patience, way.silence).await?;
        }
        if way.is_identity && !response.status().is_server_error() {
            self.tell_again();
        }
        Ok(response)
    }

    pub(crate) fn api_way(&self) -> AskedBy<'_> {
        AskedBy { upstream: &self.0.api, patience: PATIENCE, silence: None, is_identity: true }
    }
}

/// An upstream, and how it is waited for.
pub(crate) struct AskedBy<'a> {
    pub(crate) upstream: &'a Upstream,
    /// For the head of the answer.
    pub(crate) patience: Duration,
    /// For the next piece of its body; left out, what is usual.
    pub(crate) silence: Option<Duration>,
    /// Whether it is the API that makes the tokens.
    pub(crate) is_identity: bool,
}

/// A request's body.
pub(crate) enum Payload {
    /// Whole, so that it can be sent twice.
    Held(Bytes),
    /// As it comes, and small enough to be held.
    ToHold(Body),
    /// As it comes.
    Streamed(Body),
}

fn says_invalid_token(headers: &HeaderMap) -> bool {
    let challenges = headers.get_all(header::WWW_AUTHENTICATE).into_iter();
    challenges.filter_map(|value| value.to_str().ok()).any(|value| value.contains("invalid_token"))
}

async fn refresh(parts: &Parts, dialect: &Dialect, token: &Token<Refresh>) -> Refreshed {
    let Some(request) = dialect.refresh(token) else { return Refreshed::Over };
    let answer = match parts.api.send(request).await {
        Ok(response) => Answer::read(response).await,
        Err(outage) => Err(outage),
    };
    match answer {
        Ok(answer) if answer.headers.contains_key("x-vestibule-gateways-only") => {
            tracing::error!(
                "the API does not know this gateway: both need the same feed key and the right time"
            );
            Refreshed::Outage(Outage::Failing)
        }
        Ok(answer) if answer.status.is_success() => {
            match Tokens::of(&answer, dialect, parts.clock.now()) {
                Ok(tokens) => Refreshed::Tokens(Box::new(tokens)),
                Err(outage) => Refreshed::Outage(outage),
            }
        }
        // Only these are definitive (G3); 409, 429 and 5xx say nothing of the session (RF-17).
        Ok(answer) if dialect.is_over(answer.status, &answer.body) => Refreshed::Over,
        Ok(_) => Refreshed::Outage(Outage::Failing),
        Err(outage) => Refreshed::Outage(outage),
    }
}
