//! How the access token is shown, and what is kept from passing in its place.

use http::{HeaderMap, HeaderValue, header};
use vestibule_types::{Access, Token};

use super::place::{CookieName, Shown};
use super::{Call, Dialect, Place};
use crate::headers::retain_cookies;

impl Dialect {
    /// The access token, in place of whatever a request had there.
    pub(crate) fn attach(&self, headers: &mut HeaderMap, access: &Token<Access>) {
        match &self.call {
            Call::Cookie(name) => add_cookie(headers, name, access.reveal()),
            Call::Header { header, .. } => {
                headers.remove(header);
                if let Some(value) = self.credentials(access.reveal()) {
                    headers.insert(header, value);
                }
            }
        }
    }

    /// How the access token is shown, in words: `Authorization: Bearer`, `X-Api-Key` or `the cookie token`.
    pub(crate) fn shown_as(&self) -> String {
        match &self.call {
            Call::Cookie(name) => format!("the cookie {name}"),
            Call::Header { header, scheme } => {
                let words = header.as_str().split('-').map(|word| {
                    let (first, rest) = word.split_at(1.min(word.len()));
                    first.to_uppercase() + rest
                });
                let scheme = if scheme.is_empty() { String::new() } else { format!(": {scheme}") };
                words.collect::<Vec<_>>().join("-") + &scheme
            }
        }
    }

    /// The access token for whoever reads `Authorization` and nothing else, as forward-auth proxies copy it.
    pub(crate) fn authorization(&self, access: &Token<Access>) -> Option<HeaderValue> {
        match &self.call {
            Call::Header { header, .. } if header == header::AUTHORIZATION => {
                self.credentials(access.reveal())
            }
            _ => sensitive(&format!("Bearer {}", access.reveal())),
        }
    }

    /// Takes from a browser's request what would show the API a token that is not ours (GW-01).
    pub(crate) fn disarm(&self, headers: &mut HeaderMap) {
        match &self.call {
            Call::Header { header, .. } => {
                headers.remove(header);
            }
            Call::Cookie(name) => remove_cookie(headers, name),
        }
    }

    /// Keeps the API's own token cookies from the browser (CK-12).
    pub(crate) fn withhold(&self, headers: &mut HeaderMap) {
        let shown = [
            self.refresh.as_ref().map(|renewal| &renewal.shown),
            self.logout.as_ref().and_then(|farewell| farewell.shown.as_ref()),
        ];
        let shown = shown.into_iter().flatten().filter_map(|shown| match shown {
            Shown::Cookie(name) => Some(name),
            _ => None,
        });
        let handed = [Some(&self.hands.access), self.hands.refresh.as_ref()];
        let handed = handed.into_iter().flatten().filter_map(|place| match place {
            Place::Cookie(name) => Some(name),
            Place::Body(_) => None,
        });
        let called = match &self.call {
            Call::Cookie(name) => Some(name),
            Call::Header { .. } => None,
        };
        let names: Vec<&CookieName> = shown.chain(handed).chain(called).collect();
        retain_cookies(headers, |name| {
            !names.iter().any(|ours| ours.as_str().as_bytes().eq_ignore_ascii_case(name))
        });
    }

    fn credentials(&self, token: &str) -> Option<HeaderValue> {
        match &self.call {
            Call::Header { scheme, .. } if !scheme.is_empty() => {
                sensitive(&format!("{scheme} {token}"))
            }
            _ => sensitive(token),
        }
    }
}

/// One more cookie in a request.
pub(super) fn add_cookie(headers: &mut HeaderMap, name: &CookieName, value: &str) {
    let before = headers.get(header::COOKIE).and_then(|before| before.to_str().ok());
    let before = before.map(|before| format!("{before}; ")).unwrap_or_default();
    if let Some(value) = sensitive(&format!("{before}{name}={value}")) {
        headers.insert(header::COOKIE, value);
    }
}

fn remove_cookie(headers: &mut HeaderMap, name: &CookieName) {
    let is_other = |pair: &&str| pair.split('=').next().map(str::trim) != Some(name.as_str());
    let lines: Vec<String> = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .map(|line| line.split(';').map(str::trim).filter(is_other).collect::<Vec<_>>().join("; "))
        .filter(|line| !line.is_empty())
        .collect();
    headers.remove(header::COOKIE);
    let others = lines.join("; ");
    if let Some(value) =
        Some(others).filter(|line| !line.is_empty()).and_then(|line| sensitive(&line))
    {
        headers.insert(header::COOKIE, value);
    }
}

pub(super) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
