//! What an API's login and refresh answer: an access token and a refresh token, each in the body or in a cookie.
//! Ours, or a FastAPI backend's that has no `iat` and never rotates, or any other's in its [`Dialect`].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use vestibule_types::{Access, Refresh, Token};

use crate::dialect::{BodyPath, Dialect, Hands, Place, cookie_set};
use crate::requests::Answer;
use crate::session::Session;
use crate::upstream::Outage;

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
    /// `None` if the answer hands out none.
    pub(crate) refresh: Option<RefreshToken>,
}

/// A refresh token as the API hands it out.
#[derive(Clone, Debug)]
pub(crate) struct RefreshToken {
    pub(crate) token: Token<Refresh>,
    /// When it dies.
    until: i64,
    /// Whether the API made it for as long as the browser runs: then it knows of such sessions, and its word on
    /// their end is the last.
    is_short: bool,
}

impl Tokens {
    /// Reads a good answer to a login or a refresh, received at `now`.
    ///
    /// # Errors
    /// [`Outage::Failing`] if there is no access token in it.
    pub(crate) fn of(answer: &Answer, dialect: &Dialect, now: i64) -> Result<Self, Outage> {
        let hands = &dialect.hands;
        let access = Found::at(&hands.access, answer).ok_or(Outage::Failing)?;
        let times = Times::of(&access.token);
        let said = seconds_at(hands.expires_in.as_ref(), answer);
        let of_token = || times.as_ref()?.life_from(now);
        let life = said.or_else(of_token).or(access.max_age).unwrap_or(hands.access_life);
        let issued = times.as_ref().and_then(|times| times.iat);
        let refresh = hands.refresh.as_ref().and_then(|place| Found::at(place, answer));
        let said = seconds_at(hands.refresh_expires_in.as_ref(), answer);
        Ok(Self {
            access: Token::from(access.token),
            access_from: now,
            access_until: now.saturating_add(life),
            refresh: refresh.map(|found| RefreshToken::of(found, said, issued, hands, now)),
        })
    }

    /// When a session ends that began at `began` and goes on with these tokens; with the access token, if
    /// there is no other.
    pub(crate) fn session_end(&self, began: i64, persistent: bool) -> i64 {
        let (until, is_short) = match &self.refresh {
            Some(refresh) => (refresh.until, refresh.is_short),
            None => (self.access_until, false),
        };
        if persistent || is_short {
            return until;
        }
        until.min(began.saturating_add(SHORT_SESSION_LIFE))
    }

    /// The same session, going on with these tokens.
    pub(crate) fn renew(&self, session: &Session) -> Session {
        let (refresh, ends_at) = match &self.refresh {
            Some(refresh) => {
                let ends_at = self.session_end(session.began, session.persistent);
                (Some(refresh.token.clone()), ends_at)
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

impl RefreshToken {
    /// `said` is what the answer says of its life, `issued` when the access token beside it was made, by the API's
    /// clock: a token that is answered again is older than its answer. One in a cookie that ends with the browser is a
    /// short one, if the token itself tells when it dies.
    fn of(found: Found, said: Option<i64>, issued: Option<i64>, hands: &Hands, now: i64) -> Self {
        let times = Times::of(&found.token);
        let since = |start: i64| times.as_ref().map(|times| times.exp.saturating_sub(start).max(0));
        let own = match found.is_in_cookie {
            true => issued.and_then(since),
            false => since(issued.or(times.as_ref().and_then(|times| times.iat)).unwrap_or(now)),
        };
        let is_open = said.is_none() && found.is_in_cookie && !found.has_end;
        let life = said.or(found.max_age).or(own).unwrap_or(hands.refresh_life);
        Self {
            until: now.saturating_add(life),
            is_short: is_open && own.is_some(),
            token: Token::from(found.token),
        }
    }
}

/// A token as an answer has it.
struct Found {
    token: String,
    /// Seconds, if it is in a cookie that says so.
    max_age: Option<i64>,
    is_in_cookie: bool,
    /// Whether the cookie outlives the browser.
    has_end: bool,
}

impl Found {
    /// What can't be put into a header or a cookie is no token (RFC 6265, 4.1.1: cookie-octet).
    fn at(place: &Place, answer: &Answer) -> Option<Self> {
        let found = match place {
            Place::Body(path) => {
                let token = path.of(&answer.body)?.as_str()?.to_owned();
                Self { token, max_age: None, is_in_cookie: false, has_end: false }
            }
            Place::Cookie(name) => {
                let cookie = cookie_set(&answer.headers, name)?;
                let (max_age, has_end) = (cookie.max_age, cookie.has_end);
                Self { token: cookie.value, max_age, is_in_cookie: true, has_end }
            }
        };
        let is_legal = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
        (!found.token.is_empty() && found.token.bytes().all(is_legal)).then_some(found)
    }
}

/// A number of seconds; some write it as a text.
fn seconds_at(path: Option<&BodyPath>, answer: &Answer) -> Option<i64> {
    let seconds = match path?.of(&answer.body)? {
        Value::String(text) => text.parse().ok()?,
        value => value.as_i64()?,
    };
    Some(seconds.max(0))
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

    /// Seconds that a token lives which has just been made. One that does not say when that was, and is dead by our
    /// clock, tells of another clock and not of its life (F12).
    fn life_from(&self, now: i64) -> Option<i64> {
        let life = self.exp.saturating_sub(self.iat.unwrap_or(now));
        (self.iat.is_some() || life > 0).then_some(life.max(0))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::response::Response;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::Tokens;
    use crate::dialect::Dialect;
    use crate::requests::Answer;
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
        Tokens::of(&Answer::read(response).await?, &Dialect::default(), NOW)
    }

    #[tokio::test]
    async fn a_life_is_counted_from_its_own_start_whatever_the_apis_clock_says() {
        for (claims, life) in [
            (r#"{"exp":5000,"iat":3200}"#, 1800),
            (r#"{"exp":1001800}"#, 1800),
            (r#"{"exp":10,"iat":3200}"#, 0),
            (r#"{"exp":999999}"#, 1800),
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
        for body in ["<html>it works</html>", "", "null", "[]", "{}", r#"{"access_token":7}"#] {
            let answer = Answer::read(Response::new(Body::from(body))).await.unwrap();
            let read = Tokens::of(&answer, &Dialect::default(), NOW);
            assert_eq!(read.unwrap_err(), Outage::Failing, "{body}");
        }
        for token in ["a b", "a;b", "a,b", "a\\u0022b", "a\\r\\nb", "", "\u{e9}"] {
            assert_eq!(read(token, "").await.unwrap_err(), Outage::Failing, "{token}");
        }
    }
}
