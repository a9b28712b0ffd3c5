//! Where a call may lead a browser afterwards: a path on this site, or an address of the site itself (GW-11). Whatever
//! address a call brings along is looked at, used or not (contract: Better Auth, 5).

use http::HeaderValue;
use serde_json::Value;
use url::{Position, Url};

use super::refusal::Refusal;
use crate::site::Site;

/// The fields that hold an address, and what is said of one that leads elsewhere.
const FIELDS: [(&str, &str, Refusal); 4] = [
    ("callbackURL", "callbackURL", Refusal::INVALID_CALLBACK_URL),
    ("redirectTo", "redirectURL", Refusal::INVALID_REDIRECT_URL),
    ("errorCallbackURL", "errorCallbackURL", Refusal::INVALID_ERROR_CALLBACK_URL),
    ("newUserCallbackURL", "newUserCallbackURL", Refusal::INVALID_NEW_USER_CALLBACK_URL),
];

/// Checks every address in a body, and the one in a query.
///
/// # Errors
/// [`Refusal`] of the first that is no text, or leads elsewhere.
pub(super) fn check(body: &Value, query: Option<&str>, site: &Site) -> Result<(), Refusal> {
    for (field, label, refusal) in FIELDS {
        match &body[field] {
            Value::Null | Value::Bool(false) => {}
            Value::String(address) if address.is_empty() || leads(address, site).is_some() => {}
            Value::String(_) => return Err(refusal),
            _ => {
                let said = format!("Invalid {label}: expected a string");
                return Err(Refusal::without_code(said));
            }
        }
    }
    match query.filter(|address| !address.is_empty()) {
        Some(address) if leads(address, site).is_none() => Err(Refusal::INVALID_CALLBACK_URL),
        _ => Ok(()),
    }
}

/// The address as browsers understand it, for `Location`; `None` if it leads off this site.
pub(super) fn leads(address: &str, site: &Site) -> Option<HeaderValue> {
    let is_never = |c: char| c == '\\' || c.is_control() || c.is_whitespace();
    if address.contains(is_never) {
        return None;
    }
    let base = Url::parse(site.origin()).ok()?;
    let path = address.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let is_path = path.starts_with('/') && !path.starts_with("//");
    if is_path && !path.contains("%2f") && !path.contains("%5c") {
        let url = base.join(address).ok().filter(|url| is_ours(url, site))?;
        return HeaderValue::from_str(&url[Position::BeforePath..]).ok();
    }
    let url = Url::parse(address).ok().filter(|url| !is_path && is_ours(url, site))?;
    HeaderValue::from_str(url.as_str()).ok()
}

/// Of this site's origin, and without anybody's name or password in it.
fn is_ours(url: &Url, site: &Site) -> bool {
    let is_bare = url.username().is_empty() && url.password().is_none();
    is_bare && site.admits_origin(&url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn site() -> Site {
        "https://app.example.com".parse().unwrap()
    }

    #[test]
    fn gw_11_an_address_is_a_path_or_of_this_site() {
        for (address, location) in [
            ("/", Some("/")),
            ("/dashboard?a=b#c", Some("/dashboard?a=b#c")),
            ("/login", Some("/login")),
            ("/caf\u{e9}", Some("/caf%C3%A9")),
            ("/a?to=https://evil.test", Some("/a?to=https://evil.test")),
            ("https://app.example.com/x", Some("https://app.example.com/x")),
            ("https://app.example.com", Some("https://app.example.com/")),
            ("//evil.test", None),
            ("/\\evil.test", None),
            ("/%2f/evil.test", None),
            ("/a/%5Cevil.test", None),
            ("/\t/evil.test", None),
            ("/a b", None),
            ("https://evil.test", None),
            ("https://app.example.com.evil.test", None),
            ("https://app.example.com@evil.test", None),
            ("https://ada:x@app.example.com", None),
            ("http://app.example.com", None),
            ("https://app.example.com:8443/x", None),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("dashboard", None),
            ("?a", None),
            ("", None),
        ] {
            let told = leads(address, &site());
            assert_eq!(told.as_ref().map(|it| it.to_str().unwrap()), location, "{address:?}");
        }
    }

    #[test]
    fn every_field_that_holds_an_address_is_looked_at() {
        for (field, label, refusal) in FIELDS {
            let evil = json!({ field: "//evil.test" });
            assert_eq!(check(&evil, None, &site()), Err(refusal));
            for odd in [json!(5), json!({}), json!(["/a"]), json!(true)] {
                let said = format!("Invalid {label}: expected a string");
                let told = check(&json!({ field: odd }), None, &site());
                assert_eq!(told, Err(Refusal::without_code(said)));
            }
            for fine in [json!(null), json!(""), json!("/a")] {
                assert_eq!(check(&json!({ field: fine }), None, &site()), Ok(()));
            }
        }
        let told = check(&Value::Null, Some("https://evil.test"), &site());
        assert_eq!(told, Err(Refusal::INVALID_CALLBACK_URL));
    }
}
