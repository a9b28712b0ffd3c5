//! What is said to an API in its dialect, and what its answers mean.

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use form_urlencoded::Serializer;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use http_body::Body as _;
use serde_json::{Map, Value};
use vestibule_types::{Access, Refresh, Token};

use super::place::Shown;
use super::{BodyPath, Call, CookieName, Dialect, Encoding, Endpoint, PREFIX, Place};
use crate::account::{Account, AccountId};
use crate::headers::retain_cookies;
use crate::path::CanonicalPath;
use crate::requests::Answer;

impl Dialect {
    /// Where the API's routes are, such as `/api/v1`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What the site passes on: the brief's, and the API's own if that is another.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = &str> {
        let own = Some(self.prefix.as_str()).filter(|prefix| *prefix != PREFIX);
        [PREFIX].into_iter().chain(own)
    }

    /// Whether accounts can be made.
    pub(crate) fn registers(&self) -> bool {
        self.register.is_some()
    }

    /// The request that signs in. An API that does not know of remembering passes over it.
    pub(crate) fn login(&self, identifier: &str, password: &str, remember: bool) -> Request {
        let login = &self.login;
        let mut fields =
            vec![(login.username.as_str(), identifier.into()), (&login.password, password.into())];
        if let Some(name) = login.remember.as_deref().filter(|_| !remember) {
            fields.push((name, Value::Bool(false)));
        }
        with_fields(&login.to, login.send, fields, &login.constants)
    }

    /// Whether an answer to [`Dialect::login`] hands out tokens.
    pub(crate) fn is_signed_in(&self, status: StatusCode) -> bool {
        self.login.success.contains(&status.as_u16())
    }

    /// Whether it says that these are not the account's name and password.
    pub(crate) fn is_wrong(&self, status: StatusCode) -> bool {
        self.login.wrong.contains(&status.as_u16())
    }

    /// The request for the next tokens; `None` if the API has none.
    pub(crate) fn refresh(&self, token: &Token<Refresh>) -> Option<Request> {
        let renewal = self.refresh.as_ref()?;
        Some(self.show(&renewal.to, &renewal.shown, token, &renewal.constants))
    }

    /// Whether an answer to [`Dialect::refresh`] is the definitive word that the session is over (G3). 400 is what
    /// OAuth says of a dead token (RFC 6749, 5.2).
    pub(crate) fn is_over(&self, status: StatusCode, body: &Value) -> bool {
        let over = self.refresh.as_ref().is_some_and(|to| to.over.contains(&status.as_u16()));
        over || status == StatusCode::BAD_REQUEST && body["error"] == "invalid_grant"
    }

    /// The request that ends a session, by both tokens; `None` if the API knows no such thing.
    pub(crate) fn logout(
        &self,
        access: &Token<Access>,
        refresh: Option<&Token<Refresh>>,
    ) -> Option<Request> {
        let farewell = self.logout.as_ref()?;
        let mut request = match (&farewell.shown, refresh) {
            (Some(shown), Some(token)) => {
                self.show(&farewell.to, shown, token, &farewell.constants)
            }
            _ => with_fields(&farewell.to, Encoding::Json, vec![], &farewell.constants),
        };
        // What shows the refresh token in the access token's place is left alone.
        if farewell.shown != Some(Shown::Bearer) || refresh.is_none() {
            self.attach(request.headers_mut(), access);
        }
        Some(request)
    }

    /// The request for who a token speaks for; `None` if the API does not tell.
    pub(crate) fn me(&self) -> Option<http::Request<Bytes>> {
        let me = self.me.as_ref()?;
        let request = http::Request::builder().method(me.to.method.clone()).uri(&me.to.path);
        Some(request.body(Bytes::new()).expect("a checked path"))
    }

    /// The request that makes an account of a form's fields; `None` if the API makes none.
    pub(crate) fn register(&self, typed: &Value) -> Option<Request> {
        let register = self.register.as_ref()?;
        let fields = register.names.iter().filter(|(_, name)| !name.is_empty());
        let fields = fields.map(|(ours, theirs)| (theirs.as_str(), typed[*ours].clone()));
        Some(with_fields(&register.to, register.send, fields.collect(), &register.constants))
    }

    /// What the form calls a field that the API calls `theirs`.
    pub(crate) fn field_of_form(&self, theirs: &str) -> Option<&'static str> {
        let names = self.register.as_ref().map(|register| &register.names)?;
        names.iter().find(|(_, name)| name == theirs).map(|(ours, _)| *ours)
    }

    /// The account in an answer of [`Dialect::me`]; `None` if it is no good answer, or has nobody in it.
    pub(crate) fn account_in(&self, answer: &Answer) -> Option<Account> {
        answer.status.is_success().then(|| self.account(&answer.body))?
    }

    /// The account that a body tells of.
    pub(crate) fn account(&self, body: &Value) -> Option<Account> {
        let text = |path: &BodyPath| path.of(body).and_then(text);
        let id = match self.fields.id.of(body) {
            Some(Value::Number(number)) if number.is_i64() => {
                AccountId::Number(number.as_i64().expect("it is one"))
            }
            id => AccountId::Text(id.and_then(self::text).unwrap_or_default()),
        };
        let (username, email) = (text(&self.fields.username), text(&self.fields.email));
        let username = username.or_else(|| email.clone()).unwrap_or_default();
        if username.is_empty() && id == AccountId::Text(String::new()) {
            return None;
        }
        Some(Account {
            id,
            name: text(&self.fields.name).unwrap_or_else(|| username.clone()),
            username,
            email,
            profile_image_url: text(&super::field("profile_image_url")).unwrap_or_default(),
        })
    }

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

    /// Whether this path signs in, refreshes or signs out: that is the gateway's own, in whatever case, with or
    /// without slashes at its end and `;parameters`, since servers differ in what they take for the same.
    pub(crate) fn is_entrance(&self, path: &str) -> bool {
        let Ok(path) = CanonicalPath::parse(path) else { return true };
        let path: String = path.segments().map(|segment| format!("/{}", segment.name())).collect();
        let briefs = ["/login", "/refresh", "/logout"].map(|name| format!("{PREFIX}{name}"));
        let own = [
            Some(&self.login.to.path),
            self.refresh.as_ref().map(|renewal| &renewal.to.path),
            self.logout.as_ref().map(|farewell| &farewell.to.path),
        ];
        let mut entrances = briefs.iter().chain(own.into_iter().flatten());
        entrances.any(|entrance| bare(entrance).eq_ignore_ascii_case(&path))
    }

    /// A request as the API spells it, and the other spelling if that one [`is_elsewhere`]. Only who a token speaks for
    /// is asked for otherwise than the browser does: of `/user/me` the FastAPI backend would make the user named `me`,
    /// for everybody.
    pub(crate) fn spelled(&self, request: Request) -> (Request, Option<Request>) {
        let Some(me) = self.me.as_ref().filter(|_| self.asks_for_me(&request)) else {
            return (request, None);
        };
        let (mut head, _) = request.into_parts();
        if head.method == Method::GET {
            head.method = me.to.method.clone();
        }
        let other = me.other.as_ref().map(|path| at(&head, path));
        (at(&head, &me.to.path), other)
    }

    fn asks_for_me(&self, request: &Request) -> bool {
        let path = bare(request.uri().path());
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let is_me = path == "/api/v1/user/me"
            || path.strip_prefix(self.prefix.as_str()) == Some("/user/me")
            || self.me.as_ref().is_some_and(|me| bare(&me.to.path) == path);
        is_read && is_me && request.body().is_end_stream()
    }

    fn show(
        &self,
        to: &Endpoint,
        shown: &Shown,
        token: &Token<Refresh>,
        constants: &[(String, Value)],
    ) -> Request {
        let token = token.reveal();
        match shown {
            Shown::Json(field) => {
                with_fields(to, Encoding::Json, vec![(field, token.into())], constants)
            }
            Shown::Form(field) => {
                with_fields(to, Encoding::Form, vec![(field, token.into())], constants)
            }
            Shown::Cookie(name) => {
                let mut request = with_fields(to, Encoding::Json, vec![], &[]);
                add_cookie(request.headers_mut(), name, token);
                request
            }
            Shown::Bearer => {
                let mut request = with_fields(to, Encoding::Json, vec![], &[]);
                if let Some(value) = sensitive(&format!("Bearer {token}")) {
                    request.headers_mut().insert(header::AUTHORIZATION, value);
                }
                request
            }
        }
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

/// A request with these fields in its body; without any, it has none.
fn with_fields(
    to: &Endpoint,
    send: Encoding,
    fields: Vec<(&str, Value)>,
    constants: &[(String, Value)],
) -> Request {
    let constants = constants.iter().map(|(name, value)| (name.as_str(), value.clone()));
    let fields = fields.into_iter().chain(constants).collect::<Vec<_>>();
    let kind = match send {
        Encoding::Form => "application/x-www-form-urlencoded",
        Encoding::Json => "application/json",
    };
    let body = match send {
        _ if fields.is_empty() => String::new(),
        Encoding::Form => {
            let fields = fields.iter().map(|(name, value)| (name, text(value).unwrap_or_default()));
            Serializer::new(String::new()).extend_pairs(fields).finish()
        }
        Encoding::Json => {
            let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
            Value::Object(fields.collect::<Map<_, _>>()).to_string()
        }
    };
    let request = http::Request::builder().method(to.method.clone()).uri(&to.path);
    let request = request.header(header::CONTENT_TYPE, kind).body(Body::from(body));
    request.expect("a checked path")
}

/// One more cookie in a request.
fn add_cookie(headers: &mut HeaderMap, name: &CookieName, value: &str) {
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

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A text, number or boolean as text; what is empty is none.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is_so) => Some(is_so.to_string()),
        _ => None,
    }
}

/// A path without slashes at its end.
fn bare(path: &str) -> &str {
    path.trim_end_matches('/')
}

fn at(head: &Parts, path: &str) -> Request {
    let mut head = head.clone();
    let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    head.uri =
        Uri::try_from(format!("{path}{query}")).expect("a checked path, and a query as it was");
    head.headers.remove(header::CONTENT_LENGTH);
    Request::from_parts(head, Body::empty())
}

/// Whether an answer says no more than that this is not the way to spell it.
pub(crate) fn is_elsewhere(status: StatusCode) -> bool {
    status == StatusCode::NOT_FOUND
        || status == StatusCode::METHOD_NOT_ALLOWED
        || status.is_redirection()
}
