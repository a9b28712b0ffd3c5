use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use vestibule_types::{Access, Email, Invalid, Password, Refresh, Token, TokenAnswer};

use crate::Api;
use crate::body::Form;
use crate::client::Client;
use crate::counts;
use crate::error::ApiError;
use crate::passwords::Checked;
use crate::store::{Credentials, NewSession};
use crate::tokens::{Bearer, Place, random_id};

/// `POST /login`: username or e-mail, and password, as a form; and `remember_me`, which may be left out.
/// Answers 200 with an access token, and the refresh token in a cookie; 401 for any pair that isn't right, 422
/// for a field that is missing or no boolean, 429 after too many wrong ones, 503 while too many are being checked.
#[tracing::instrument(name = "session.login", skip_all)]
pub(crate) async fn login(
    State(api): State<Api>,
    client: Client,
    form: Form,
) -> Result<Response, ApiError> {
    let (identifier, password, persistent) = read(&form)?;
    let account = counts::login(authenticate(&api, identifier, password, &client).await)?;
    let now = api.0.clock.now();
    let (sid, first) = (random_id(), random_id());
    let bearer = Bearer {
        username: &account.username,
        user: account.id,
        sid: &sid,
        expires_at: now + api.0.settings.session_life(persistent),
    };
    let session = NewSession {
        sid: &sid,
        user: account.id,
        password_hash: &account.password_hash,
        first: &first,
        now,
        expires_at: bearer.expires_at,
        persistent,
        agent: &client.agent,
        address: &client.address.to_string(),
    };
    if !api.0.store.begin_session(&session).await? {
        return Err(ApiError::BadCredentials);
    }
    counts::begun();
    let place = Place { jti: first, prt: String::new(), r#gen: 0, iat: now };
    let refresh = api.0.issuer.refresh(&bearer, place);
    tracing::info!(user.id = %account.id, "signed in");
    let max_age = persistent.then_some(bearer.expires_at - now);
    Ok(tokens(api.0.issuer.access(&bearer, now), &refresh, max_age))
}

/// The answer of `/login` and `/refresh`: the access token in the body, the refresh token in a cookie that
/// lives `max_age` seconds, or as long as the browser runs.
pub(super) fn tokens(
    access: Token<Access>,
    refresh: &Token<Refresh>,
    max_age: Option<i64>,
) -> Response {
    let max_age = max_age.map(|seconds| format!(" Max-Age={seconds};")).unwrap_or_default();
    let cookie = format!(
        "refresh_token={}; HttpOnly;{max_age} Path=/; SameSite=lax; Secure",
        refresh.reveal()
    );
    let cookie = HeaderValue::try_from(cookie).expect("a token is base64url and dots");
    let body = Json(TokenAnswer { access_token: access, token_type: "bearer".to_owned() });
    ([(header::SET_COOKIE, cookie)], body).into_response()
}

/// The two fields of the form, and whether to remember who signs in: yes, unless `remember_me` says no.
/// `grant_type` may be there, and then says `password` (RFC 6749, 4.3.2).
fn read(form: &Form) -> Result<(&str, Password, bool), ApiError> {
    let mut errors = Vec::new();
    if form.last("grant_type").is_some_and(|kind| kind != "password") {
        errors.push(Invalid::pattern("^password$").of("grant_type"));
    }
    let mut field = |name| {
        let value = form.last(name);
        if value.is_none() {
            errors.push(Invalid::missing().of(name));
        }
        value
    };
    let (identifier, password) = (field("username"), field("password"));
    let persistent = form.last("remember_me").map_or(Some(true), yes_or_no);
    if persistent.is_none() {
        errors.push(Invalid::not_a_boolean().of("remember_me"));
    }
    match (identifier, password, persistent) {
        (Some(identifier), Some(password), Some(persistent)) if errors.is_empty() => {
            Ok((identifier, Password::typed(password), persistent))
        }
        _ => Err(ApiError::Fields(errors)),
    }
}

/// A form's boolean, in any case: Python writes `True`.
fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "1" => Some(true),
        "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// The account whose password this is. Every way to sign in comes through here (LG-11).
pub(super) async fn authenticate(
    api: &Api,
    identifier: &str,
    password: Password,
    client: &Client,
) -> Result<Credentials, ApiError> {
    let account = api.0.store.credentials(identifier).await?;
    let now = api.0.clock.now();
    let attempt =
        api.0.throttle.admit(counted_as(account.as_ref(), identifier), client.address, now).await?;
    let stored = account.as_ref().map(|account| account.password_hash.clone());
    let password = Arc::new(password);
    let checked = match api.0.hasher.check(password.clone(), stored).await {
        Ok(checked) => checked,
        Err(busy) => {
            attempt.forgive();
            return Err(busy.into());
        }
    };
    let Some(mut account) = account.filter(|_| checked != Checked::Wrong) else {
        tracing::info!("sign-in refused");
        return Err(ApiError::BadCredentials);
    };
    attempt.forgive();
    if let Checked::RightUpgrade(new) = checked {
        let replaced = api.0.store.replace_hash(account.id, &account.password_hash, &new).await?;
        account.password_hash =
            if replaced { new } else { again(api, identifier, &password).await? };
    }
    Ok(account)
}

/// The account's present hash, which another sign-in or a password change has just put there, if the password
/// fits it too.
async fn again(api: &Api, identifier: &str, password: &Arc<Password>) -> Result<String, ApiError> {
    let account = api.0.store.credentials(identifier).await?.ok_or(ApiError::BadCredentials)?;
    let stored = Some(account.password_hash.clone());
    match api.0.hasher.check(password.clone(), stored).await? {
        Checked::Wrong => Err(ApiError::BadCredentials),
        Checked::Right | Checked::RightUpgrade(_) => Ok(account.password_hash),
    }
}

/// What attempts are counted by: the account, so that its name and its address share one budget (TH-03),
/// or the text typed, if it is nobody's.
fn counted_as(account: Option<&Credentials>, identifier: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    match account {
        Some(account) => account.id.hash(&mut hasher),
        None => Email::key_of(identifier).hash(&mut hasher),
    }
    hasher.finish()
}
