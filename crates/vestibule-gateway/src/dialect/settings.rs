//! What the table `[api]` of the settings file makes of a [`Dialect`].

use http::{HeaderName, Method, header};
use serde_json::Value;

use super::checks::{
    ALL, BODIES, InvalidDialect, check_apart, check_constants, check_path, contradiction, endpoint,
    life, wrong,
};
use super::place::{BodyPath, CookieName, Place, Shown};
use super::tables::{
    CallTable, Constants, LoginTable, LogoutTable, MeTable, RefreshTable, RegisterTable, Settings,
    TokensTable, UserTable, Without,
};
use super::{Call, Dialect, Farewell, Fields, Hands, Login, Me, Register, Renewal};

impl TryFrom<Settings> for Dialect {
    type Error = InvalidDialect;

    fn try_from(settings: Settings) -> Result<Self, InvalidDialect> {
        let Settings { prefix, without, login, refresh, logout, me, register, user, tokens, call } =
            settings;
        let prefix = self::prefix(prefix)?;
        let refresh = unless(&without, Without::Refresh, refresh)?;
        let logout = unless(&without, Without::Logout, logout)?;
        let me = unless(&without, Without::Me, me)?;
        let register = unless(&without, Without::Register, register)?;
        let hands = hands(tokens, refresh.is_some())?;
        let shown = hands.refresh.as_ref().map(usual_way);
        Ok(Self {
            login: self::login(login, &prefix)?,
            refresh: refresh.map(|table| renewal(table, &prefix, shown.as_ref())).transpose()?,
            logout: logout.map(|table| farewell(table, &prefix, shown.as_ref())).transpose()?,
            me: me.map(|table| self::me(table, &prefix)).transpose()?,
            register: register.map(|table| self::register(table, &prefix)).transpose()?,
            fields: fields(user),
            hands,
            call: self::call(call)?,
            prefix,
        })
    }
}

/// What the API has: as the table says, or else as usual. `None` if it is without.
fn unless<T: Default>(
    without: &[Without],
    what: Without,
    table: Option<T>,
) -> Result<Option<T>, InvalidDialect> {
    if !without.contains(&what) {
        return Ok(Some(table.unwrap_or_default()));
    }
    let name = format!("{what:?}").to_lowercase();
    let both = [format!("[api.{name}]"), format!("api.without = [\"{name}\"]")];
    match table {
        None => Ok(None),
        Some(_) => Err(contradiction(&both[0], &both[1], "is it there or not?")),
    }
}

fn prefix(given: Option<String>) -> Result<String, InvalidDialect> {
    let prefix = given.unwrap_or_else(|| super::PREFIX.to_owned());
    check_path("api.prefix", &prefix)?;
    match prefix.ends_with('/') {
        false => Ok(prefix),
        true => Err(wrong("api.prefix", "has to be without a slash at its end, such as /api/v1")),
    }
}

fn login(table: LoginTable, prefix: &str) -> Result<Login, InvalidDialect> {
    let LoginTable { path, method, send, username, password, remember, constants, .. } = table;
    let to = endpoint("api.login", at(path, prefix, "/login"), &method, &BODIES)?;
    check_constants("api.login.constants", &constants, None)?;
    if username.is_empty() || password.is_empty() {
        let reason = "have to be names of fields";
        return Err(wrong("api.login.username and api.login.password", reason));
    }
    let remember = Some(remember).filter(|name| !name.is_empty());
    let names = [&username, &password].into_iter().chain(&remember).chain(constants.keys());
    check_apart("api.login", &names.collect::<Vec<_>>())?;
    let (success, wrong) = (table.success, table.wrong);
    if success.iter().any(|status| wrong.contains(status)) {
        let reason = "no answer is both";
        return Err(contradiction("api.login.success", "api.login.wrong", reason));
    }
    let constants = pairs(constants);
    Ok(Login { to, send, username, password, remember, constants, success, wrong })
}

fn renewal(
    table: RefreshTable,
    prefix: &str,
    shown: Option<&Shown>,
) -> Result<Renewal, InvalidDialect> {
    let RefreshTable { path, method, token, constants, over } = table;
    let to = endpoint("api.refresh", at(path, prefix, "/refresh"), &method, &BODIES)?;
    let shown = token.or_else(|| shown.cloned()).expect("there is a refresh token to show");
    check_constants("api.refresh.constants", &constants, Some(&shown))?;
    Ok(Renewal { to, shown, constants: pairs(constants), over })
}

fn farewell(
    table: LogoutTable,
    prefix: &str,
    shown: Option<&Shown>,
) -> Result<Farewell, InvalidDialect> {
    let LogoutTable { path, method, token, constants } = table;
    if token.is_some() && shown.is_none() {
        let reason = "there is no refresh token to show";
        return Err(contradiction("api.logout.token", "api.without = [\"refresh\"]", reason));
    }
    let to = endpoint("api.logout", at(path, prefix, "/logout"), &method, &ALL)?;
    let shown = token.or_else(|| shown.cloned());
    check_constants("api.logout.constants", &constants, shown.as_ref())?;
    Ok(Farewell { to, shown, constants: pairs(constants) })
}

fn at(path: Option<String>, prefix: &str, usual: &str) -> String {
    path.unwrap_or_else(|| format!("{prefix}{usual}"))
}

fn me(MeTable { path, method }: MeTable, prefix: &str) -> Result<Me, InvalidDialect> {
    // The FastAPI backend knows the first alone; of the second it makes the user named `me`.
    let other = path.is_none().then(|| format!("{prefix}/user/me"));
    let path = path.unwrap_or_else(|| format!("{prefix}/user/me/"));
    let to = endpoint("api.me", path, &method, &[Method::GET, Method::POST])?;
    Ok(Me { to, other })
}

fn register(table: RegisterTable, prefix: &str) -> Result<Register, InvalidDialect> {
    let RegisterTable { path, method, send, name, username, email, password, constants } = table;
    let to = endpoint("api.register", at(path, prefix, "/user"), &method, &BODIES)?;
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

fn pairs(constants: Constants) -> Vec<(String, Value)> {
    constants.into_iter().collect()
}
