//! The table `[api]` as it is written, with the defaults of its keys. A key that is not known is an error (DF-02).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::Encoding;
use super::place::{BodyPath, CookieName, Place, Shown};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Settings {
    pub(super) prefix: Option<String>,
    pub(super) without: Vec<Without>,
    pub(super) login: LoginTable,
    pub(super) refresh: Option<RefreshTable>,
    pub(super) logout: Option<LogoutTable>,
    pub(super) me: Option<MeTable>,
    pub(super) register: Option<RegisterTable>,
    pub(super) user: UserTable,
    pub(super) tokens: TokensTable,
    pub(super) call: CallTable,
}

/// What an API may not have.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Without {
    Refresh,
    Logout,
    Me,
    Register,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct LoginTable {
    pub(super) path: Option<String>,
    pub(super) method: String,
    pub(super) send: Encoding,
    pub(super) username: String,
    pub(super) password: String,
    pub(super) remember: String,
    pub(super) constants: Constants,
    pub(super) success: Vec<u16>,
    pub(super) wrong: Vec<u16>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RefreshTable {
    pub(super) path: Option<String>,
    pub(super) method: String,
    pub(super) token: Option<Shown>,
    pub(super) constants: Constants,
    pub(super) over: Vec<u16>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct LogoutTable {
    pub(super) path: Option<String>,
    pub(super) method: String,
    pub(super) token: Option<Shown>,
    pub(super) constants: Constants,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct MeTable {
    pub(super) path: Option<String>,
    pub(super) method: String,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RegisterTable {
    pub(super) path: Option<String>,
    pub(super) method: String,
    pub(super) send: Encoding,
    pub(super) name: String,
    pub(super) username: String,
    pub(super) email: String,
    pub(super) password: String,
    pub(super) constants: Constants,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct UserTable {
    pub(super) id: Option<BodyPath>,
    pub(super) username: Option<BodyPath>,
    pub(super) name: Option<BodyPath>,
    pub(super) email: Option<BodyPath>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct TokensTable {
    pub(super) access: Option<Place>,
    pub(super) refresh: Option<Place>,
    pub(super) expires_in: Option<BodyPath>,
    pub(super) refresh_expires_in: Option<BodyPath>,
    pub(super) access_life: Option<i64>,
    pub(super) refresh_life: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CallTable {
    pub(super) header: Option<String>,
    pub(super) scheme: Option<String>,
    pub(super) cookie: Option<CookieName>,
}

/// Fields that are sent besides, always the same.
pub(super) type Constants = BTreeMap<String, Value>;

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
