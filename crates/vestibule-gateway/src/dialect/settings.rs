//! The table `[api]` of the settings file, and what it makes of a [`Dialect`]. Keys that are not known are errors, and so
//! are keys that contradict one another (DF-02).

use std::collections::BTreeMap;

use http::{HeaderName, Method, header};
use serde::Deserialize;
use serde_json::Value;

use super::place::{BodyPath, CookieName, Place, Shown};
use super::{
    Call, Dialect, Encoding, Endpoint, Farewell, Fields, Hands, Login, Me, Register, Renewal,
};
use crate::path::CanonicalPath;

/// Ten years, in seconds: the longest life that is not a slip of the pen.
const LONGEST_LIFE: i64 = 10 * 366 * 24 * 60 * 60;

/// Why `[api]` can't be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidDialect {
    /// One key's value is not what it has to be.
    #[error("{key} {reason}")]
    Key {
        /// Which key, as in `api.login.path`.
        key: &'static str,
        /// What it has to be.
        reason: String,
    },
    /// Two keys that exclude one another.
    #[error("{one} and {other} contradict each other: {reason}")]
    Contradiction {
        /// One of them.
        one: String,
        /// The other.
        other: String,
        /// Why.
        reason: &'static str,
    },
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Settings {
    prefix: Option<String>,
    without: Vec<Without>,
    login: LoginTable,
    refresh: Option<RefreshTable>,
    logout: Option<LogoutTable>,
    me: Option<MeTable>,
    register: Option<RegisterTable>,
    user: UserTable,
    tokens: TokensTable,
    call: CallTable,
}

