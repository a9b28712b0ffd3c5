//! Where in an answer something is, and how a token is shown: each one line of text in the settings.

use std::fmt;

use http::{HeaderMap, header};
use serde::Deserialize;
use serde_json::Value;

use crate::set_cookie::SetCookie;

/// A way into a JSON body: `data.token`, or as a JSON pointer (RFC 6901) `/data/token`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub(crate) struct BodyPath(String);

/// Where an answer has a token: `body access_token`, or `cookie refresh_token`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub(crate) enum Place {
    Body(BodyPath),
    Cookie(CookieName),
}

/// How a refresh token is shown to the API: `cookie refresh_token`, `json refresh`, `form refresh_token`, or `bearer`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub(crate) enum Shown {
    Cookie(CookieName),
    Json(String),
    Form(String),
    Bearer,
}

/// A name that a cookie can have (RFC 6265, 4.1.1). Names differ in case.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub(crate) struct CookieName(String);

/// Why a text is none of these.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum InvalidPlace {
    #[error("has to be the way into a JSON body, such as data.token or /data/token, not {0:?}")]
    BodyPath(String),
    #[error("has to be a cookie's name, not {0:?}")]
    CookieName(String),
    #[error("has to be \"body PATH\" or \"cookie NAME\", not {0:?}")]
    Place(String),
    #[error("has to be \"cookie NAME\", \"json FIELD\", \"form FIELD\" or \"bearer\", not {0:?}")]
    Shown(String),
}

impl BodyPath {
    /// What a body has there.
    pub(crate) fn of<'a>(&self, body: &'a Value) -> Option<&'a Value> {
        body.pointer(&self.0)
    }

    /// The name of the field itself.
    pub(crate) fn field(&self) -> String {
        let last = self.0.rsplit('/').next().unwrap_or_default();
        last.replace("~1", "/").replace("~0", "~")
    }
}

impl CookieName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BodyPath {
    type Error = InvalidPlace;

    fn try_from(text: String) -> Result<Self, InvalidPlace> {
        let pointer = match text.starts_with('/') {
            true => text.clone(),
            false => format!("/{}", text.replace('~', "~0").replace('.', "/")),
        };
        let is_legal = pointer.split('/').skip(1).all(|step| !step.trim().is_empty());
        if is_legal { Ok(Self(pointer)) } else { Err(InvalidPlace::BodyPath(text)) }
    }
}

impl TryFrom<String> for CookieName {
    type Error = InvalidPlace;

    fn try_from(text: String) -> Result<Self, InvalidPlace> {
        let is_of_token =
            |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
        match !text.is_empty() && text.bytes().all(is_of_token) {
            true => Ok(Self(text)),
            false => Err(InvalidPlace::CookieName(text)),
        }
    }
}

impl TryFrom<String> for Place {
    type Error = InvalidPlace;

    fn try_from(text: String) -> Result<Self, InvalidPlace> {
        match text.split_once(' ') {
            Some(("body", path)) => BodyPath::try_from(path.to_owned()).map(Self::Body),
            Some(("cookie", name)) => CookieName::try_from(name.to_owned()).map(Self::Cookie),
            _ => Err(InvalidPlace::Place(text)),
        }
    }
}

impl TryFrom<String> for Shown {
    type Error = InvalidPlace;

    fn try_from(text: String) -> Result<Self, InvalidPlace> {
        match text.split_once(' ') {
            Some(("cookie", name)) => CookieName::try_from(name.to_owned()).map(Self::Cookie),
            Some(("json", field)) if !field.trim().is_empty() => Ok(Self::Json(field.to_owned())),
            Some(("form", field)) if !field.trim().is_empty() => Ok(Self::Form(field.to_owned())),
            None if text == "bearer" => Ok(Self::Bearer),
            _ => Err(InvalidPlace::Shown(text)),
        }
    }
}

impl fmt::Display for CookieName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// A token in a cookie that an answer sets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TokenCookie {
    pub(crate) value: String,
    /// Seconds, if the line says so.
    pub(crate) max_age: Option<i64>,
    /// Whether the line says when it ends, in whatever way.
    pub(crate) has_end: bool,
}

/// The last cookie of this name that an answer sets; one without a value unsets it and is none. FastAPI puts a value
/// in quotes that needs none.
pub(crate) fn cookie_set(headers: &HeaderMap, name: &CookieName) -> Option<TokenCookie> {
    headers.get_all(header::SET_COOKIE).iter().rev().find_map(|line| {
        let cookie = SetCookie::parse(line.as_bytes())?;
        let value = std::str::from_utf8(cookie.value).ok()?.trim_matches('"').to_owned();
        let is_there = cookie.name == name.as_str().as_bytes() && !value.is_empty();
        let SetCookie { max_age, has_expires, .. } = cookie;
        is_there.then(|| TokenCookie { value, max_age, has_end: has_expires || max_age.is_some() })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{BodyPath, CookieName, Place, Shown};

    #[test]
    fn a_body_path_leads_through_objects_lists_and_names_with_dots() {
        let body = json!({"a": {"b": [{"c": 1}], "d.e": 2, "f/g~h": 3}, "i~j": 4});
        for (path, found) in [
            ("a.b.0.c", Some(1)),
            ("/a/b/0/c", Some(1)),
            ("/a/d.e", Some(2)),
            ("/a/f~1g~0h", Some(3)),
            ("i~j", Some(4)),
            ("a.x", None),
            ("a.b.0.c.d", None),
        ] {
            let path_there = BodyPath::try_from(path.to_owned()).unwrap();
            assert_eq!(path_there.of(&body).and_then(|value| value.as_i64()), found, "{path}");
        }
        for path in ["", "/", ".", "a..b", "/a//b", " "] {
            assert!(BodyPath::try_from(path.to_owned()).is_err(), "{path:?}");
        }
        assert_eq!(BodyPath::try_from("a.b".to_owned()).unwrap().field(), "b");
        assert_eq!(BodyPath::try_from("/f~1g".to_owned()).unwrap().field(), "f/g");
    }

    #[test]
    fn a_place_says_what_it_is() {
        let cookie = |name: &str| CookieName::try_from(name.to_owned()).unwrap();
        let place = |text: &str| Place::try_from(text.to_owned());
        assert_eq!(place("cookie jwt"), Ok(Place::Cookie(cookie("jwt"))));
        assert!(matches!(place("body a.b"), Ok(Place::Body(_))));
        for text in ["", "jwt", "cookie", "cookie a b", "cookie a=b", "header x", "body "] {
            let refused = place(text).unwrap_err().to_string();
            assert!(refused.starts_with("has to be"), "{refused}");
        }
        let shown = |text: &str| Shown::try_from(text.to_owned());
        assert_eq!(shown("bearer"), Ok(Shown::Bearer));
        assert_eq!(shown("json refresh"), Ok(Shown::Json("refresh".to_owned())));
        for text in ["", "json", "json ", "body refresh", "Bearer x", "cookie ;"] {
            assert!(shown(text).is_err(), "{text:?}");
        }
    }
}
