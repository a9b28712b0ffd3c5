use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::login::tokens;
use crate::counts;
use crate::error::ApiError;
use crate::refresh::{Times, Verdict, Windows, decide};
use crate::tokens::{Bearer, Place, RefreshClaims, random_id};
use crate::{Api, Parts};

/// How often a refresh looks again when another one was faster. Each time, somebody else's got through.
const TRIES: usize = 8;

/// `POST /refresh`: a fresh access token for the refresh token in the cookie, and that token's successor in
/// the cookie. Answers 200; 401 for a token that opens nothing, with the dead cookie cleared; 409 for one
/// that its own successor has just overtaken; 429 after too many in a row.
#[tracing::instrument(name = "session.refresh", skip_all)]
pub(crate) async fn refresh(State(api): State<Api>, headers: HeaderMap) -> Response {
    let answer = match refresh_cookie(&headers) {
        None => Err(ApiError::NoRefreshToken),
        Some(token) => renew(&api, token).await,
    };
    answer.unwrap_or_else(|error| match error {
        ApiError::BadRefreshToken => {
            ([(header::SET_COOKIE, cleared_cookie())], error).into_response()
        }
        error => error.into_response(),
    })
}

async fn renew(api: &Api, token: &str) -> Result<Response, ApiError> {
    let Parts { store, issuer, settings, clock, .. } = &*api.0;
    let arrived = clock.now();
    let claims = api.verify_refresh(token, arrived).await?.ok_or_else(counts::refused)?;
    let (sid, windows) = (&claims.sid, Windows::for_access_life(issuer.access_ttl()));
    for _ in 0..TRIES {
        let used_since = settings.used_since(arrived);
        let session = store.live_session(sid, claims.uid, arrived, used_since).await?;
        let session = session.ok_or_else(counts::refused)?;
        let (shown, fresh, mut expires_at) = (place(&claims), random_id(), session.expires_at);
        let times = Times { shown: arrived, now: clock.now() };
        let verdict = decide(&session.line, &shown, fresh.clone(), times, windows);
        let outcome = counts::outcome(&verdict, &session.line, &shown);
        let answer = match verdict {
            Verdict::Answer(answer) => {
                if times.now - session.last_used > settings.use_is_written_after() {
                    store.touch_session(sid, times.now).await?;
                }
                answer
            }
            Verdict::Advance { line, answer, fast_forward } => {
                expires_at = settings.end_after_step(&session, times.now);
                let from = &session.line;
                let now = times.now;
                if !store.advance_session(sid, from, &line, expires_at, now, used_since).await? {
                    continue;
                }
                if fast_forward {
                    tracing::warn!(user.id = %claims.uid, "a session was ahead of the database");
                }
                answer
            }
            Verdict::Stale => {
                counts::refresh(outcome);
                return Err(ApiError::Stale);
            }
            Verdict::Copied => {
                if store.revoke_session(sid, claims.uid, api.ending()).await? {
                    counts::ended("copied", 1);
                }
                counts::refresh(outcome);
                tracing::warn!(user.id = %claims.uid, "a copied refresh token was shown: the session is revoked");
                return Err(ApiError::BadRefreshToken);
            }
        };
        let now = clock.now();
        if windows.is_late(times, now) {
            // What was decided has waited so long that it is no news any more: once more.
            continue;
        }
        counts::refresh(outcome);
        if answer.jti == fresh {
            // Refused after a step, it is like an answer that was lost on its way (RF-03).
            api.0.refresh_limit.take(sid, now)?;
        }
        let bearer = Bearer { username: &session.username, user: claims.uid, sid, expires_at };
        let refresh = issuer.refresh(&bearer, answer);
        let max_age = session.persistent.then_some(expires_at - now);
        return Ok(tokens(issuer.access(&bearer, now), &refresh, max_age));
    }
    counts::refresh("stale");
    Err(ApiError::Stale)
}

fn place(claims: &RefreshClaims) -> Place {
    Place { jti: claims.jti.clone(), prt: claims.prt.clone(), r#gen: claims.r#gen, iat: claims.iat }
}

/// The `refresh_token` cookie: of several the last, without its quotes, `None` if empty (contract,
/// sections 2 and 3).
pub(super) fn refresh_cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let value = pairs.rev().find(|(name, _)| *name == "refresh_token")?.1;
    let unquoted =
        value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    (!unquoted.is_empty()).then_some(unquoted)
}

/// Deletes the cookie, with the attributes it was set with (CK-13).
pub(super) fn cleared_cookie() -> HeaderValue {
    HeaderValue::from_static(
        r#"refresh_token=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Max-Age=0; Path=/; SameSite=lax; Secure"#,
    )
}
