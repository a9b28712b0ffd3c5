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
use crate::set_cookie::SetCookie;
use crate::upstream::Outage;

/// Largest answer of the API that is read whole, in bytes.
pub(crate) const LARGEST_ANSWER: usize = 256 * 1024;

/// Life of a token that does not say, in seconds: the contract's.
const USUAL_ACCESS_LIFE: i64 = 30 * 60;
const USUAL_SESSION_LIFE: i64 = 7 * 24 * 60 * 60;

/// Most seconds that a session lives whose owner is not to be remembered, if the API does not know of such
/// sessions and would have it live on: the life that ours gives them by default.
const SHORT_SESSION_LIFE: i64 = 12 * 60 * 60;

/// Tokens just received. Times are by the gateway's clock: what the API's clock says only gives the length of
/// a life (F12).
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: Token<Access>,
    pub(crate) access_from: i64,
    pub(crate) access_until: i64,
    /// `None` if the answer sets none.
    pub(crate) refresh: Option<RefreshCookie>,
}

/// A refresh token as the API's cookie has it.
#[derive(Clone, Debug)]
pub(crate) struct RefreshCookie {
    pub(crate) token: Token<Refresh>,
    /// When it dies.
    until: i64,
    /// Whether the API made it for as long as the browser runs: then it knows of such sessions, and its word on
    /// their end is the last.
    is_short: bool,
}

impl Tokens {
    /// Reads a 200 of `/login` or `/refresh`, received at `now`.
    pub(crate) async fn read(response: Response, now: i64) -> Result<Self, Outage> {
        let refresh = refresh_token(response.headers());
        let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
        let body = body.map_err(|_| Outage::Broken)?.to_bytes();
        let answer: TokenAnswer = serde_json::from_slice(&body).map_err(|_| Outage::Failing)?;
        let times = Times::of(answer.access_token.reveal());
        let life = times.as_ref().map_or(USUAL_ACCESS_LIFE, |times| times.life_from(now));
        let issued = times.and_then(|times| times.iat);
        Ok(Self {
            access: answer.access_token,
            access_from: now,
            access_until: now + life,
            refresh: refresh
                .map(|(token, max_age)| RefreshCookie::new(token, max_age, issued, now)),
        })
    }

    /// When a session ends that began at `began` and goes on with these tokens; with the access token, if
    /// there is no other.
    pub(crate) fn session_end(&self, began: i64, persistent: bool) -> i64 {
        match &self.refresh {
            None => self.access_until,
            Some(cookie) if persistent || cookie.is_short => cookie.until,
            Some(cookie) => cookie.until.min(began.saturating_add(SHORT_SESSION_LIFE)),
        }
    }

    /// The same session, going on with these tokens.
    pub(crate) fn renew(&self, session: &Session) -> Session {
        let (refresh, ends_at) = match &self.refresh {
            Some(cookie) => {
                let ends_at = self.session_end(session.began, session.persistent);
                (Some(cookie.token.clone()), ends_at)
            }
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

fn claims<T: DeserializeOwned>(token: &str) -> Option<T> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&claims).ok()
}

impl RefreshCookie {
    /// `max_age` is the cookie's; `issued`, by the API's clock, is the access token's that came with it. Without
    /// the first, the token itself says when it dies.
    fn new(token: Token<Refresh>, max_age: Option<i64>, issued: Option<i64>, now: i64) -> Self {
        let of_claims = || Some(Times::of(token.reveal())?.exp.saturating_sub(issued?).max(0));
        let short = max_age.is_none().then(of_claims).flatten();
        let life = max_age.or(short).unwrap_or(USUAL_SESSION_LIFE);
        Self { until: now.saturating_add(life), is_short: short.is_some(), token }
    }
}

/// When a token was made and when it dies, by the clock of who made it. Claims are read here, not believed:
/// the API checks them.
#[derive(Deserialize)]
struct Times {
    exp: i64,
    iat: Option<i64>,
}

impl Times {
    fn of(token: &str) -> Option<Self> {
        claims(token)
    }

