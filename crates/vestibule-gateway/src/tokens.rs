//! What an API's `/login` and `/refresh` answer: an access token in the body, a refresh token in a cookie.
//! Ours, or a FastAPI backend's that has no `iat` and never rotates.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use vestibule_types::{Access, Refresh, Token, TokenAnswer};

use crate::session::Session;
use crate::upstream::Outage;

/// Largest answer of the API that is read whole, in bytes.
pub(crate) const LARGEST_ANSWER: usize = 256 * 1024;

/// Life of a token that does not say, in seconds: the contract's.
const USUAL_ACCESS_LIFE: i64 = 30 * 60;
const USUAL_SESSION_LIFE: i64 = 7 * 24 * 60 * 60;

/// Tokens just received. Times are by the gateway's clock: what the API's clock says only gives the length of
/// a life (F12).
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: Token<Access>,
    pub(crate) access_from: i64,
    pub(crate) access_until: i64,
    /// The refresh token, and when it dies; `None` if the answer sets none.
    pub(crate) refresh: Option<(Token<Refresh>, i64)>,
}

impl Tokens {
    /// Reads a 200 of `/login` or `/refresh`, received at `now`.
    pub(crate) async fn read(response: Response, now: i64) -> Result<Self, Outage> {
        let refresh = refresh_token(response.headers(), now);
        let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
        let body = body.map_err(|_| Outage::Broken)?.to_bytes();
        let answer: TokenAnswer = serde_json::from_slice(&body).map_err(|_| Outage::Failing)?;
        let life = life_of(answer.access_token.reveal(), now);
        Ok(Self {
            access: answer.access_token,
            access_from: now,
            access_until: now + life,
            refresh,
        })
    }

    /// When a session that begins with these tokens ends.
    pub(crate) fn session_end(&self) -> i64 {
        self.refresh.as_ref().map_or(self.access_until, |(_, until)| *until)
    }

    /// The same session, going on with these tokens.
    pub(crate) fn renew(&self, session: &Session) -> Session {
        let (refresh, ends_at) = match &self.refresh {
            Some((token, until)) => (Some(token.clone()), *until),
            None => (session.refresh.clone(), session.ends_at),
        };
        Session {
            access: self.access.clone(),
            access_from: self.access_from,
            access_until: self.access_until,
            refresh,
            ends_at,
            ..session.clone()
        }
    }
}

/// What an access token says of its session at the API, and of when it was made: read, not believed.
#[derive(Default, Deserialize)]
pub(crate) struct Facts {
    pub(crate) sid: Option<String>,
    pub(crate) iat: Option<i64>,
}

pub(crate) fn facts(token: &Token<Access>) -> Facts {
    claims(token.reveal()).unwrap_or_default()
}

/// Seconds that an access token lives. Its claims are read, not believed: the API checks them.
fn life_of(token: &str, now: i64) -> i64 {
    #[derive(Deserialize)]
    struct Times {
        exp: i64,
        iat: Option<i64>,
    }
    claims::<Times>(token).map_or(USUAL_ACCESS_LIFE, |times| {
        times.exp.saturating_sub(times.iat.unwrap_or(now)).max(0)
    })
}

fn claims<T: DeserializeOwned>(token: &str) -> Option<T> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&claims).ok()
}

/// The `refresh_token` that an answer sets, and when it dies.
fn refresh_token(headers: &HeaderMap, now: i64) -> Option<(Token<Refresh>, i64)> {
    headers.get_all(header::SET_COOKIE).iter().rev().find_map(|line| {
        let line = line.to_str().ok()?;
        let mut parts = line.split(';').map(str::trim);
        let value = parts.next()?.strip_prefix("refresh_token=")?.trim_matches('"');
        let life = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.eq_ignore_ascii_case("max-age").then(|| value.parse::<i64>().ok())?
        });
        let until = now.saturating_add(life.unwrap_or(USUAL_SESSION_LIFE));
        (!value.is_empty()).then(|| (Token::from(value.to_owned()), until))
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::response::Response;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::Tokens;
    use crate::upstream::Outage;

    const NOW: i64 = 1_000_000;

    fn jwt(claims: &str) -> String {
        format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims))
    }

    async fn read(access: &str, cookie: &str) -> Result<Tokens, Outage> {
        let body = format!(r#"{{"access_token":"{access}","token_type":"bearer"}}"#);
        let response =
            Response::builder().header("set-cookie", cookie).body(Body::from(body)).unwrap();
        Tokens::read(response, NOW).await
    }

    #[tokio::test]
    async fn a_life_is_counted_from_its_own_start_whatever_the_apis_clock_says() {
        for (claims, life) in [
            (r#"{"exp":5000,"iat":3200}"#, 1800),
            (r#"{"exp":1001800}"#, 1800),
            (r#"{"exp":10,"iat":3200}"#, 0),
            (r#"{"sub":"no times"}"#, 1800),
        ] {
            let tokens = read(&jwt(claims), "").await.unwrap();
            assert_eq!((tokens.access_from, tokens.access_until), (NOW, NOW + life), "{claims}");
        }
        assert_eq!(read("opaque", "").await.unwrap().access_until, NOW + 1800);
    }

    #[tokio::test]
    async fn the_refresh_token_comes_from_its_cookie() {
        for (cookie, expected) in [
            (
                "refresh_token=abc; HttpOnly; Max-Age=604800; Path=/; SameSite=lax; Secure",
                Some(("abc", 604_800)),
            ),
            ("refresh_token=\"abc\"; max-age=60", Some(("abc", 60))),
            ("refresh_token=abc", Some(("abc", 604_800))),
            ("refresh_token=\"\"; Max-Age=0", None),
            ("other=abc", None),
        ] {
            let tokens = read("t", cookie).await.unwrap();
            let refresh =
                tokens.refresh.as_ref().map(|(token, until)| (token.reveal(), until - NOW));
            assert_eq!(refresh, expected, "{cookie}");
        }
    }

    #[tokio::test]
    async fn er_04_an_answer_that_makes_no_sense_is_an_outage() {
        let response = Response::new(Body::from("<html>it works</html>"));
        assert_eq!(Tokens::read(response, NOW).await.unwrap_err(), Outage::Failing);
    }
}
