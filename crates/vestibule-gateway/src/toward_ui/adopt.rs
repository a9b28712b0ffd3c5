//! Sessions that begin and end in a UI's own code: by what its answer says of our cookie. The lines themselves go no
//! further, whatever they say (CK-10).

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::SessionPolicy;
use super::hand_down::{ACCESS, is_token};
use crate::cookie::Opened;
use crate::gateway::Gateway;
use crate::headers::retain_cookies;
use crate::session::Session;
use crate::set_cookie::SetCookie;
use crate::visitor::Visitor;

/// What an answer says of the visitor's session.
enum Said {
    /// He is to have this one.
    Begins(Box<Session>),
    /// He is to have none.
    Ends,
}

/// The page goes on, so its storage does; what the browser has kept of pages does not (CK-13).
const CLEAR: (HeaderName, HeaderValue) =
    (HeaderName::from_static("clear-site-data"), HeaderValue::from_static(r#""cache""#));

/// Does what an answer of a UI says of the visitor's session. A session of ours that is authentic and lives, set under the
/// name of our cookie, becomes his, and the one he had ends (LG-01); deleting the cookie signs him out. Where access
/// tokens are handed down, the cookie that they are in counts as well. Of two lines the last one counts, as in a browser.
pub(crate) async fn adopt(
    gateway: &Gateway,
    visitor: &Visitor,
    policy: SessionPolicy,
    headers: &mut HeaderMap,
) {
    if policy == SessionPolicy::None {
        return;
    }
    let mut lines = headers.get_all(SET_COOKIE).iter().rev();
    let said = lines.find_map(|line| said(gateway, policy, &SetCookie::parse(line.as_bytes())?));
    if policy == SessionPolicy::Token {
        retain_cookies(headers, |name| !is_token(name));
    }
    let had = visitor.session();
    match said {
        Some(Said::Begins(session)) if had.as_ref().is_none_or(|had| had.sid != session.sid) => {
            gateway.sign_out(visitor).await;
            visitor.replace(*session, gateway.0.clock.now());
        }
        Some(Said::Ends) if had.is_some() => {
            gateway.sign_out(visitor).await;
            headers.insert(CLEAR.0, CLEAR.1);
        }
        _ => {}
    }
}

fn said(gateway: &Gateway, policy: SessionPolicy, line: &SetCookie<'_>) -> Option<Said> {
    let is_ours = line.name == gateway.0.cookie.name().as_bytes();
    let is_handed_down = policy == SessionPolicy::Token && line.name == ACCESS.as_bytes();
    if !is_ours && !is_handed_down {
        return None;
    }
    if line.value.is_empty() || line.max_age.is_some_and(|seconds| seconds <= 0) {
        return Some(Said::Ends);
    }
    let now = gateway.0.clock.now();
    let session = match is_ours {
        true => match gateway.0.cookie.open(line.value, now) {
            Opened::Session(session) => Some(session),
            _ => None,
        },
        false => std::str::from_utf8(line.value)
            .ok()
            .and_then(|text| gateway.0.toward_ui.tickets.take_over(text, now)),
    };
    let session = session.filter(|session| !session.is_over(now) && !gateway.is_ended(session));
    if session.is_none() && is_ours {
        tracing::warn!("a UI set our cookie to what is no session of ours that lives: passed over");
    }
    session.map(Box::new).map(Said::Begins)
}
