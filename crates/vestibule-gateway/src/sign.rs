//! Signing in, up and out.

use std::mem::take;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{StatusCode, header};
use serde_json::Value;
use vestibule_types::{Access, Detail, Token, User};

use crate::counts;
use crate::flight::Refreshed;
use crate::gateway::{Gateway, snapshot};
use crate::requests::{ME, attach, get_held, json, post, refresh_cookie, retry_after};
use crate::session::{Session, SessionTag};
use crate::tokens::Tokens;
use crate::upstream::Outage;
use crate::visitor::Visitor;

/// What came of a sign-in.
#[derive(Debug)]
pub enum SignIn {
    /// The visitor is signed in.
    Done,
    /// Not the account's password, or no such account.
    Wrong,
    /// Too many attempts; seconds to wait.
    Throttled(u64),
}

/// How long a visitor waits for the API to hear of his sign-out; here it counts at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most sign-outs remembered for an API that is away (RL-07).
const MOST_UNCONFIRMED: usize = 10_000;

impl Gateway {
    /// Signs the visitor in, and not to `remember` him means: for as long as the browser runs, and not for
    /// long. A session he had ends (LG-01).
    ///
    /// # Errors
    /// [`Outage`] if the API gave no verdict.
    pub async fn sign_in(
        &self,
        visitor: &Visitor,
        identifier: &str,
        password: &str,
        remember: bool,
    ) -> Result<SignIn, Outage> {
        // An API that does not know the last one passes over it.
        let fields = [("username", identifier), ("password", password), ("remember_me", "false")];
        let fields = &fields[..if remember { 2 } else { 3 }];
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = post("/login", "application/x-www-form-urlencoded", form.into());
        let response = self.send(visitor, request).await?;
        match response.status() {
            StatusCode::OK => {
                let tokens = Tokens::read(response, self.0.clock.now()).await?;
                self.begin(visitor, tokens, remember).await?;
                Ok(SignIn::Done)
            }
            StatusCode::UNAUTHORIZED
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::BAD_REQUEST => Ok(SignIn::Wrong),
            StatusCode::TOO_MANY_REQUESTS => Ok(SignIn::Throttled(retry_after(response.headers()))),
            _ => Err(Outage::Failing),
        }
    }

    /// A new session with these tokens is the visitor's.
    async fn begin(
        &self,
        visitor: &Visitor,
        tokens: Tokens,
        persistent: bool,
    ) -> Result<(), Outage> {
        let user = self.user_of(visitor, &tokens.access).await?.ok_or(Outage::Failing)?;
        let now = self.0.clock.now();
        let session = Session {
            sid: SessionTag::random().map_err(|_| Outage::Failing)?,
            access_from: tokens.access_from,
            access_until: tokens.access_until,
            began: now,
            ends_at: tokens.session_end(now, persistent),
            persistent,
            user: snapshot(&user),
            access: tokens.access,
            refresh: tokens.refresh.map(|refresh| refresh.token),
        };
        if visitor.session().is_some() {
            self.sign_out(visitor).await;
        }
        visitor.replace(session, now);
        counts::begun();
        Ok(())
    }

    /// Makes an account from a JSON object of fields. It signs nobody in. `None` when it was made, otherwise
    /// what the API said against it.
    ///
    /// # Errors
    /// [`Outage`] if the API gave no verdict.
    pub async fn register(
        &self,
        visitor: &Visitor,
        fields: &Value,
    ) -> Result<Option<Detail>, Outage> {
        let request = post("/user", "application/json", fields.to_string().into());
        let response = self.send(visitor, request).await?;
        match response.status() {
            StatusCode::CREATED | StatusCode::OK => Ok(None),
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST | StatusCode::CONFLICT => {
                json(response).await.map(Some)
            }
            _ => Err(Outage::Failing),
        }
    }

