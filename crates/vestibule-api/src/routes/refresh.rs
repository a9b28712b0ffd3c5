use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::login::tokens;
use crate::Api;
use crate::counts;
use crate::error::ApiError;
use crate::refresh::{Verdict, Windows, decide};
use crate::tokens::{Bearer, Place, RefreshClaims, random_id};

/// How often a refresh looks again when another one was faster. Each time, somebody else's got through.
const TRIES: usize = 8;

/// `POST /refresh`: a fresh access token for the refresh token in the cookie, and that token's successor in
/// the cookie. Answers 200; 401 for a token that opens nothing, with the dead cookie cleared; 409 for one
/// that its own successor has just overtaken.
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
    let now = api.0.clock.now();
    let claims = api.verify_refresh(token, now).await?.ok_or_else(counts::refused)?;
    for _ in 0..TRIES {
        let session = api.0.store.live_session(&claims.sid, claims.uid, now).await?;
        let session = session.ok_or_else(counts::refused)?;
        let windows = Windows::for_access_life(api.0.issuer.access_ttl());
        let shown = place(&claims);
        let verdict = decide(&session.line, &shown, random_id(), now, windows);
        let outcome = counts::outcome(&verdict, &session.line, &shown);
        let answer = match verdict {
            Verdict::Answer(answer) => answer,
            Verdict::Advance { line, answer, fast_forward } => {
                if !api.0.store.advance_session(&claims.sid, &session.line, &line, now).await? {
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
                api.0.store.revoke_session(&claims.sid, claims.uid, api.ending()).await?;
                counts::refresh(outcome);
                tracing::warn!(user.id = %claims.uid, "a copied refresh token was shown: the session is revoked");
                return Err(ApiError::BadRefreshToken);
            }
        };
        let bearer = Bearer {
            username: &session.username,
            user: claims.uid,
            sid: &claims.sid,
            expires_at: session.expires_at,
        };
        let refresh = api.0.issuer.refresh(&bearer, answer);
        counts::refresh(outcome);
        return Ok(tokens(api.0.issuer.access(&bearer, now), &refresh, session.expires_at - now));
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