/// What an API may not have.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Without {
    Refresh,
    Logout,
    Me,
    Register,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct LoginTable {
    path: Option<String>,
    method: String,
    send: Encoding,
    username: String,
    password: String,
    remember: String,
    constants: Constants,
    success: Vec<u16>,
    wrong: Vec<u16>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct RefreshTable {
    path: Option<String>,
    method: String,
    token: Option<Shown>,
    constants: Constants,
    over: Vec<u16>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct LogoutTable {
    path: Option<String>,
    method: String,
    token: Option<Shown>,
    constants: Constants,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct MeTable {
    path: Option<String>,
    method: String,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct RegisterTable {
    path: Option<String>,
    method: String,
    send: Encoding,
    name: String,
    username: String,
    email: String,
    password: String,
    constants: Constants,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct UserTable {
    id: Option<BodyPath>,
    username: Option<BodyPath>,
    name: Option<BodyPath>,
    email: Option<BodyPath>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct TokensTable {
    access: Option<Place>,
    refresh: Option<Place>,
    expires_in: Option<BodyPath>,
    refresh_expires_in: Option<BodyPath>,
    access_life: Option<i64>,
    refresh_life: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct CallTable {
    header: Option<String>,
    scheme: Option<String>,
    cookie: Option<CookieName>,
}

/// Fields that are sent besides, always the same.
type Constants = BTreeMap<String, Value>;

impl Default for LoginTable {
    fn default() -> Self {
        Self {
            path: None,
            method: "POST".to_owned(),
            send: Encoding::Form,
            username: "username".to_owned(),
            password: "password".to_owned(),
            remember: "remember_me".to_owned(),
            constants: Constants::new(),
            success: vec![200, 201, 204],
            wrong: vec![400, 401, 422],
        }
    }
}

impl Default for RefreshTable {
    fn default() -> Self {
        let (path, method, token) = (None, "POST".to_owned(), None);
        Self { path, method, token, constants: Constants::new(), over: vec![401, 403] }
    }
}

impl Default for LogoutTable {
    fn default() -> Self {
        Self { path: None, method: "POST".to_owned(), token: None, constants: Constants::new() }
    }
}

impl Default for MeTable {
    fn default() -> Self {
        Self { path: None, method: "GET".to_owned() }
    }
}

impl Default for RegisterTable {
    fn default() -> Self {
        Self {
            path: None,
            method: "POST".to_owned(),
            send: Encoding::Json,
            name: "name".to_owned(),
            username: "username".to_owned(),
            email: "email".to_owned(),
            password: "password".to_owned(),
            constants: Constants::new(),
        }
    }
}

impl TryFrom<Settings> for Dialect {
    type Error = InvalidDialect;

    fn try_from(settings: Settings) -> Result<Self, InvalidDialect> {
        let Settings { prefix, without, login, refresh, logout, me, register, user, tokens, call } =
            settings;
        check_without(
            &without,
            [
                (Without::Refresh, refresh.is_some()),
                (Without::Logout, logout.is_some()),
                (Without::Me, me.is_some()),
                (Without::Register, register.is_some()),
            ],
        )?;
        let has = |what| !without.contains(&what);
        let prefix = prefix.unwrap_or_else(|| super::PREFIX.to_owned());
        check_path("api.prefix", &prefix)?;
        if prefix.ends_with('/') {
            return Err(wrong(
                "api.prefix",
                "has to be a path without a slash at its end, such as /api/v1",
            ));
        }
        let hands = hands(tokens, has(Without::Refresh))?;
        let shown = hands.refresh.as_ref().map(usual_way);
        let at =
            |path: Option<String>, usual: &str| path.unwrap_or_else(|| format!("{prefix}{usual}"));
        let renewal = |RefreshTable { path, method, token, constants, over }| {
            let to = endpoint("api.refresh", at(path, "/refresh"), &method, &BODIES)?;
            let shown = token.or_else(|| shown.clone()).expect("there is a refresh token to show");
            check_constants("api.refresh.constants", &constants, Some(&shown))?;
            Ok(Renewal { to, shown, constants: pairs(constants), over })
        };
        let farewell = |LogoutTable { path, method, token, constants }| {
            if token.is_some() && !has(Without::Refresh) {
                return Err(contradiction(
                    "api.logout.token",
                    "api.without = [\"refresh\"]",
                    "there is no refresh token to show",
                ));
            }
            let to = endpoint("api.logout", at(path, "/logout"), &method, &ALL)?;
            let shown = token.or_else(|| shown.clone());
            check_constants("api.logout.constants", &constants, shown.as_ref())?;
            Ok(Farewell { to, shown, constants: pairs(constants) })
        };
        Ok(Self {
            login: self::login(login, &at)?,
            refresh: has(Without::Refresh)
                .then(|| renewal(refresh.unwrap_or_default()))
                .transpose()?,
            logout: has(Without::Logout)
                .then(|| farewell(logout.unwrap_or_default()))
                .transpose()?,
            me: has(Without::Me).then(|| self::me(me.unwrap_or_default(), &prefix)).transpose()?,
            register: has(Without::Register)
                .then(|| self::register(register.unwrap_or_default(), &at))
                .transpose()?,
            fields: fields(user),
            hands,
            call: self::call(call)?,
            prefix,
        })
    }
}

fn check_without<const N: usize>(
    without: &[Without],
    given: [(Without, bool); N],
) -> Result<(), InvalidDialect> {
    let both = given.into_iter().find(|(what, is_given)| *is_given && without.contains(what));
    both.map_or(Ok(()), |(what, _)| {
        let name = format!("{what:?}").to_lowercase();
        let without = format!("api.without = [\"{name}\"]");
        Err(contradiction(&format!("[api.{name}]"), &without, "is it there or not?"))
    })
}

fn login(
    table: LoginTable,
    at: &impl Fn(Option<String>, &str) -> String,
) -> Result<Login, InvalidDialect> {
    let LoginTable {
        path,
        method,
        send,
        username,
        password,
        remember,
        constants,
        success,
        wrong: refused,
    } = table;
    let to = endpoint("api.login", at(path, "/login"), &method, &BODIES)?;
    check_constants("api.login.constants", &constants, None)?;
    let mut names = vec![&username, &password];
    names.extend(Some(&remember).filter(|name| !name.is_empty()));
    names.extend(constants.keys());
    if username.is_empty() || password.is_empty() {
        return Err(wrong(
            "api.login.username and api.login.password",
            "have to be names of fields",
        ));
    }
    check_apart("api.login", &names)?;
    if let Some(status) = success.iter().find(|status| refused.contains(status)) {
        return Err(contradiction(
            "api.login.success",
            "api.login.wrong",
            if *status < 400 {
                "an answer can't be both; name it once"
            } else {
                "a refusal is no success"
            },
        ));
    }
    let remember = Some(remember).filter(|name| !name.is_empty());
    Ok(Login {
        to,
        send,
        username,
        password,
        remember,
        constants: pairs(constants),
        success,
        wrong: refused,
    })
}

fn me(MeTable { path, method }: MeTable, prefix: &str) -> Result<Me, InvalidDialect> {
    // The FastAPI backend knows the first alone; of the second it makes the user named `me`.
    let other = path.is_none().then(|| format!("{prefix}/user/me"));
    let path = path.unwrap_or_else(|| format!("{prefix}/user/me/"));
    let to = endpoint("api.me", path, &method, &[Method::GET, Method::POST])?;
    Ok(Me { to, other })
}

fn register(
    table: RegisterTable,
    at: &impl Fn(Option<String>, &str) -> String,
) -> Result<Register, InvalidDialect> {
    let RegisterTable { path, method, send, name, username, email, password, constants } = table;
    let to = endpoint("api.register", at(path, "/user"), &method, &BODIES)?;
    check_constants("api.register.constants", &constants, None)?;
    let names = [("name", name), ("username", username), ("email", email), ("password", password)];
    let mut sent: Vec<&String> = names.iter().map(|(_, name)| name).collect();
    sent.extend(constants.keys());
    sent.retain(|name| !name.is_empty());
    check_apart("api.register", &sent)?;
    Ok(Register { to, send, names, constants: pairs(constants) })
}

fn fields(table: UserTable) -> Fields {
    let named = |path: Option<BodyPath>, usual: &str| path.unwrap_or_else(|| super::field(usual));
    Fields {
        id: named(table.id, "id"),
        username: named(table.username, "username"),
        name: named(table.name, "name"),
        email: named(table.email, "email"),
    }
}

fn hands(table: TokensTable, has_refresh: bool) -> Result<Hands, InvalidDialect> {
    let TokensTable { access, refresh, expires_in, refresh_expires_in, access_life, refresh_life } =
        table;
    let of_refresh = [
        ("api.tokens.refresh", refresh.is_some()),
        ("api.tokens.refresh-expires-in", refresh_expires_in.is_some()),
        ("api.tokens.refresh-life", refresh_life.is_some()),
    ];
    if let Some((key, _)) = of_refresh.into_iter().find(|(_, is_given)| *is_given && !has_refresh) {
        return Err(contradiction(
            key,
            "api.without = [\"refresh\"]",
            "what is never refreshed needs no refresh token",
        ));
    }
    let access = access.unwrap_or_else(|| Place::Body(super::field("access_token")));
    let refresh = has_refresh.then(|| refresh.unwrap_or_else(usual_refresh));
    if refresh.as_ref() == Some(&access) {
        return Err(contradiction(
            "api.tokens.access",
            "api.tokens.refresh",
            "two tokens can't be in one place",
        ));
    }
    Ok(Hands {
        access,
        refresh,
        expires_in,
        refresh_expires_in,
        access_life: life("api.tokens.access-life", access_life, super::ACCESS_LIFE)?,
        refresh_life: life("api.tokens.refresh-life", refresh_life, super::REFRESH_LIFE)?,
    })
}

fn usual_refresh() -> Place {
    let name = CookieName::try_from("refresh_token".to_owned()).expect("a name of a cookie");
    Place::Cookie(name)
}

/// How a token is shown that comes from there, if nothing else is said.
fn usual_way(place: &Place) -> Shown {
    match place {
        Place::Cookie(name) => Shown::Cookie(name.clone()),
        Place::Body(path) => Shown::Json(path.field()),
    }
}

fn call(CallTable { header, scheme, cookie }: CallTable) -> Result<Call, InvalidDialect> {
    if let Some(cookie) = cookie {
        return match header.is_some() || scheme.is_some() {
            false => Ok(Call::Cookie(cookie)),
            true => Err(contradiction(
                "api.call.cookie",
                "api.call.header or api.call.scheme",
                "an access token is shown in one way",
            )),
        };
    }
    let scheme = scheme.unwrap_or_else(|| if header.is_some() { "" } else { "Bearer" }.to_owned());
    if !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(wrong("api.call.scheme", "has to be a word such as Bearer or Token, or empty"));
    }
    let name = header.unwrap_or_else(|| "authorization".to_owned());
    match HeaderName::try_from(&name) {
        Ok(header) if !NO_HEADERS.contains(&header) => Ok(Call::Header { header, scheme }),
        Ok(_) => Err(wrong(
            "api.call.header",
            "has another meaning in HTTP; for a cookie there is api.call.cookie",
        )),
        Err(_) => Err(wrong("api.call.header", "has to be the name of a header")),
    }
}

/// Headers that can't carry a token.
const NO_HEADERS: [HeaderName; 7] = [
    header::COOKIE,
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

const BODIES: [Method; 3] = [Method::POST, Method::PUT, Method::PATCH];
const ALL: [Method; 5] = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::GET];

fn endpoint(
    table: &'static str,
    path: String,
    method: &str,
    allowed: &[Method],
) -> Result<Endpoint, InvalidDialect> {
    check_path(table, &path)?;
    let found = allowed.iter().find(|allowed| allowed.as_str() == method);
    let method = found.cloned().ok_or_else(|| {
        let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
        wrong(
            table,
            &format!("has the method {method:?}, which has to be one of {}", names.join(", ")),
        )
    })?;
    Ok(Endpoint { method, path })
}

/// A whole path at the API, in the one spelling that the gateway has for it.
fn check_path(key: &'static str, path: &str) -> Result<(), InvalidDialect> {
    match CanonicalPath::parse(path) {
        Ok(canonical) if canonical.as_str() == path && path.len() > 1 => Ok(()),
        _ => Err(wrong(
            key,
            &format!("has the path {path:?}, which has to be a plain one such as /api/token/"),
        )),
    }
}

fn check_constants(
    key: &'static str,
    constants: &Constants,
    shown: Option<&Shown>,
) -> Result<(), InvalidDialect> {
    if constants.values().any(|value| value.is_array() || value.is_object() || value.is_null()) {
        return Err(wrong(key, "have to be texts, numbers or booleans"));
    }
    match shown {
        Some(Shown::Cookie(_) | Shown::Bearer) if !constants.is_empty() => Err(contradiction(
            key,
            "the way that the token is shown",
            "constants go beside a token in a body: \"json FIELD\" or \"form FIELD\"",
        )),
        Some(Shown::Json(field) | Shown::Form(field)) if constants.contains_key(field) => {
            Err(contradiction(key, "the field of the token", "a field is sent once"))
        }
        _ => Ok(()),
    }
}

/// A field is sent once.
fn check_apart(table: &'static str, names: &[&String]) -> Result<(), InvalidDialect> {
    let double = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
    double.map_or(Ok(()), |(_, name)| Err(wrong(table, &format!("sends the field {name:?} twice"))))
}

fn life(key: &'static str, seconds: Option<i64>, usual: i64) -> Result<i64, InvalidDialect> {
    match seconds.unwrap_or(usual) {
        seconds @ 1..=LONGEST_LIFE => Ok(seconds),
        _ => Err(wrong(key, "has to be a number of seconds, up to ten years")),
    }
}

fn pairs(constants: Constants) -> Vec<(String, Value)> {
    constants.into_iter().collect()
}

fn wrong(key: &'static str, reason: &str) -> InvalidDialect {
    InvalidDialect::Key { key, reason: reason.to_owned() }
}

fn contradiction(one: &str, other: &str, reason: &'static str) -> InvalidDialect {
    InvalidDialect::Contradiction { one: one.to_owned(), other: other.to_owned(), reason }
}
