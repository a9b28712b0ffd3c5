use std::fmt;

use crate::requests::path_segment;
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
    /// What else is known of it.
    pub facts: AccountFacts,
}

/// What only some APIs tell of an account. Moments are RFC 3339 in UTC with three digits of a second.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AccountFacts {
    /// When it was made.
    pub created_at: Option<String>,
    /// When it was last changed.
    pub updated_at: Option<String>,
    /// Whether the address is known to be its owner's.
    pub email_verified: bool,
    /// Its tier.
    pub tier_id: Option<i64>,
    /// Whether it may do everything.
    pub is_superuser: Option<bool>,
}

/// An account's identity: a number, as ours and the brief's are, or a text such as a UUID.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum AccountId {
    /// A number.
    Number(i64),
    /// Anything else; empty if the API does not tell.
    Text(Box<str>),
}

impl Account {
    /// An account of which an API has told nothing but that it is there.
    pub(crate) fn named(username: &str, name: &str, email: &str) -> Self {
        let email = Some(email.to_owned()).filter(|email| !email.is_empty());
        let id = AccountId::Text(Box::default());
        let (username, name) = (username.to_owned(), name.to_owned());
        SessionUser { id, username, name, email }.into()
    }

    /// Where the API changes and deletes it, below its prefix.
    pub fn path(&self) -> String {
        format!("/user/{}", path_segment(&self.username))
    }

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
        let (profile_image_url, facts) = Default::default();
        Self { id, username, name, email, profile_image_url, facts }
    }
}

impl AccountId {
    /// As bytes: a number never passes for a text.
    pub(crate) fn pack(&self) -> Vec<u8> {
        match self {
            Self::Number(number) => [b"n".as_slice(), &number.to_be_bytes()].concat(),
            Self::Text(text) => [b"t", text.as_bytes()].concat(),
        }
    }

    /// What [`AccountId::pack`] made bytes of.
    pub(crate) fn unpack(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (b'n', number) => Some(Self::Number(i64::from_be_bytes(number.try_into().ok()?))),
            (b't', text) => Some(Self::Text(str::from_utf8(text).ok()?.into())),
            _ => None,
        }
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
