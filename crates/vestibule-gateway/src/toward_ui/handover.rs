//! The ways in and out for server code that was written for an API without a gateway, such as the brief's: it signs in
//! here in the API's own words, and keeps as its access token what is in truth a sealed session.

use axum::Json;
use axum::extract::{FromRequest as _, Request};
use axum::response::{IntoResponse as _, Response};
use http::header::{AUTHORIZATION, COOKIE, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::json;
use vestibule_types::{Detail, Message, Token};

use crate::account::AccountId;
use crate::arrival::peer;
use crate::caching::make_private;
use crate::form::Form;
use crate::gateway::Gateway;
use crate::plan::Plan;
use crate::problem::Problem;
use crate::session::{Session, SessionChange, SessionTag, SessionUser};
use crate::sign::SignIn;
use crate::visitor::Visitor;

/// How everything begins that we seal; no JWT does.
const SEALED: &str = "v1.";

/// Seconds that a token is taken for a live one before the API has said anything.
const ONE_CALL: i64 = 60;

/// Whether `head` may be server code's own request, in a site that hands tokens down. A browser says something of an
/// origin with every POST, and has cookies; `Sec-Fetch-Mode` says Node.js as well.
pub(super) fn is_for_server_code(plan: &Plan, headers: &HeaderMap) -> bool {
    let is_said = |name: &str| headers.contains_key(name);
    plan.hands_down()
        && !is_said(ORIGIN.as_str())
        && !is_said(COOKIE.as_str())
        && !is_said("sec-fetch-site")
        && !is_said("sec-fetch-dest")
}

/// The token in `Authorization: Bearer` (RFC 6750, 2.1).
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The session that a bearer token stands for: a handover's, or one that has nothing but this token, whatever it is.
///
/// # Errors
/// [`Problem::SIGNED_OUT`] if it is a handover that is broken or over, or if its session has ended.
pub(super) fn session_of(gateway: &Gateway, token: &str, now: i64) -> Result<Session, Problem> {
    let session = match token.starts_with(SEALED) {
        true => gateway.0.toward_ui.tickets.take_over(token, now),
        false => bare(token, now),
    };
    let session = session.filter(|session| !gateway.is_ended(session));
    session.map(|session| Session { refresh: None, ..session }).ok_or(Problem::SIGNED_OUT)
}

/// A session for one call, whose token the API judges.
fn bare(token: &str, now: i64) -> Option<Session> {
    let nobody = SessionUser {
        id: AccountId::Text(Box::default()),
        username: String::new(),
        name: String::new(),
        email: None,
    };
    Some(Session {
        sid: SessionTag::random().ok()?,
        access: Token::from(token.to_owned()),
        refresh: None,
        access_from: now,
        access_until: now.saturating_add(ONE_CALL),
        began: now,
        ends_at: now.saturating_add(ONE_CALL),
        persistent: false,
        user: nobody,
    })
}

/// Answers a request for one of the API's ways in and out, which are not passed on.
///
/// # Errors
/// [`Problem::NOT_FOUND`] for everybody but server code in a site that hands tokens down, [`Problem`] for an outage.
pub(crate) async fn entrance(gateway: &Gateway, request: Request) -> Result<Response, Problem> {
    let is_for_it = is_for_server_code(&gateway.0.plan.load(), request.headers());
    if !is_for_it || request.method() != Method::POST {
        return Err(Problem::NOT_FOUND);
    }
    let mut response = match request.uri().path() {
        "/api/v1/login" => log_in(gateway, request).await?,
        "/api/v1/logout" => log_out(gateway, &request.into_parts().0).await?,
        // Who has an access token here never has to.
        "/api/v1/refresh" => refused(StatusCode::UNAUTHORIZED, "Refresh token missing."),
        _ => return Err(Problem::NOT_FOUND),
    };
    make_private(response.headers_mut());
    Ok(response)
}

/// Who asks, before he is anybody; what becomes of him sets no cookie.
fn nobody_yet(gateway: &Gateway, head: &Parts) -> Visitor {
    let now = gateway.0.clock.now();
    Visitor::new(None, SessionChange::Keep, peer(head), &head.headers, String::new(), now)
}

/// `POST /api/v1/login` (contract: identity API, section 4), with a handover in the access token's place.
async fn log_in(gateway: &Gateway, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let visitor = nobody_yet(gateway, &head);
    let form = match Form::from_request(Request::from_parts(head, body), &()).await {
        Ok(form) => form,
        Err(refusal) => return Ok(refusal),
    };
    let (username, password) = (form.text("username"), form.text("password"));
    match gateway.sign_in(&visitor, username, password, true).await? {
        SignIn::Done(_) => {}
        SignIn::Wrong => {
            return Ok(refused(StatusCode::UNAUTHORIZED, "Wrong username, email or password."));
        }
        SignIn::Throttled(seconds) => {
            let refused = refused(StatusCode::TOO_MANY_REQUESTS, "Too many attempts.");
            return Ok(([(RETRY_AFTER, seconds.to_string())], refused).into_response());
        }
    }
    let session = visitor.session().ok_or(Problem::INTERNAL)?;
    let handover = gateway.0.toward_ui.tickets.hand_over(&session, gateway.0.clock.now());
    let handover = handover.map_err(|_| Problem::INTERNAL)?;
    Ok(Json(json!({"access_token": handover, "token_type": "bearer"})).into_response())
}

/// `POST /api/v1/logout`: a handover's session ends as by the site's own form. Of a bare token's the API hears; the
/// browser's whole session ends with the cookie that is deleted next.
async fn log_out(gateway: &Gateway, head: &Parts) -> Result<Response, Problem> {
    let Some(token) = bearer(&head.headers) else {
        return Ok(refused(StatusCode::UNAUTHORIZED, "User not authenticated."));
    };
    let (visitor, now) = (nobody_yet(gateway, head), gateway.0.clock.now());
    if !token.starts_with(SEALED) {
        let session = bare(token, now).ok_or(Problem::INTERNAL)?;
        gateway.say_goodbye(&visitor, &session).await?;
    } else if let Some(session) = gateway.0.toward_ui.tickets.take_over(token, now) {
        visitor.replace(session, now);
        gateway.sign_out(&visitor).await;
    }
    Ok(Json(Message::new("Logged out successfully")).into_response())
}

fn refused(status: StatusCode, why: &str) -> Response {
    let challenge = [(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
    (status, challenge, Json(Detail::text(why))).into_response()
}
