use std::fmt;

use serde::{Deserialize, Serialize};

use crate::session::SessionUser;

/// A user as an API tells of one, whatever it calls the fields ([`crate::Dialect`]).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// Its identity.
    pub id: AccountId,
    /// Public handle.
    pub username: String,
    /// What the person wants to be called; the handle, if the API knows no name.
    pub name: String,
    /// Address, if the API tells it.
    pub email: Option<String>,
    /// Where the picture is; empty if the API tells none.
    pub profile_image_url: String,
}

/// An account's identity: a number, as ours and the brief's are, or a text such as a UUID.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(untagged)]
pub enum AccountId {
    /// A number.
    Number(i64),
    /// Anything else; empty if the API does not tell.
    Text(Box<str>),
}

impl Account {
    /// What a session keeps of it.
    pub(crate) fn snapshot(&self) -> SessionUser {
        SessionUser {
            id: self.id.clone(),
            username: self.username.clone(),
            name: self.name.clone(),
            email: self.email.clone(),
        }
    }
}

impl From<SessionUser> for Account {
    /// As far as a session remembers it.
    fn from(user: SessionUser) -> Self {
        let SessionUser { id, username, name, email } = user;
        Self { id, username, name, email, profile_image_url: String::new() }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(out),
            Self::Text(text) => text.fmt(out),
        }
    }
}
