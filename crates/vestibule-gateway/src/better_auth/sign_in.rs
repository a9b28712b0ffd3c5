//! `/sign-in/email`, `/sign-in/username`, and either.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::header;
use serde_json::{Value, json};

use super::fields::is_email;
use super::refusal::Refusal;
use super::{Call, Told, callback, names, shape};
use crate::account::Account;
use crate::sign::SignIn;

/// `POST /sign-in/email`.
pub(super) async fn by_email(call: &Call) -> Told {
    let mut fields = call.fields()?;
    let (email, password) = (fields.text("email"), fields.text("password"));
    let address = fields.maybe_text("callbackURL");
    let remember = fields.maybe_flag("rememberMe");
    fields.checked()?;
    if !is_email(email) {
        return Err(Refusal::INVALID_EMAIL);
    }
    let attempt = Attempt {
        identifier: email.to_lowercase(),
        password,
        remember: remember.unwrap_or(true),
        wrong: Refusal::INVALID_EMAIL_OR_PASSWORD,
    };
    attempt.make(call, address).await
}

/// `POST /sign-in`, which no client calls by itself: by e-mail address if there is one (contract: Next.js, G8).
pub(super) async fn by_either(call: &Call) -> Told {
    let has_email = call.body.as_ref().is_some_and(|body| body.get("email").is_some());
    if has_email { by_email(call).await } else { by_username(call).await }
}

/// `POST /sign-in/username`. The name's case does not matter.
pub(super) async fn by_username(call: &Call) -> Told {
    let mut fields = call.fields()?;
    let (username, password) = (fields.text("username"), fields.text("password"));
    let remember = fields.maybe_flag("rememberMe");
    let address = fields.maybe_text("callbackURL");
    fields.checked()?;
    if username.is_empty() {
        return Err(Refusal::INVALID_USERNAME_OR_PASSWORD);
    }
    let attempt = Attempt {
        identifier: names::username_or_422(username)?,
        password,
        remember: remember.unwrap_or(true),
        wrong: Refusal::INVALID_USERNAME_OR_PASSWORD,
    };
    attempt.make(call, address).await
}

struct Attempt<'a> {
    identifier: String,
    password: &'a str,
    remember: bool,
    /// What is said of a wrong password and of nobody alike (LG-12).
    wrong: Refusal,
}

impl Attempt<'_> {
    /// Signs in; a session that was there ends (LG-01).
    async fn make(self, call: &Call, address: Option<&str>) -> Told {
        let Self { identifier, password, remember, wrong } = self;
        names::shown(password)?;
        if password.is_empty() {
            return Err(wrong);
        }
        match call.gateway.sign_in(&call.visitor, &identifier, password, remember).await? {
            SignIn::Done(account) => Ok(signed_in(call, &account, address)),
            SignIn::Wrong => Err(wrong),
            SignIn::Throttled(seconds) => Err(Refusal::throttled(seconds)),
        }
    }
}

/// Who has just signed in, and where the client goes now.
fn signed_in(call: &Call, account: &Account, address: Option<&str>) -> Response {
    let mut told = json!({"redirect": address.is_some_and(|address| !address.is_empty())});
    if let Some(fields) = told.as_object_mut() {
        fields.extend(token_and_user(call, account));
    }
    if let Some(address) = address {
        told["url"] = address.into();
    }
    let mut response = Json(told).into_response();
    let location = address.and_then(|address| callback::leads(address, &call.gateway.0.site));
    response.headers_mut().extend(location.map(|location| (header::LOCATION, location)));
    response
}

/// `token` and `user` of whoever is signed in now.
pub(super) fn token_and_user(call: &Call, account: &Account) -> [(String, Value); 2] {
    let session = call.visitor.session();
    let token = session.as_deref().map(shape::handle);
    let began = session.map_or_else(|| call.gateway.0.clock.now(), |session| session.began);
    [("token".to_owned(), token.into()), ("user".to_owned(), shape::user(account, began))]
}