    /// Signs the visitor out: here at once, and at the API with both tokens. A sign-out can't fail for the
    /// visitor (G15).
    pub async fn sign_out(&self, visitor: &Visitor) {
        let Some(session) = visitor.session() else { return };
        self.end(&session);
        counts::ended("signed_out");
        visitor.end(self.0.clock.now());
        // A task: the API hears of it though the browser has gone, and a slow API does not hold the browser.
        let told = {
            let (gateway, visitor) = (self.clone(), visitor.clone());
            tokio::spawn(async move {
                let session = gateway.newest(&session).await;
                if let Err(outage) = gateway.confirm(visitor, session).await {
                    metrics::counter!("vestibule_sign_outs_unconfirmed_total").increment(1);
                    tracing::warn!(error = %outage, "the API did not confirm a sign-out: it will be told again");
                }
            })
        };
        let _goes_on_by_itself = tokio::time::timeout(PATIENCE, told).await;
    }

    /// Tells the API of a sign-out; if it does not answer, again as soon as it has answered anything (RV-11).
    async fn confirm(&self, visitor: Visitor, session: Session) -> Result<(), Outage> {
        let told = self.revoke(&visitor, session.clone()).await;
        if told.is_err() && !session.is_over(self.0.clock.now()) {
            let mut unconfirmed = self.0.unconfirmed.lock().unwrap_or_else(PoisonError::into_inner);
            if unconfirmed.len() < MOST_UNCONFIRMED {
                unconfirmed.push((visitor, session));
            }
        }
        told
    }

    /// The API has just answered: it may hear of sign-outs that it missed.
    pub(crate) fn tell_again(&self) {
        let missed = take(&mut *self.0.unconfirmed.lock().unwrap_or_else(PoisonError::into_inner));
        if !missed.is_empty() {
            tokio::spawn(self.clone().confirm_all(missed));
        }
    }

    fn confirm_all(self, missed: Vec<(Visitor, Session)>) -> BoxFuture<'static, ()> {
        let confirm = async move {
            for (visitor, session) in missed {
                let _kept_if_it_failed = self.confirm(visitor, session).await;
            }
        };
        confirm.boxed()
    }

    /// The session with the tokens of the refresh that is under way, if one is (G4).
    async fn newest(&self, session: &Session) -> Session {
        let under_way = match &session.refresh {
            Some(token) => self.0.flights.settle(token).await,
            None => None,
        };
        match under_way {
            Some(Refreshed::Tokens(tokens)) => tokens.renew(session),
            _ => session.clone(),
        }
    }

    async fn revoke(&self, visitor: &Visitor, mut session: Session) -> Result<(), Outage> {
        if self.0.clock.now() >= session.access_until {
            // The FastAPI backend wants a live access token even here.
            if let Some(Refreshed::Tokens(tokens)) = self.refreshed(&session).await {
                session = tokens.renew(&session);
            }
        }
        let mut request = post("/logout", "application/json", Bytes::new());
        attach(request.headers_mut(), &session.access);
        if let Some(cookie) = session.refresh.as_ref().map(refresh_cookie) {
            request.headers_mut().insert(header::COOKIE, cookie);
        }
        match self.send(visitor, request).await?.status() {
            status if status.is_success() || status == StatusCode::UNAUTHORIZED => Ok(()),
            _ => Err(Outage::Failing),
        }
    }

    /// From now on this session is over here, with all that streams in it.
    fn end(&self, session: &Session) {
        self.0.ended.add(session);
        self.0.ends.send_replace(());
    }

    /// The visitor's account is no more: so is the session.
    pub fn forget(&self, visitor: &Visitor) {
        if let Some(session) = visitor.session() {
            self.end(&session);
            counts::ended("account_gone");
        }
        visitor.end(self.0.clock.now());
    }

    async fn user_of(
        &self,
        visitor: &Visitor,
        access: &Token<Access>,
    ) -> Result<Option<User>, Outage> {
        for request in ME.map(get_held) {
            let response = self.send_as(visitor, &request, access).await?;
            match response.status() {
                StatusCode::OK => return json(response).await.map(Some),
                status if status.is_server_error() => return Err(Outage::Failing),
                _ => {}
            }
        }
        Ok(None)
    }
}
