//! Who is calling, as types that prove it: [`CurrentUser`], [`Owner`].

use std::sync::Arc;

use axum::RequestExt as _;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use vestibule_types::{SignedIn, UserId};

use crate::Api;
use crate::body::{FromFields, Valid};
use crate::error::ApiError;
use crate::store::LiveAccount;

/// A live, unrevoked access token of an existing account was shown.
pub(crate) struct CurrentUser {
    pub(crate) account: Arc<LiveAccount>,
    pub(crate) sid: String,
}

impl FromRequestParts<Api> for CurrentUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let current = api.current(bearer(&parts.headers)?).await?;
        if let Some(signed_in) = parts.extensions.get::<SignedIn>() {
            signed_in.is(current.account.id);
        }
        Ok(current)
    }
}

impl Api {
    /// Whether an access token is alive: signature, expiry, kind, session and account are what it should be. Every request that shows
    /// one asks this first.
    pub async fn is_live(&self, token: &str) -> bool {
        self.current(token).await.is_ok()
    }

    async fn current(&self, token: &str) -> Result<CurrentUser, ApiError> {
        let now = self.0.clock.now();
        let claims = self.verify_access(token, now).await?.ok_or(ApiError::BadBearer)?;
        let account = self.0.store.live_user(claims.uid, &claims.sid, now).await?;
        let account = account.ok_or(ApiError::BadBearer)?;
        Ok(CurrentUser { account, sid: claims.sid })
    }
}

impl CurrentUser {
    /// The account's number.
    pub(crate) fn id(&self) -> UserId {
        self.account.id
    }

    /// The account's name, as it is now.
    pub(crate) fn username(&self) -> &str {
        &self.account.username
    }

    /// Whether its session began lately enough for what a stolen one must not do (LG-05).
    ///
    /// # Errors
    /// [`ApiError::NotFresh`].
    pub(crate) async fn must_be_fresh(&self, api: &Api) -> Result<(), ApiError> {
        let Some(limit) = api.0.settings.fresh_login else { return Ok(()) };
        let began = api.0.store.session_began(&self.sid).await?;
        match began {
            Some(began) if began + limit > api.0.clock.now() => Ok(()),
            _ => Err(ApiError::NotFresh),
        }
    }
}

/// The token after `Bearer ` and one blank; RFC 6750, 2.1.
///
/// # Errors
/// [`ApiError::NoBearer`] without the header or with another scheme, [`ApiError::BadBearer`] if what
/// follows can't be a token (contract, section 1).
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let value = headers.get(header::AUTHORIZATION).ok_or(ApiError::NoBearer)?;
    let (scheme, token) = match value.as_bytes().iter().position(|byte| *byte == b' ') {
        Some(blank) => (&value.as_bytes()[..blank], &value.as_bytes()[blank + 1..]),
        None => (value.as_bytes(), &b""[..]),
    };
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(ApiError::NoBearer);
    }
    std::str::from_utf8(token).map_err(|_| ApiError::BadBearer)
}

/// A [`CurrentUser`] whose own account the path names (LG-17).
pub(crate) struct Owner(pub(crate) CurrentUser);

impl Owner {
    async fn of_path(current: CurrentUser, username: &str, api: &Api) -> Result<Self, ApiError> {
        if username == current.username() {
            return Ok(Self(current));
        }
        match api.0.store.user_named(username).await? {
            Some(_) => Err(ApiError::Forbidden),
            None => Err(ApiError::NotFound("User not found")),
        }
    }
}

impl FromRequestParts<Api> for Owner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let current = CurrentUser::from_request_parts(parts, api).await?;
        let UsernameInPath(username) = UsernameInPath::from_request_parts(parts, api).await?;
        Self::of_path(current, &username, api).await
    }
}

/// An [`Owner`] and the body sent. Asked in the contract's order: token, body, account, owner.
pub(crate) struct Owned<T>(pub(crate) Owner, pub(crate) T);

impl<T: FromFields + Send> FromRequest<Api> for Owned<T> {
    type Rejection = ApiError;

    async fn from_request(mut request: Request, api: &Api) -> Result<Self, ApiError> {
        let current: CurrentUser = request.extract_parts_with_state(api).await?;
        let UsernameInPath(username) = request.extract_parts_with_state(api).await?;
        let Valid(body) = Valid::from_request(request, api).await?;
        Ok(Self(Owner::of_path(current, &username, api).await?, body))
    }
}

/// The `{username}` of the path; what can't be decoded names nobody.
pub(crate) struct UsernameInPath(pub(crate) String);

impl FromRequestParts<Api> for UsernameInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, api).await;
        path.map(|Path(username)| Self(username)).map_err(|_| ApiError::NotFound("User not found"))
    }
}
