//! The access token as code expects it that was written for an API without a gateway: in a cookie of its own, and as
//! `Authorization`. Both live as long as one request.

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderValue};
use vestibule_types::{Access, Token};

use super::secret;
use crate::cookie::take_out;

/// The cookie that such code keeps the token in (the brief, section 6).
pub(super) const ACCESS: &str = "access_token";

/// The cookies that hold tokens where no gateway is.
pub(super) fn is_token(name: &[u8]) -> bool {
    [ACCESS, "refresh_token"].iter().any(|ours| name.eq_ignore_ascii_case(ours.as_bytes()))
}

/// Takes out what a client says of tokens.
pub(super) fn forget_tokens(headers: &mut HeaderMap) {
    take_out(headers, is_token);
    headers.remove(AUTHORIZATION);
}

/// Adds the visitor's token, in front of his other cookies.
pub(super) fn hand_down(headers: &mut HeaderMap, access: &Token<Access>) {
    headers.insert(AUTHORIZATION, secret(&format!("Bearer {}", access.reveal())));
    let others: Vec<HeaderValue> = headers.get_all(COOKIE).iter().cloned().collect();
    let own = format!("{ACCESS}={}", access.reveal()).into_bytes();
    let all = std::iter::once(own.as_slice()).chain(others.iter().map(HeaderValue::as_bytes));
    let line = all.collect::<Vec<_>>().join(&b"; "[..]);
    let mut line = HeaderValue::from_bytes(&line).expect("a token and parts of values are a value");
    line.set_sensitive(true);
    headers.insert(COOKIE, line);
}