    /// Seconds that a token lives which has just been made.
    fn life_from(&self, now: i64) -> i64 {
        self.exp.saturating_sub(self.iat.unwrap_or(now)).max(0)
    }
}

/// The `refresh_token` that an answer sets, and the cookie's `Max-Age`. FastAPI puts a value in quotes that needs
/// none.
fn refresh_token(headers: &HeaderMap) -> Option<(Token<Refresh>, Option<i64>)> {
    headers.get_all(header::SET_COOKIE).iter().rev().find_map(|line| {
        let SetCookie { name, value, max_age } = SetCookie::parse(line.as_bytes())?;
        let value = std::str::from_utf8(value).ok()?.trim_matches('"');
        let is_there = name == b"refresh_token" && !value.is_empty();
        is_there.then(|| (Token::from(value.to_owned()), max_age))
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::response::Response;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::Tokens;
    use crate::session::Session;
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
            ("refresh_token = abc ; Max-Age = 60", Some(("abc", 60))),
            ("refresh_token=abc; Comment=\u{e9}; Max-Age=60; Max-Age=7", Some(("abc", 7))),
            ("Refresh_Token=abc", None),
            ("refresh_token=\"\"; Max-Age=0", None),
            ("other=abc", None),
        ] {
            let tokens = read("t", cookie).await.unwrap();
            let refresh =
                tokens.refresh.as_ref().map(|cookie| (cookie.token.reveal(), cookie.until - NOW));
            assert_eq!(refresh, expected, "{cookie}");
        }
    }

    /// Ends of a session that began an hour ago, counted from now: remembered, and not.
    async fn ends(access: &str, cookie: &str) -> (i64, i64) {
        let tokens = read(access, cookie).await.unwrap();
        let end = |persistent| tokens.session_end(NOW - 3600, persistent) - NOW;
        (end(true), end(false))
    }

    #[tokio::test]
    async fn a_cookie_without_a_life_of_its_own_has_its_tokens_by_the_apis_clock() {
        let day = format!("refresh_token={}; HttpOnly; Path=/", jwt(r#"{"exp":89600,"iat":1}"#));
        let access = jwt(r#"{"exp":5000,"iat":3200}"#);
        assert_eq!(ends(&access, &day).await, (86_400, 86_400), "the API's word is the last");
        let dead = format!("refresh_token={}", jwt(r#"{"exp":3000}"#));
        assert_eq!(ends(&access, &dead).await, (0, 0));
        for (access, cookie) in [
            (jwt(r#"{"exp":5000}"#), day.as_str()),
            (access, "refresh_token=opaque"),
            ("opaque".to_owned(), day.as_str()),
        ] {
            assert_eq!(ends(&access, cookie).await, (604_800, 39_600), "nobody knows: {cookie}");
        }
    }

    #[tokio::test]
    async fn an_api_that_knows_of_no_short_sessions_has_them_ended_after_twelve_hours() {
        for (max_age, end) in [(604_800, 39_600), (60, 60)] {
            let cookie = format!("refresh_token=abc; Max-Age={max_age}");
            assert_eq!(ends("opaque", &cookie).await, (max_age, end));
        }
        assert_eq!(ends("opaque", "").await, (1800, 1800));
    }

    #[tokio::test]
    async fn a_session_that_goes_on_keeps_its_end_if_the_answer_sets_no_cookie() {
        let session = Session { persistent: false, ends_at: NOW + 77, ..Session::sample(NOW) };
        let tokens = read("opaque", "").await.unwrap();
        assert_eq!(tokens.renew(&session).ends_at, NOW + 77);
        let tokens = read("opaque", "refresh_token=abc; Max-Age=604800").await.unwrap();
        assert_eq!(tokens.renew(&session).ends_at, NOW + 43_200);
        assert!(!tokens.renew(&session).persistent);
    }

    #[tokio::test]
    async fn er_04_an_answer_that_makes_no_sense_is_an_outage() {
        let response = Response::new(Body::from("<html>it works</html>"));
        assert_eq!(Tokens::read(response, NOW).await.unwrap_err(), Outage::Failing);
    }
}
