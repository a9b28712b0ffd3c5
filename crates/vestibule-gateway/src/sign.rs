//! Signing in, up and out.

use std::mem::take;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::StatusCode;
use serde_json::Value;
use vestibule_types::Detail;

use crate::account::Account;
use crate::counts;
use crate::flight::Refreshed;
use crate::gateway::Gateway;
use crate::requests::{Answer, retry_after};
use crate::session::{Session, SessionTag};
use crate::tokens::Tokens;
use crate::upstream::Outage;
use crate::visitor::Visitor;

/// What came of a sign-in.
#[derive(Debug)]
pub enum SignIn {
    /// The visitor is signed in, and this is who.
    Done(Box<Account>),
    /// Not the account's password, or no such account.
    Wrong,
    /// Too many attempts; seconds to wait.
    Throttled(u64),
}

/// What came of showing a password again.
pub(crate) enum Proof {
    /// It is the account's. This session is in nobody's cookie: who has it ends it.
    Right(Box<Session>),
    /// It is not.
    Wrong,
    /// Too many attempts; seconds to wait.
    Throttled(u64),
}

/// What the API said of a name and a password.
enum LogIn {
    Right(Box<(Answer, Tokens)>),
    Wrong,
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
        let (answer, tokens) = match self.log_in(visitor, identifier, password, remember).await? {
            LogIn::Right(answer) => *answer,
            LogIn::Wrong => return Ok(SignIn::Wrong),
            LogIn::Throttled(seconds) => return Ok(SignIn::Throttled(seconds)),
        };
        let account = self.account_of(visitor, &tokens, &answer, identifier).await?;
        let session = self.session_of(tokens, &account, remember)?;
        if visitor.session().is_some() {
            self.sign_out(visitor).await;
        }
        visitor.replace(session, self.0.clock.now());
        counts::begun();
        Ok(SignIn::Done(Box::new(account)))
    }

    async fn log_in(
        &self,
        visitor: &Visitor,
        identifier: &str,
        password: &str,
        remember: bool,
    ) -> Result<LogIn, Outage> {
        let dialect = self.dialect();
        let request = dialect.login(identifier, password, remember);
        let answer = Answer::read(self.send(visitor, request).await?).await?;
        match answer.status {
            status if dialect.is_signed_in(status) => {
                let tokens = Tokens::of(&answer, &dialect, self.0.clock.now())?;
                Ok(LogIn::Right(Box::new((answer, tokens))))
            }
            StatusCode::TOO_MANY_REQUESTS => Ok(LogIn::Throttled(retry_after(&answer.headers))),
            status if dialect.is_wrong(status) => Ok(LogIn::Wrong),
            _ => Err(Outage::Failing),
        }
    }

    /// Has the visitor show the password of `account` again: by a login, which the API counts as any other.
    ///
    /// # Errors
    /// [`Outage`] if the API gave no verdict.
    pub(crate) async fn prove(
        &self,
        visitor: &Visitor,
        account: &Account,
        password: &str,
    ) -> Result<Proof, Outage> {
        let name = &account.username;
        let (answer, tokens) = match self.log_in(visitor, name, password, false).await? {
            LogIn::Right(answer) => *answer,
            LogIn::Wrong => return Ok(Proof::Wrong),
            LogIn::Throttled(seconds) => return Ok(Proof::Throttled(seconds)),
        };
        let session = self.session_of(tokens.clone(), account, false)?;
        // Somebody else may have got the name meanwhile.
        match self.account_of(visitor, &tokens, &answer, name).await {
            Ok(other) if other.id == account.id => Ok(Proof::Right(Box::new(session))),
            other => {
                self.discard(visitor, session).await;
                other.map(|_| Proof::Wrong)
            }
        }
    }

    /// Ends a session that is in nobody's cookie. The FastAPI backend makes the same tokens twice in a second: then they
    /// are the visitor's own, and stay.
    pub(crate) async fn discard(&self, visitor: &Visitor, session: Session) {
        let is_own = |own: Arc<Session>| {
            own.access == session.access || own.refresh.is_some() && own.refresh == session.refresh
        };
        if visitor.session().is_some_and(is_own) {
            return;
        }
        self.end(&session);
        self.tell_of_end(visitor, session).await;
    }

    /// Whose tokens these are. An API without a route for that may tell it beside them; at least it is somebody who
    /// signed in under this name.
    async fn account_of(
        &self,
        visitor: &Visitor,
        tokens: &Tokens,
        login: &Answer,
        identifier: &str,
    ) -> Result<Account, Outage> {
        let dialect = self.dialect();
        if let Some(request) = dialect.me() {
            let answer = Answer::read(
                self.send_as(&self.api_way(), visitor, request, &tokens.access).await?,
            )
            .await?;
            return dialect.account_in(&answer).ok_or(Outage::Failing);
        }
        let told = dialect.account(&login.body);
        Ok(told.unwrap_or_else(|| Account::named(identifier, identifier, "")))
    }

    /// A new session with these tokens.
    fn session_of(
        &self,
        tokens: Tokens,
        account: &Account,
        persistent: bool,
    ) -> Result<Session, Outage> {
        let now = self.0.clock.now();
        Ok(Session {
            sid: SessionTag::random().map_err(|_| Outage::Failing)?,
            access_from: tokens.access_from,
            access_until: tokens.access_until,
            began: now,
            ends_at: tokens.session_end(now, persistent),
            persistent,
            user: account.snapshot(),
            access: tokens.access,
            refresh: tokens.refresh.map(|refresh| refresh.token),
        })
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
        let dialect = self.dialect();
        let request = dialect.register(fields).ok_or(Outage::Failing)?;
        let answer = Answer::read(self.send(visitor, request).await?).await?;
        match answer.status {
            status if status.is_success() => Ok(None),
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST | StatusCode::CONFLICT => {
                Ok(Some(dialect.refusal(&answer.body)))
            }
            _ => Err(Outage::Failing),
        }
    }

    /// Whether the API makes accounts.
    pub fn registers(&self) -> bool {
        self.dialect().registers()
    }

    /// Signs the visitor out: here at once, and at the API with both tokens. A sign-out can't fail for the
    /// visitor (G15).
    pub async fn sign_out(&self, visitor: &Visitor) {
        let Some(session) = visitor.session() else { return };
        self.end(&session);
        counts::ended("signed_out");
        visitor.end(self.0.clock.now());
        self.tell_of_end(visitor, Session::clone(&session)).await;
    }

    /// Tells the API that a session has ended.
    async fn tell_of_end(&self, visitor: &Visitor, session: Session) {
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
    async fn confirm(&self, visitor: Visitor, mut session: Session) -> Result<(), Outage> {
        let told = self.revoke(&visitor, &mut session).await;
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

    /// Has the API end `session`, which from then on holds the newest tokens that there are of it.
    async fn revoke(&self, visitor: &Visitor, session: &mut Session) -> Result<(), Outage> {
        if self.0.clock.now() >= session.access_until {
            // The FastAPI backend wants a live access token even here.
            if let Some(Refreshed::Tokens(tokens)) = self.refreshed(session).await {
                *session = tokens.renew(session);
            }
        }
        let told = self.say_goodbye(visitor, session).await;
        if told != Err(Outage::Failing) {
            return told;
        }
        // That backend also fails if it has heard of the one token already, and does not look at the other then. Whether
        // there is anything left to end, it says when asked for the next tokens.
        match self.refreshed(session).await {
            Some(Refreshed::Over) => Ok(()),
            Some(Refreshed::Tokens(tokens)) if tokens.access != session.access => {
                *session = tokens.renew(session);
                self.say_goodbye(visitor, session).await
            }
            _ => told,
        }
    }

    /// Shows the API both tokens. A refusal is its last word, since saying the same again changes nothing; and if it
    /// knows no way to sign out, there is nobody to tell.
    pub(crate) async fn say_goodbye(
        &self,
        visitor: &Visitor,
        session: &Session,
    ) -> Result<(), Outage> {
        let request = self.dialect().logout(&session.access, session.refresh.as_ref());
        let Some(request) = request else { return Ok(()) };
        match self.send(visitor, request).await?.status() {
            status if status.is_success() || status.is_redirection() => Ok(()),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(Outage::Failing),
            StatusCode::UNAUTHORIZED => Ok(()),
            status if status.is_client_error() => {
                tracing::warn!(status = status.as_u16(), "the API refused a sign-out");
                Ok(())
            }
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
}
