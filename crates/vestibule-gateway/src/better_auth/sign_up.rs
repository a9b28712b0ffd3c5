//! `/sign-up/email`, and whether a name is still to be had.

use aws_lc_rs::rand;
use axum::Json;
use axum::response::IntoResponse as _;
use http::{Method, StatusCode, header};
use serde_json::{Map, Value, json};
use vestibule_types::PictureUrl;

use super::api::{IN_FULL, meant, refused};
use super::refusal::Refusal;
use super::sign_in::token_and_user;
use super::{Call, Told, names, shape};
use crate::account::Account;
use crate::dialect::is_elsewhere;
use crate::requests::{Answer, path_segment};
use crate::sign::SignIn;
use crate::upstream::Outage;

/// How often another name is tried for somebody who chose none.
const MOST_NAMES: usize = 5;

/// Who wants an account.
struct Newcomer<'a> {
    name: &'a str,
    email: String,
    password: &'a str,
    image: Option<&'a str>,
}

/// `POST /sign-up/email`: makes an account and signs it in. Without a username, it has the display name for one, or one
/// made of the address.
pub(super) async fn sign_up(call: &Call) -> Told {
    let mut fields = call.fields()?;
    let name = fields.text("name");
    let email = fields.email("email").to_lowercase();
    let password = fields.filled("password");
    let image = fields.maybe_text("image").filter(|url| !url.is_empty());
    fields.maybe_text("callbackURL");
    let remember = fields.maybe_flag("rememberMe").unwrap_or(true);
    let username = fields.text_or_null("username").flatten();
    let shown = fields.text_or_null("displayUsername").flatten();
    if image.is_some_and(|url| PictureUrl::try_from(url.to_owned()).is_err()) {
        fields.add("image", "Invalid URL");
    }
    let chosen = username.map(names::username).transpose()?;
    fields.checked()?;
    names::chosen(password)?;
    if !call.gateway.registers() {
        return Err(Refusal::EMAIL_PASSWORD_SIGN_UP_DISABLED);
    }
    let newcomer = Newcomer { name, email, password, image };
    let chosen = chosen.or_else(|| names::username(shown?).ok());
    let account = match chosen {
        Some(username) => register(call, &newcomer, &username).await?,
        None => register_somehow(call, &newcomer).await?,
    };
    let signed_in = call.gateway.sign_in(&call.visitor, &newcomer.email, password, remember).await;
    let told = match signed_in {
        Ok(SignIn::Done(account)) => {
            let account = with_image(call, *account, newcomer.image).await;
            token_and_user(call, &account).into_iter().collect::<Map<_, _>>().into()
        }
        // The account is there, and that is what was asked for: `token` says that nobody was signed in.
        _ => json!({"token": null, "user": shape::user(&account, call.gateway.0.clock.now())}),
    };
    Ok(Json::<Value>(told).into_response())
}

/// Makes the account.
///
/// # Errors
/// [`Refusal`] as the API has it, with 400 for a name that is taken and 422 for an address.
async fn register(
    call: &Call,
    newcomer: &Newcomer<'_>,
    username: &str,
) -> Result<Account, Refusal> {
    let Newcomer { name, email, password, .. } = newcomer;
    let fields = json!({"name": name, "username": username, "email": email, "password": password});
    let dialect = call.gateway.dialect();
    let mut request = dialect.register(&fields).ok_or(Outage::Failing)?;
    request.headers_mut().insert(header::ACCEPT, IN_FULL);
    let answer = meant(Answer::read(call.gateway.send(&call.visitor, request).await?).await?)?;
    if !answer.status.is_success() {
        return Err(refused(&dialect, &answer));
    }
    Ok(dialect.account(&answer.body).unwrap_or_else(|| Account::named(username, name, email)))
}

/// Makes the account under a name that is free.
async fn register_somehow(call: &Call, newcomer: &Newcomer<'_>) -> Result<Account, Refusal> {
    let plain = names::derived_from(&newcomer.email, None);
    let mut username = if names::is_too_short(&plain) { salted(&newcomer.email)? } else { plain };
    for _ in 1..MOST_NAMES {
        match register(call, newcomer, &username).await {
            Err(taken) if taken == Refusal::USERNAME_IS_ALREADY_TAKEN => {
                username = salted(&newcomer.email)?;
            }
            other => return other,
        }
    }
    register(call, newcomer, &username).await
}

fn salted(email: &str) -> Result<String, Refusal> {
    let mut bytes = [0; 4];
    rand::fill(&mut bytes).map_err(|_| Outage::Failing)?;
    Ok(names::derived_from(email, Some(u32::from_be_bytes(bytes))))
}

/// The account with its picture. An API that does not take it now has the account all the same.
async fn with_image(call: &Call, account: Account, image: Option<&str>) -> Account {
    let Some(url) = image else { return account };
    let fields = json!({"profile_image_url": url});
    match call.ask(Method::PATCH, &account.path(), Some(&fields)).await {
        Ok(answer) if answer.status.is_success() => {
            call.gateway.reload_user(&call.visitor).await.unwrap_or(account)
        }
        _ => account,
    }
}

/// `POST /is-username-available`: asks the API, as nobody.
pub(super) async fn is_username_available(call: &Call) -> Told {
    let mut fields = call.fields()?;
    let username = fields.text("username");
    fields.checked()?;
    if username.is_empty() {
        return Err(Refusal::INVALID_USERNAME.with_status(StatusCode::UNPROCESSABLE_ENTITY));
    }
    let username = names::username_or_422(username)?;
    let path = format!("/username-available?username={}", path_segment(&username));
    let answer = as_nobody(call, &path).await?;
    let available = match answer.status {
        StatusCode::OK => answer.body["available"].as_bool(),
        StatusCode::UNPROCESSABLE_ENTITY => {
            return Err(Refusal::INVALID_USERNAME.with_status(StatusCode::UNPROCESSABLE_ENTITY));
        }
        status if is_elsewhere(status) => {
            // An API that lets anybody look an account up, such as the FastAPI backend.
            match as_nobody(call, &format!("/user/{}", path_segment(&username))).await?.status {
                StatusCode::OK => Some(false),
                StatusCode::NOT_FOUND => Some(true),
                _ => None,
            }
        }
        _ => None,
    };
    let available = available.ok_or(Refusal::UNEXPECTED_ERROR)?;
    Ok(Json(json!({"available": available})).into_response())
}

async fn as_nobody(call: &Call, path: &str) -> Result<Answer, Refusal> {
    let request = call.request(Method::GET, path, None).map(axum::body::Body::from);
    let answer = Answer::read(call.gateway.send(&call.visitor, request).await?).await?;
    match answer.status {
        // It asks for a token: nobody is signed out by that.
        StatusCode::UNAUTHORIZED => Ok(answer),
        _ => meant(answer),
    }
}
