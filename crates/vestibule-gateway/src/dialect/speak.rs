//! What is said to an API in its dialect: the requests.

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use form_urlencoded::Serializer;
use http::header;
use serde_json::{Map, Value};
use vestibule_types::{Access, Refresh, Token};

use super::hear::text;
use super::place::Shown;
use super::tokens::{add_cookie, sensitive};
use super::{Dialect, Encoding, Endpoint};

impl Dialect {
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

    /// The request for the next tokens; `None` if the API has none.
    pub(crate) fn refresh(&self, token: &Token<Refresh>) -> Option<Request> {
        let renewal = self.refresh.as_ref()?;
        Some(self.show(&renewal.to, &renewal.shown, token, &renewal.constants))
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
