//! What is particular about an API: where it signs in and out, what it calls things, and how tokens come and go. The
//! default speaks with our own API and with the brief's FastAPI backend; for others it is the table `[api]` of the
//! settings file. Nothing else in this crate knows a path or a field of an API.

mod checks;
mod hear;
mod paths;
mod place;
mod refusal;
mod settings;
mod speak;
mod tables;
mod tokens;

use http::{HeaderName, Method};
use serde::Deserialize;
use serde_json::Value;

pub use checks::InvalidDialect;
pub(crate) use paths::is_elsewhere;
pub(crate) use place::{BodyPath, Place, cookie_set};
use place::{CookieName, Shown};
use tables::Settings;

/// Where the API's routes are, unless it is said.
const PREFIX: &str = "/api/v1";
/// Life of a token that does not say, in seconds: the contract's.
const ACCESS_LIFE: i64 = 30 * 60;
const REFRESH_LIFE: i64 = 7 * 24 * 60 * 60;

/// What is particular about an API.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Settings")]
pub struct Dialect {
    prefix: String,
    login: Login,
    refresh: Option<Renewal>,
    logout: Option<Farewell>,
    me: Option<Me>,
    register: Option<Register>,
    fields: Fields,
    pub(crate) hands: Hands,
    call: Call,
}

/// Where something is done.
#[derive(Clone, Debug)]
struct Endpoint {
    method: Method,
    path: String,
}

/// How fields are sent.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Encoding {
    Form,
    Json,
}

#[derive(Clone, Debug)]
struct Login {
    to: Endpoint,
    send: Encoding,
    username: String,
    password: String,
    /// What tells the API that somebody is not to be remembered, if it wants to know.
    remember: Option<String>,
    constants: Vec<(String, Value)>,
    success: Vec<u16>,
    wrong: Vec<u16>,
}

#[derive(Clone, Debug)]
struct Renewal {
    to: Endpoint,
    shown: Shown,
    constants: Vec<(String, Value)>,
    /// Statuses that end a session (G3).
    over: Vec<u16>,
}

#[derive(Clone, Debug)]
struct Farewell {
    to: Endpoint,
    shown: Option<Shown>,
    constants: Vec<(String, Value)>,
}

/// Who a token speaks for, and how it is spelled if not so.
#[derive(Clone, Debug)]
struct Me {
    to: Endpoint,
    other: Option<String>,
}

#[derive(Clone, Debug)]
struct Register {
    to: Endpoint,
    send: Encoding,
    /// What a field of the form is called at the API; empty: it is not sent.
    names: [(&'static str, String); 4],
    constants: Vec<(String, Value)>,
}

/// Where an account's fields are.
#[derive(Clone, Debug)]
struct Fields {
    id: BodyPath,
    username: BodyPath,
    name: BodyPath,
    email: BodyPath,
}

/// How the API hands out tokens. Lives are in seconds, and count where neither answer nor token says more.
#[derive(Clone, Debug)]
pub(crate) struct Hands {
    pub(crate) access: Place,
    /// `None`: it hands out none.
    pub(crate) refresh: Option<Place>,
    pub(crate) expires_in: Option<BodyPath>,
    pub(crate) refresh_expires_in: Option<BodyPath>,
    pub(crate) access_life: i64,
    pub(crate) refresh_life: i64,
}

/// How an access token is shown.
#[derive(Clone, Debug)]
enum Call {
    /// `Authorization: Bearer …`, with any header and any word, or none.
    Header {
        header: HeaderName,
        scheme: String,
    },
    Cookie(CookieName),
}

impl Default for Dialect {
    /// Ours, and the brief's.
    fn default() -> Self {
        Self::try_from(Settings::default()).expect("nothing contradicts nothing")
    }
}

fn field(name: &str) -> BodyPath {
    BodyPath::try_from(name.to_owned()).expect("a name is a path")
}
